"""The cells of the grid with their seeds: what tables have one row for."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from heatmark.models.methods import METHODS
from heatmark.reports.comparing.accuracy import cell_of, differing_settings, grid_order, trial_label
from heatmark.reports.reading.collect import Trial
from heatmark.reports.reading.digest import Digest, Evidence
from heatmark.workloads.spec import TrialSpec

PAPER_METHODS = ("detection", "ipr", "bcir")
PAPER_BETA = 10.0
# Fields of a method in which cells may be unlike the paper's and still stand for it.
VARIED = frozenset({"name", "beta", "t_o"})


@dataclass(frozen=True)
class Measured:
    """A mean over seeds. spread: the sample's standard deviation, None from one seed."""

    value: float
    spread: float | None
    seeds: int


@dataclass(frozen=True)
class GridCell:
    """Trials that differ in nothing but the seed. spec: that of the first. label: method, beta, differing settings."""

    label: str
    spec: TrialSpec
    trials: tuple[Trial, ...]
    evidence: Evidence

    @property
    def finished(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.finished)

    @property
    def beta(self) -> float | None:
        return self.trials[0].beta

    @property
    def state(self) -> str:
        """Why there is no value: `not run`, `failed` and so on; for unlike seeds the commonest."""
        return Counter(trial.state for trial in self.trials).most_common(1)[0][0]

    @property
    def digests(self) -> list[Digest]:
        found = (self.evidence.of(trial) for trial in self.finished)
        return [digest for digest in found if digest is not None]

    def final(self, metric: str) -> Measured | None:
        """A metric of the last evaluation, over the seeds that have it."""
        return measured([trial.final_metric(metric) for trial in self.finished])

    def over_digests(self, value: Callable[[Digest], float | None]) -> Measured | None:
        """Something that records tell, over the seeds that have records."""
        return measured([value(digest) for digest in self.digests])


def best_of_each(
    cells: Sequence[GridCell], kind: Callable[[GridCell], tuple[object, ...]], metric: str
) -> list[GridCell]:
    """Of the cells of each kind the one with the highest final metric; where none has any, the first."""
    best: dict[tuple[object, ...], tuple[float, GridCell]] = {}
    for cell in cells:
        found = cell.final(metric)
        value = found.value if found else -math.inf
        if kind(cell) not in best or value > best[kind(cell)][0]:
            best[kind(cell)] = (value, cell)
    return [cell for _, cell in best.values()]


def nearest_to_paper(cells: Iterable[GridCell], method: str) -> GridCell | None:
    """The finished cell of a method that is most like the paper's: in 2D, the method's defaults, and a beta of 10."""
    own = [cell for cell in cells if cell.finished and cell.spec.method.name == method]
    return min(own, key=_distance_from_paper, default=None)


def _distance_from_paper(cell: GridCell) -> tuple[bool, int, float]:
    method = cell.spec.method.model_dump()
    usual = METHODS[cell.spec.method.name]().model_dump()
    differing = sum(method[name] != usual[name] for name in method if name not in VARIED)
    return cell.spec.train.depth, differing, abs(math.log((cell.beta or PAPER_BETA) / PAPER_BETA))


def measured(values: Sequence[float | None]) -> Measured | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    spread = statistics.stdev(known) if len(known) > 1 and all(map(math.isfinite, known)) else None
    return Measured(statistics.fmean(known), spread, len(known))


def grid_cells(trials: Sequence[Trial], evidence: Evidence) -> list[GridCell]:
    """In grid order; trials without a readable spec belong to no cell."""
    settings = differing_settings(trials)
    groups: dict[str, list[Trial]] = {}
    for trial in sorted((trial for trial in trials if trial.spec), key=grid_order):
        groups.setdefault(cell_of(trial), []).append(trial)
    cells = []
    for members in groups.values():
        spec = members[0].spec
        assert spec is not None, "trials without a spec were left out"
        cells.append(GridCell(trial_label(members[0], settings), spec, tuple(members), evidence))
    return cells
