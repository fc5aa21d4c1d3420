"""A table as text for people, in one neutral form that PDF, page and LaTeX show, and with it its numbers for files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from heatmark.reports.rendering.concerns import EVERYTHING, Concerns

MISSING = "–"


@dataclass(frozen=True)
class Link:
    """To a file or a folder, or with an address to a page elsewhere. The page alone shows links."""

    text: str
    target: Path | str


@dataclass(frozen=True)
class Cell:
    """text, and what stands small under it, line by line. order: what a click on the column's header sorts by.

    concerns: of the whole row, where it is told by this cell. links: after the text.
    """

    text: str
    under: str = ""
    best: bool = False
    order: float | str = ""
    concerns: Concerns = EVERYTHING
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Column:
    """unit is shown under the title; width is relative to a column of numbers. concerns: of a column of one cell."""

    title: str
    numeric: bool
    unit: str = ""
    width: float = 1.0
    concerns: Concerns = EVERYTHING


@dataclass(frozen=True)
class Table:
    """caption: what it shows, in a sentence or two. details: how to read it, for who wants to know: a fold on the page,
    a note under the table on paper. name: of its files, and unlike any other table's of the report. notes:
    footnotes, in the order of their marks.

    commands: what would fill it, to be copied into a shell as they are.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str
    name: str = ""
    title: str = ""
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    details: str = ""
    concerns: Concerns = EVERYTHING

    @property
    def told(self) -> str:
        """Caption and details together."""
        return f"{self.caption} {self.details}".strip()


@dataclass(frozen=True)
class Export:
    """A table as shown, and its numbers with all digits. headed: under a heading of its own, without a number.

    shown: False for what is in the files alone. folded: on the page behind its title, and not in the PDF.
    """

    table: Table
    numbers: pd.DataFrame
    headed: bool = False
    shown: bool = True
    folded: bool = False
