"""Which cells one figure compares: those of one data set, backbone and box source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from heatmark.datasets.formats import FORMATS
from heatmark.models.methods import METHODS
from heatmark.reports.cells import GridCell
from heatmark.reports.collect import Trial
from heatmark.reports.protocol import protocol

PAPER_METHODS = ("detection", "ipr", "bcir")
PAPER_BETA = 10.0
# What a figure about a method's own fields varies; all else of two cells should be alike.
VARIED = frozenset({"name", "beta", "t_o"})


@dataclass(frozen=True)
class Setting:
    """cells: in grid order, some perhaps not finished."""

    dataset: str
    backbone: str
    boxes: str
    format: str
    cells: tuple[GridCell, ...]

    @property
    def headline(self) -> str:
        """The metric to show first; higher is better."""
        return next(each.headline for name, each in FORMATS.items() if name == self.format)

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


def settings_of(cells: Sequence[GridCell]) -> list[Setting]:
    """In grid order; a setting without a finished trial has nothing to draw and is left out."""
    groups: dict[tuple[str, str, str, str], list[GridCell]] = {}
    for cell in cells:
        data = cell.spec.data
        groups.setdefault((data.name, cell.spec.backbone, data.bbox_source, data.format), []).append(cell)
    found = [Setting(*key, cells=tuple(members)) for key, members in groups.items()]
    return [setting for setting in found if setting.finished]


def first_of_each_dataset(settings: Sequence[Setting]) -> list[Setting]:
    """For pictures, of which one backbone is enough: the one with most finished cells."""
    found: dict[str, Setting] = {}
    for setting in sorted(settings, key=lambda setting: -len(setting.finished)):
        found.setdefault(setting.dataset, setting)
    return list(found.values())


def first_seed(cell: GridCell) -> Trial:
    return cell.finished[0]
