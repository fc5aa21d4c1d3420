"""The one door of this folder: a sweep folder in, its report out."""

from __future__ import annotations

from pathlib import Path

from heatmark.reports.collect import collect
from heatmark.reports.document import assemble
from heatmark.reports.html_file import render_html
from heatmark.reports.pdf_file import render_pdf
from heatmark.reports.tables import accuracy_table
from heatmark.workloads.run_folder import write_atomic


def build_report(sweep: Path) -> list[Path]:
    """Write report.pdf, report.html and report/tables/accuracy.csv into a sweep folder; InputError if it is none."""
    record = collect(sweep)
    table = accuracy_table(record.trials)
    document = assemble(record, table)
    pdf, page, csv = sweep / "report.pdf", sweep / "report.html", sweep / "report" / "tables" / "accuracy.csv"
    write_atomic(csv, table.to_csv(index=False, lineterminator="\n"))
    write_atomic(page, render_html(document))
    write_atomic(pdf, render_pdf(document))
    return [pdf, page, csv]
