"""A table of the paper with our numbers in it: entries, and their two forms, a table for people and rows for files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from heatmark.datasets.boxes import title_of
from heatmark.models.methods import METHODS
from heatmark.reports.comparing.cells import Measured
from heatmark.reports.paper.printed import PaperColumn, PaperTable, Slip
from heatmark.reports.rendering.concerns import EVERYTHING, Concerns
from heatmark.reports.rendering.table import MISSING, Cell, Column, Table

# Why a cell has no number of ours.
NOT_RUN, NO_RECORDS, NOBODY = "not run", "no records", "nobody"
PUBLISHED = "published, not run here"
NOT_PRINTED = "no number in the paper"
ABOVE = "in the row above"
SILENT = (PUBLISHED, NOT_PRINTED, ABOVE)
OWN = "own"
HEAD_WIDTHS = {"Type": 0.5, "Epoch": 0.6, "Window": 1.3, "Net": 1.5}
MEASURED_IN_BOXES = ("%", "px")
MARKS = "abcdefghijklmnopqrstuvwxyz"
# The paper prints a dash for a chi-square above this.
HIGHEST_CHI_SQUARE = 1000.0


@dataclass(frozen=True)
class Entry:
    """One cell: the paper's number (None where it prints a dash or nothing) and ours, in the paper's unit.

    state: why there is none of ours, else empty. people: how many ours is over. slips: of the paper's table, from 0.
    remark: a further line under the number. intersection: the same number, where it is about easy, medium or hard
    people, by the other definition of them (datasets/subsets.py), over intersection_people.
    """

    column: PaperColumn
    paper: float | None
    ours: Measured | None = None
    state: str = ""
    people: int | None = None
    slips: tuple[int, ...] = ()
    remark: str = ""
    intersection: Measured | None = None
    intersection_people: int | None = None

    @property
    def difference(self) -> float | None:
        return None if self.ours is None or self.paper is None else self.ours.value - self.paper


@dataclass(frozen=True)
class EntryRow:
    """key: unlike any other of the table. heads: the text columns before the numbers.

    near: empty for a row of the paper; else what one near it is of. recipe: in what it was trained otherwise.
    """

    key: str
    heads: tuple[str, ...]
    entries: tuple[Entry, ...]
    near: str = ""
    recipe: str = ""


@dataclass(frozen=True)
class PaperComparison:
    """One table of the paper beside what one data set of the sweep gives; data set "" where no trial fits.

    caption: how ours were measured. remarks: what keeps the numbers from being comparable. commands: what would fill
    the cells that were not run. people_below: the number of people stands under each number. near: empty for the
    paper's table; else what all of one near it is of.
    """

    paper: PaperTable
    dataset: str
    head_titles: tuple[str, ...]
    rows: tuple[EntryRow, ...]
    caption: str
    remarks: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    people_below: bool = False
    near: str = ""

    @property
    def measured(self) -> int:
        """How many cells hold a number of ours."""
        return sum(entry.ours is not None for row in self.rows for entry in row.entries)


def as_rows(comparison: PaperComparison) -> list[dict[str, Any]]:
    """One record per cell, for files."""
    notes = [slip.note for slip in comparison.paper.slips]
    return [
        {
            "table": comparison.paper.number,
            "dataset": comparison.dataset,
            "row": row.key,
            "column": entry.column.name,
            "unit": entry.column.unit,
            "ours": entry.ours.value if entry.ours else None,
            "ours_sd": entry.ours.spread if entry.ours else None,
            "paper": entry.paper,
            "difference": entry.difference,
            "people": entry.people,
            "intersection": entry.intersection.value if entry.intersection else None,
            "intersection_people": entry.intersection_people,
            "seeds": entry.ours.seeds if entry.ours else 0,
            "state": entry.state or "measured",
            "filled_by": row.near or comparison.near or OWN,
            "recipe": row.recipe,
            "slips": " ".join(notes[index] for index in entry.slips),
        }
        for row in comparison.rows
        for entry in row.entries
    ]


FILE_TYPES = {
    **dict.fromkeys(("dataset", "row", "column", "unit", "state", "filled_by", "recipe", "slips"), "str"),
    **dict.fromkeys(("ours", "ours_sd", "paper", "difference", "intersection"), "float64"),
    **{"table": "int64", "people": "Int64", "intersection_people": "Int64", "seeds": "int64"},
}


def as_frame(comparison: PaperComparison) -> pd.DataFrame:
    """A row for each cell of the table, as its csv and parquet files have it."""
    columns = ["table", "dataset", "row", "column", "unit", "ours", "ours_sd", "paper", "difference", "people"]
    columns += ["intersection", "intersection_people", "seeds", "state", "filled_by", "recipe", "slips"]
    return pd.DataFrame(as_rows(comparison), columns=columns).astype(FILE_TYPES)


def as_table(comparison: PaperComparison, name: str) -> Table:
    """Ours large, the paper's number and the difference under it; slips and recipes as lettered footnotes."""
    paper = comparison.paper
    columns = [
        Column(title, False, width=HEAD_WIDTHS.get(title, 1.5)) for place, title in enumerate(comparison.head_titles)
    ]
    columns += [Column(each.name, True, _unit(paper, each)) for each in paper.columns]
    if not comparison.people_below:
        columns += [Column("People", True, width=0.7), Column("Seeds", True, width=0.6)]
    used = sorted({index for row in comparison.rows for entry in row.entries for index in entry.slips})
    # What concerns whole rows needs no mark in each of their cells.
    marks = {index: MARKS[place] for place, index in enumerate(index for index in used if paper.slips[index].columns)}
    recipes, recipe_notes = _recipes(comparison)
    about = _concerns(comparison)
    rows = tuple(
        _row(comparison, row, marks, recipes.get(row.recipe, ""), about.get(row.key, EVERYTHING))
        for row in comparison.rows
    )
    whole = [_whole_rows(paper.slips[index]) for index in used if index not in marks]
    marked = [f"[{mark}] {paper.slips[index].note}" for index, mark in marks.items()]
    where = f" on {comparison.dataset}" if comparison.dataset else ""
    near = f"Near Table {paper.number}{where}: {comparison.near}"
    return Table(
        tuple(columns),
        rows,
        caption=comparison.caption,
        name=name,
        title=near if comparison.near else f"The paper's Table {paper.number}{where}",
        notes=(*recipe_notes, *marked, *whole, *comparison.remarks),
        commands=comparison.commands,
        concerns=Concerns((), (comparison.dataset,)) if comparison.dataset else EVERYTHING,
    )


def _concerns(comparison: PaperComparison) -> dict[str, Concerns]:
    """By the row's key, of those that are of a method that we run; a row near one is about the same."""
    labels = {row.key: METHODS[row.method].label for row in comparison.paper.rows if row.method}
    keys = (row.key for row in comparison.rows)
    return {key: Concerns((labels[own],)) for key in keys if (own := key.partition(", near: ")[0]) in labels}


def _unit(paper: PaperTable, column: PaperColumn) -> str:
    """With the boxes, where columns differ in them."""
    mixed = len({paper.boxes_of(each.name) for each in paper.columns}) > 1
    if not mixed or column.unit not in MEASURED_IN_BOXES:
        return column.unit
    return f"{column.unit}, {title_of(paper.boxes_of(column.name))}"


def _recipes(comparison: PaperComparison) -> tuple[dict[str, str], list[str]]:
    """The letter of each recipe, and the footnotes. What all rows with numbers share needs no letter."""
    found = {row.recipe: None for row in comparison.rows if any(entry.ours for entry in row.entries)}
    notes = [note for note in found if note]
    if len(found) == 1:
        return {}, notes
    letters = {note: MARKS[place].upper() for place, note in enumerate(notes)}
    return letters, [f"[{letter}] {note}" for note, letter in letters.items()]


def _whole_rows(slip: Slip) -> str:
    rows = f" (rows {', '.join(slip.rows)})" if slip.rows else ""
    return f"In print{rows}: {slip.note}"


def _row(
    comparison: PaperComparison, row: EntryRow, marks: Mapping[int, str], recipe: str, about: Concerns
) -> tuple[Cell, ...]:
    texts = [f"{row.heads[0]} [{recipe}]" if recipe else row.heads[0], *row.heads[1:]]
    heads = [Cell(text, order=text, concerns=about) for text in texts]
    people = None if comparison.people_below else _common([entry.people for entry in row.entries if entry.ours])
    cells = [_cell(entry, marks, people) for entry in row.entries]
    if comparison.people_below:
        return *heads, *cells
    seeds = _common([entry.ours.seeds for entry in row.entries if entry.ours])
    return *heads, *cells, _count(people), _count(seeds)


def _common(values: Sequence[int | None]) -> int | None:
    """The largest: a metric that a seed lacks shows in the file."""
    return max((value for value in values if value is not None), default=None)


def _count(value: int | None) -> Cell:
    return Cell(MISSING) if value is None else Cell(str(value), order=float(value))


def _cell(entry: Entry, marks: Mapping[int, str], people_of_row: int | None) -> Cell:
    """A cell over other people than its row says so."""
    lines = []
    if entry.ours and entry.ours.spread is not None:
        lines.append(f"± {_number(entry.ours.spread, entry.column)}")
    mark = "".join(f"[{marks[index]}]" for index in entry.slips if index in marks)
    if entry.paper is not None or mark:
        change = "" if entry.difference is None else f" ({_signed(entry.difference, entry.column)})"
        paper = MISSING if entry.paper is None else _number(entry.paper, entry.column)
        lines.append(f"paper {paper}{mark}{change}")
    if entry.people is not None and entry.people != people_of_row:
        lines.append(f"n {entry.people}")
    if entry.remark:
        lines.append(entry.remark)
    if entry.intersection:
        lines.append(f"∩ {_number(entry.intersection.value, entry.column)}, n {entry.intersection_people}")
    if entry.ours is None:
        return Cell(MISSING if entry.state in SILENT else entry.state, "\n".join(lines))
    # A page sorts what has no order last, which is where an infinite number belongs.
    order = entry.ours.value if math.isfinite(entry.ours.value) else ""
    return Cell(_number(entry.ours.value, entry.column), "\n".join(lines), order=order)


def _number(value: float, column: PaperColumn) -> str:
    if column.name.endswith(" gain"):
        return _signed(value, column)
    if not column.unit and value > HIGHEST_CHI_SQUARE:
        return f"> {HIGHEST_CHI_SQUARE:.0f}"
    return f"{value:.{column.decimals}f}"


def _signed(value: float, column: PaperColumn) -> str:
    """With its sign, a true minus."""
    if not column.unit and abs(value) > HIGHEST_CHI_SQUARE:
        return f"> {HIGHEST_CHI_SQUARE:.0f}"
    text = f"{abs(value):.{column.decimals}f}"
    sign = "" if float(text) == 0 else "+" if value > 0 else "−"
    return f"{sign}{text}"
