"""The paper's own tables (paper.yaml) as records: every number with its table, row, column and unit, slips marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("paper.yaml")
METHOD_LETTERS = {"D": "detection", "R": "ipr", "S": "bcir"}


@dataclass(frozen=True)
class PaperColumn:
    """A column as printed."""

    name: str
    unit: str
    decimals: int


@dataclass(frozen=True)
class PaperRow:
    """One row as printed, and what of ours it is set beside.

    method, beta, backbone: None where we run nothing like it (other authors' methods). prior: `always` or `until T_o`,
    where rows differ in that. input: width and height in pixels. values: in the order of the table's columns, None for
    a dash. gain_over: the methods that the printed gains are over. depth: learned in 2.5D.
    """

    name: str
    values: tuple[float | None, ...]
    type: str = ""
    method: str | None = None
    beta: float | None = None
    prior: str = ""
    backbone: str | None = None
    printed_backbone: str = ""
    input: tuple[int, int] | None = None
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
    """A table as printed. slips: where the print contradicts itself."""

    number: int
    title: str
    columns: tuple[PaperColumn, ...]
    rows: tuple[PaperRow, ...]
    slips: tuple[Slip, ...]

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


@cache
def paper_tables() -> dict[int, PaperTable]:
    """Tables 1 to 15 by number."""
    # The parser in C, where PyYAML has it, takes a tenth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: dict[int, dict[str, Any]] = yaml.load(FILE.read_text(encoding="utf-8"), Loader=loader)
    return {number: _table(number, fields) for number, fields in content.items()}


def _table(number: int, fields: dict[str, Any]) -> PaperTable:
    columns = tuple(PaperColumn(*column) for column in fields["columns"])
    slips = tuple(
        Slip(each["note"], tuple(each.get("rows", ())), tuple(each.get("columns", ())))
        for each in fields.get("slips", ())
    )
    return PaperTable(number, fields["title"], columns, tuple(map(_row, fields["rows"])), slips)


def _row(fields: dict[str, Any]) -> PaperRow:
    values = tuple(None if value is None else float(value) for value in fields.pop("values"))
    lists: dict[str, Any] = {name: tuple(fields.pop(name)) for name in ("input", "gain_over") if name in fields}
    return PaperRow(values=values, **fields, **lists)
