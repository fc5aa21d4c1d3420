"""Which cells one figure compares: those of one data set, backbone and box source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.nearest import PAPER_METHODS, nearest_to_paper
from heatmark.reports.comparing.protocol import protocol
from heatmark.reports.comparing.settings import Setting, settings_of
from heatmark.reports.reading.collect import Trial


@dataclass(frozen=True)
class DrawnSetting(Setting):
    """cells: in grid order, some perhaps not finished."""

    cells: tuple[GridCell, ...]

    @cached_property
    def finished(self) -> tuple[GridCell, ...]:
        return tuple(cell for cell in self.cells if cell.finished)

    def nearest_to_paper(self, method: str) -> GridCell | None:
        """Of the finished cells."""
        return nearest_to_paper(self.finished, method)

    @cached_property
    def paper_cells(self) -> dict[str, GridCell]:
        """Detection, IPR and BCIR, those of them that there are."""
        found = {method: self.nearest_to_paper(method) for method in PAPER_METHODS}
        return {method: cell for method, cell in found.items() if cell is not None}

    def first_seed_protocol(self, cells: Sequence[GridCell]) -> str:
        """The same, of what is drawn from one seed of each cell."""
        return f"First seed of each method. {protocol([first_seed(cell) for cell in cells])}"

    def protocol(self, cells: Sequence[GridCell]) -> str:
        """How the numbers of some cells were measured, for a caption."""
        return protocol([trial for cell in cells for trial in cell.finished])


def drawn_settings(cells: Sequence[GridCell]) -> list[DrawnSetting]:
    """In grid order; a setting without a finished trial has nothing to draw and is left out."""
    found = [DrawnSetting(**vars(key), cells=tuple(members)) for key, members in settings_of(cells).items()]
    return [setting for setting in found if setting.finished]


def first_of_each_dataset(settings: Sequence[DrawnSetting]) -> list[DrawnSetting]:
    """For pictures, of which one backbone is enough: the one with most finished cells."""
    found: dict[str, DrawnSetting] = {}
    for setting in sorted(settings, key=lambda setting: -len(setting.finished)):
        found.setdefault(setting.dataset, setting)
    return list(found.values())


def first_seed(cell: GridCell) -> Trial:
    """The finished trial of the lowest seed."""
    return cell.finished[0]
