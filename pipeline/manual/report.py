"""What the report has: its sections in order, and the paper's tables and figures in it."""

from __future__ import annotations

import sys

from heatmark.pipeline.manual.text import page, plain, table


def report_page() -> str:
    """Of report.pdf and report.html."""
    from heatmark.reports.sections.section import all_sections

    rows = []
    for section in all_sections():
        module = sys.modules[type(section).__module__].__doc__ or ""
        rows.append((section.title, plain(type(section).__doc__ or ""), plain(module.split("\n\n")[0])))
    return page(
        "The report",
        "`report.pdf` and `report.html` have the same sections, in this order; one that has nothing to say is left "
        "out. Beside them `report/tables/` has every table as csv, parquet and LaTeX, `report/figures/` every figure "
        "as SVG, `report/predictions/` sheets of drawn predictions, and `report/note.md` the verdict in short.",
        table(("Section", "What it shows", "In other words"), rows),
    )
