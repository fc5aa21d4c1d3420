"""Document -> PDF by typst. Text reaches the template as JSON data, never as markup."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typst

from heatmark.reports.rendering.document import Answers, Block, Crop, Document, Facts, Problem, Sheet, Words
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.table import Export, Table

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
    sections = [
        {
            "title": section.title,
            "first": section.first,
            "new_page": section.new_page,
            "half": section.half,
            "blocks": [_block(block, folder, f"{place}-{number}") for number, block in enumerate(section.printed)],
        }
        for place, section in enumerate(section for section in document.sections if section.printed)
    ]
    return {
        "title": document.title,
        "date": document.date,
        "stamp": document.stamp,
        "summary": document.summary,
        "first": [section for section in sections if section["first"]],
        "rows": _rows([section for section in sections if not section["first"]]),
    }


def _rows(sections: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Sections that stand beside each other: those of half the width, where one follows the other."""
    rows: list[list[dict[str, Any]]] = []
    for section in sections:
        if section["half"] and rows and rows[-1][0]["half"]:
            rows[-1].append(section)
        else:
            rows.append([section])
    return rows


def _block(block: Block, folder: Path, stem: str) -> dict[str, Any]:
    """stem: of its files, unlike any other block's."""
    kind = type(block).__name__.lower()
    match block:
        case Words():
            return {"kind": kind, "text": block.text, "tone": block.tone}
        case Export():
            return {"kind": kind, **_table(block.table), "headed": block.headed}
        case Figure():
            # Those without a drawing have no file.
            file = f"figure-{stem}.svg" if block.svg else ""
            if file:
                (folder / file).write_text(block.svg, encoding="utf-8")
            told = {name: getattr(block, name) for name in ("caption", "description", "title", "absent")}
            return {"kind": kind, **told, "file": file}
        case Sheet():
            rows = [
                [_crop(crop, folder, f"{stem}-{y}-{x}") for x, crop in enumerate(row)]
                for y, row in enumerate(block.rows)
            ]
            return {"kind": kind, "columns": block.columns, "rows": rows, "caption": block.caption}
        case Problem() | Facts() | Answers():
            return {"kind": kind, **{name: value for name, value in vars(block).items() if name != "concerns"}}


def _crop(crop: Crop, folder: Path, stem: str) -> dict[str, str]:
    file = f"crop-{stem}.jpg"
    (folder / file).write_bytes(crop.jpeg)
    return {"file": file, "text": crop.text}


def _table(table: Table) -> dict[str, Any]:
    return {
        "columns": [
            {"title": column.title, "numeric": column.numeric, "unit": column.unit, "width": column.width}
            for column in table.columns
        ],
        # Without `order`, which a page sorts by: it may be infinite, and JSON has no such number.
        "rows": [[{"text": cell.text, "under": cell.under, "best": cell.best} for cell in row] for row in table.rows],
        "title": table.title,
        "caption": table.caption,
        "details": table.details,
        "notes": table.notes,
        "commands": table.commands,
    }
