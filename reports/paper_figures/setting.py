"""Which cells one figure compares: those of one data set, backbone and box source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from heatmark.models.methods import METHODS
from heatmark.reports.cells import GridCell
from heatmark.reports.collect import Trial
from heatmark.reports.protocol import protocol
from heatmark.reports.settings import Setting, settings_of

PAPER_METHODS = ("detection", "ipr", "bcir")
PAPER_BETA = 10.0
# What a figure about a method's own fields varies; all else of two cells should be alike.
VARIED = frozenset({"name", "beta", "t_o"})


@dataclass(frozen=True)
class DrawnSetting(Setting):
    """cells: in grid order, some perhaps not finished."""

    cells: tuple[GridCell, ...]

    @property
    def finished(self) -> tuple[GridCell, ...]:
        return tuple(cell for cell in self.cells if cell.finished)

    def nearest_to_paper(self, method: str) -> GridCell | None:
        """The finished cell of a method that is most like the paper's: its defaults, and a beta of 10."""
        own = [cell for cell in self.finished if cell.spec.method.name == method]
        return min(own, key=_distance_from_paper, default=None)

    @property
    def paper_cells(self) -> dict[str, GridCell]:
        """Detection, IPR and BCIR, those of them that there are."""
        found = {method: self.nearest_to_paper(method) for method in PAPER_METHODS}
        return {method: cell for method, cell in found.items() if cell is not None}

    def protocol(self, cells: Sequence[GridCell]) -> str:
        """How the numbers of some cells were measured, for a caption."""
        return protocol([trial for cell in cells for trial in cell.finished])


def _distance_from_paper(cell: GridCell) -> tuple[int, float]:
    method = cell.spec.method.model_dump()
    usual = METHODS[cell.spec.method.name]().model_dump()
    differing = sum(method[name] != usual[name] for name in method if name not in VARIED)
    return differing, abs(math.log((cell.beta or PAPER_BETA) / PAPER_BETA))


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
    return cell.finished[0]
