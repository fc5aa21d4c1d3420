"""Tables with a row for each cell: what tells the rows apart, and what all of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.settings import Setting, setting_names
from heatmark.reports.rendering.concerns import Concerns
from heatmark.reports.rendering.table import Cell, Column

Told = TypeVar("Told")


def cells_that_tell(
    settings: Mapping[Setting, Sequence[GridCell]], tell: Callable[[GridCell], Told | None]
) -> list[tuple[Setting, GridCell, Told]]:
    """The cells of which something can be told, and what, in the order of the settings."""
    return [(setting, cell, told) for setting, cells in settings.items() for cell in cells if (told := tell(cell))]


def concerns_of(*cells: GridCell) -> Concerns:
    """What rows, columns and figures of some cells are about."""
    return Concerns(
        tuple(dict.fromkeys(cell.spec.method.label for cell in cells)),
        tuple(dict.fromkeys(cell.spec.data.name for cell in cells)),
        tuple(dict.fromkeys(cell.spec.backbone for cell in cells)),
    )


def concerns_of_setting(setting: Setting) -> Concerns:
    """What is about all methods of a setting."""
    return Concerns((), (setting.dataset,), (setting.backbone,))


@dataclass(frozen=True)
class CellRows:
    """names: of the settings. shared: what all settings have in common, as a sentence that follows another."""

    names: dict[Setting, str]
    shared: str

    @classmethod
    def of(cls, settings: Iterable[Setting]) -> CellRows:
        """settings: of the rows, each as often as it comes."""
        names, shared = setting_names(settings)
        return cls(names, f" Everywhere: {shared}." if shared else "")

    @property
    def columns(self) -> tuple[Column, ...]:
        """Without that of the setting where there is one alone."""
        cell = Column("Cell", False, width=1.6)
        return (Column("Setting", False, width=1.6), cell) if len(self.names) > 1 else (cell,)

    def heads(self, setting: Setting, cell: GridCell) -> tuple[Cell, ...]:
        """The cells of those columns."""
        label = Cell(cell.label, order=cell.label, concerns=concerns_of(cell))
        name = self.names[setting]
        return (Cell(name, order=name), label) if len(self.names) > 1 else (label,)
