"""The one door of this folder: a sweep folder in, its report out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from heatmark.foundation.collection import collection_paused
from heatmark.foundation.errors import InputError
from heatmark.foundation.files import write_atomic
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import collect
from heatmark.reports.rendering.document import Document
from heatmark.reports.rendering.html_file import render_html
from heatmark.reports.rendering.note import note
from heatmark.reports.rendering.pdf_file import render_pdf
from heatmark.reports.rendering.picture_files import write_figures, write_sheets
from heatmark.reports.rendering.table_files import write_exports
from heatmark.reports.sections.document import assemble


def build_report(sweep: Path, on_unread: Callable[[str], None] = lambda _line: None) -> list[Path]:
    """Write report.pdf, report.html and report/ into a sweep folder; InputError if it is none.

    Returns the two, and the csv of the accuracy; every table is in report/tables/ as csv, parquet and LaTeX, the
    figures in report/figures/, the predictions in report/predictions/, and the verdict in report/note.md.
    on_unread: called with what is wrong with each file that could not be read, once the report is written without it.
    """
    # A thousand trials stay in memory, and every search for garbage would look through them.
    with collection_paused():
        study = Study(collect(sweep))
        document = assemble(study)
    try:
        written = _write(sweep, document)
    except OSError as error:
        raise InputError(
            f"{sweep}: the report cannot be written there ({error}); make room, or copy the folder elsewhere"
        ) from error
    for line in study.unread:
        on_unread(line)
    return written


def _write(sweep: Path, document: Document) -> list[Path]:
    pdf, page, tables = sweep / "report.pdf", sweep / "report.html", sweep / "report" / "tables"
    # The PDF is made without Python's lock, and by threads of its own that a copy of this process would lack.
    with ThreadPoolExecutor(1) as beside:
        printed = beside.submit(render_pdf, document)
        _write_files(sweep, document, tables)
        write_atomic(page, render_html(document))
        write_atomic(pdf, printed.result())
    return [pdf, page, tables / "accuracy.csv"]


def _write_files(sweep: Path, document: Document, tables: Path) -> None:
    write_exports(tables, document.exports)
    write_figures(sweep / "report" / "figures", document.named_figures)
    write_sheets(sweep / "report" / "predictions", document.sheets)
    write_atomic(sweep / "report" / "note.md", note(document))
