"""What paper.yaml says: every number of the paper's tables, slips marked, and which trials fill tables and figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("paper.yaml")
METHOD_LETTERS = {"D": "detection", "R": "ipr", "S": "bcir"}
FORMAT_OF = {5: "mpii", 7: "rhd", 8: "rhd"}
USUAL_BOXES = "gt"


@dataclass(frozen=True)
class PaperColumn:
    """A column as printed, but for the name of an EPE (see the file)."""

    name: str
    unit: str
    decimals: int


@dataclass(frozen=True)
class PaperRow:
    """One row as printed, and the trial that fills it.

    published: other authors' work, of which we run nothing. method, beta, backbone, sigma: of the trial; None where it
    may have any. prior: `always` or `until T_o`, where rows differ in that. input: width and height in pixels. epochs:
    the evaluations that it needs before the last, from 1. recipe: what it is trained by (paper_recipes), the table's
    where the row names none. values: in the order of the table's columns, None for a dash. gain_over: the methods that
    the printed gains are over. depth: learned in 2.5D.
    """

    name: str
    values: tuple[float | None, ...] = ()
    type: str = ""
    published: bool = False
    method: str | None = None
    beta: float | None = None
    sigma: float | None = None
    prior: str = ""
    backbone: str | None = None
    printed_backbone: str = ""
    input: tuple[int, int] | None = None
    epochs: tuple[int, ...] = ()
    recipe: str = ""
    gain_over: tuple[str, ...] = ()
    depth: bool = False

    @property
    def key(self) -> str:
        """Name, backbone and input: what tells rows of one table apart."""
        size = "{}x{}".format(*self.input) if self.input else ""
        backbone = self.backbone or self.printed_backbone
        return ", ".join(part for part in (self.name, backbone, size) if part)


@dataclass(frozen=True)
class Slip:
    """Something wrong in the print. rows (keys or names) and columns it concerns; empty for all of them."""

    note: str
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def concerns(self, row: PaperRow, column: str) -> bool:
        named = not self.rows or row.key in self.rows or row.name in self.rows
        return named and (not self.columns or column in self.columns)


@dataclass(frozen=True)
class PaperNumber:
    """One number. slips: positions in the table's list of slips, counted from 0."""

    table: int
    row: str
    column: str
    unit: str
    value: float
    slips: tuple[int, ...]


@dataclass(frozen=True)
class PaperTable:
    """A table as printed. slips: where the print contradicts itself.

    sweep: the file that holds its trials. boxes: by column the source of the boxes, where they are not ground truth's.
    cells: the trials of a table whose rows are bands of people, by the letter of their method.
    """

    number: int
    title: str
    sweep: str
    columns: tuple[PaperColumn, ...]
    rows: tuple[PaperRow, ...]
    slips: tuple[Slip, ...]
    boxes: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, PaperRow] = field(default_factory=dict)

    @property
    def format(self) -> str:
        """Of the data that it is about."""
        return FORMAT_OF.get(self.number, "coco")

    @property
    def trials(self) -> tuple[PaperRow, ...]:
        """What is trained for it."""
        return tuple(self.cells.values()) or tuple(row for row in self.rows if not row.published)

    def boxes_of(self, column: str) -> str:
        """A gain is in the boxes of its column."""
        return self.boxes.get(column.removesuffix(" gain"), USUAL_BOXES)

    def row(self, name: str) -> PaperRow:
        """The row with that key, or the first with that name."""
        found = [row for row in self.rows if row.key == name] or [row for row in self.rows if row.name == name]
        return found[0]

    def column(self, name: str) -> PaperColumn:
        return next(column for column in self.columns if column.name == name)

    def value(self, row: PaperRow, column: str) -> float | None:
        """The printed number; None for a dash and for a column that the table does not have."""
        names = [each.name for each in self.columns]
        return row.values[names.index(column)] if column in names else None

    def slips_of(self, row: PaperRow, column: str) -> tuple[int, ...]:
        return tuple(index for index, slip in enumerate(self.slips) if slip.concerns(row, column))

    def numbers(self) -> Iterator[PaperNumber]:
        for row in self.rows:
            for column, value in zip(self.columns, row.values, strict=True):
                if value is not None:
                    slips = self.slips_of(row, column.name)
                    yield PaperNumber(self.number, row.key, column.name, column.unit, value, slips)


@dataclass(frozen=True)
class PaperPart:
    """A part of a figure, `a` or "" for all of it. computed: from formulas, without a trial. The rest as in tables."""

    figure: int
    part: str
    computed: bool = False
    sweep: str = ""
    format: str = "coco"
    trials: tuple[PaperRow, ...] = ()


@dataclass(frozen=True)
class Recipes:
    """settings: of each recipe, by its name, the values of what it fixes. weights: the first digits of the SHA-256 of
    the file that a backbone starts from.
    """

    settings: Mapping[str, Mapping[str, Any]]
    weights: Mapping[str, str]


@cache
def paper_tables() -> dict[int, PaperTable]:
    """Tables 1 to 15 by number."""
    return {number: _table(number, fields) for number, fields in _content().items() if isinstance(number, int)}


@cache
def paper_parts() -> tuple[PaperPart, ...]:
    """Figs. 1 to 11, part by part."""
    figures = _content()["figures"].items()
    return tuple(_part(number, name, fields) for number, parts in figures for name, fields in parts.items())


@cache
def paper_recipes() -> Recipes:
    """What the paper's nets are trained by."""
    return Recipes(_content()["recipes"], _content()["weights"])


@cache
def _content() -> dict[Any, Any]:
    # The parser in C, where PyYAML has it, takes a tenth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[Any, Any] = yaml.load(FILE.read_text(encoding="utf-8"), Loader=loader)
    return found


def _table(number: int, fields: Mapping[str, Any]) -> PaperTable:
    columns = tuple(PaperColumn(*column) for column in fields["columns"])
    slips = tuple(
        Slip(each["note"], tuple(each.get("rows", ())), tuple(each.get("columns", ())))
        for each in fields.get("slips", ())
    )
    rows = tuple(_row(each, fields["recipe"]) for each in fields["rows"])
    boxes, cells = fields.get("boxes", {}), _cells(fields)
    return PaperTable(number, fields["title"], fields["sweep"], columns, rows, slips, boxes, cells)


def _cells(fields: Mapping[str, Any]) -> dict[str, PaperRow]:
    shared = {"epochs": fields["epochs"]} if "epochs" in fields else {}
    found = fields.get("cells", {}).items()
    return {letter: _row({"name": letter, **shared, **each}, fields["recipe"]) for letter, each in found}


def _part(figure: int, name: str, fields: Mapping[str, Any]) -> PaperPart:
    if fields.get("computed"):
        return PaperPart(figure, name, computed=True)
    return PaperPart(figure, name, False, fields["sweep"], fields.get("format", "coco"), tuple(_cells(fields).values()))


def _row(fields: Mapping[str, Any], recipe: str) -> PaperRow:
    values = tuple(None if value is None else float(value) for value in fields.get("values", ()))
    lists = {name: tuple(fields[name]) for name in ("input", "gain_over", "epochs") if name in fields}
    return PaperRow(**{"recipe": recipe, **fields, **lists, "values": values})
