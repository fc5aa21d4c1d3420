"""Document -> PDF by typst. Text reaches the template as JSON data, never as markup."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typst

from heatmark.reports.rendering.figure import FigurePart
from heatmark.reports.rendering.table import Table
from heatmark.reports.sections.document import Document

TEMPLATE = Path(__file__).with_name("report.typ")


def render_pdf(document: Document) -> bytes:
    """The whole report. Fonts are the ones typst brings, and no clock is read: same document, same bytes."""
    (pdf,) = _compile(document, format="pdf")
    return pdf


def render_pages(document: Document, ppi: float = 80) -> list[bytes]:
    """Every page as PNG, for looking at."""
    return _compile(document, format="png", ppi=ppi)


def _compile(document: Document, **options: Any) -> list[bytes]:
    with tempfile.TemporaryDirectory(prefix="heatmark-report-") as name:
        folder = Path(name)
        shutil.copy(TEMPLATE, folder / "report.typ")
        (folder / "data.json").write_text(json.dumps(_data(document, folder)), encoding="utf-8")
        pages = typst.compile(
            str(folder / "report.typ"), root=name, ignore_system_fonts=True, timestamp=0, pdf_tags=True, **options
        )
    return pages if isinstance(pages, list) else [pages]


def _data(document: Document, folder: Path) -> dict[str, Any]:
    """The document as JSON values; drawings and crops become files in the folder."""
    sheets = []
    for number, sheet in enumerate(document.sheets):
        rows = []
        for row_number, row in enumerate(sheet.rows):
            files = [f"crop-{number}-{row_number}-{column}.jpg" for column in range(len(row))]
            for file, crop in zip(files, row, strict=True):
                (folder / file).write_bytes(crop.jpeg)
            rows.append([{"file": file, "text": crop.text} for file, crop in zip(files, row, strict=True)])
        sheets.append({"columns": sheet.columns, "rows": rows, "caption": sheet.caption})
    return {
        "title": document.title,
        "date": document.date,
        "stamp": document.stamp,
        "summary": document.summary,
        "verdict": document.verdict,
        "verdict_tables": [_table(table) for table in document.verdict_tables],
        "convergence": [_table(table) for table in document.convergence],
        "accuracy": [_table(table) for table in document.accuracy],
        "paper": [_table(table) for table in document.paper],
        "record_notes": document.record_notes,
        "figures": _figures(document.figures, folder, "figure"),
        "paper_figures": _figures(document.paper_figures, folder, "paper-figure"),
        "sheets": sheets,
        "sheet_notes": document.sheet_notes,
        "problems": [problem.__dict__ for problem in document.problems],
        "setup": document.setup,
        "environment": document.environment,
    }


def _figures(parts: Sequence[FigurePart], folder: Path, stem: str) -> list[dict[str, str]]:
    """Those without a drawing have no file."""
    figures = []
    for number, part in enumerate(parts):
        file = f"{stem}-{number}.svg" if part.svg else ""
        if file:
            (folder / file).write_text(part.svg, encoding="utf-8")
        figures.append({**part.__dict__, "svg": "", "file": file})
    return figures


def _table(table: Table) -> dict[str, Any]:
    return {
        "columns": [column.__dict__ for column in table.columns],
        # Without `order`, which a page sorts by: it may be infinite, and JSON has no such number.
        "rows": [[{"text": cell.text, "under": cell.under, "best": cell.best} for cell in row] for row in table.rows],
        "title": table.title,
        "caption": table.caption,
        "notes": table.notes,
        "commands": table.commands,
    }
