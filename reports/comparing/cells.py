"""The cells of the grid with their seeds: what tables have one row for."""

from __future__ import annotations

import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from heatmark.models.methods import METHODS
from heatmark.reports.reading.collect import Trial
from heatmark.reports.reading.digest import Digest
from heatmark.reports.reading.evidence import Evidence
from heatmark.workloads.labels import cell_label, differing_settings
from heatmark.workloads.spec import TrialSpec

HASH = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Measured:
    """A mean over seeds. spread: the sample's standard deviation, None from one seed."""

    value: float
    spread: float | None
    seeds: int


@dataclass(frozen=True)
class GridCell:
    """Trials that differ in nothing but the seed. spec: that of the first. settings: what tells it from cells of the
    same method, beta, backbone and data set.
    """

    spec: TrialSpec
    trials: tuple[Trial, ...]
    settings: str
    evidence: Evidence

    @property
    def label(self) -> str:
        return cell_label(self.spec.method.label, self.beta, self.settings)

    @property
    def finished(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.finished)

    @property
    def begun(self) -> tuple[Trial, ...]:
        """Trials with an epoch on record."""
        return tuple(trial for trial in self.trials if trial.epochs)

    @property
    def beta(self) -> float | None:
        return self.trials[0].beta

    @property
    def state(self) -> str:
        """Why there is no value: `not run`, `failed` and so on; for unlike seeds the commonest."""
        return Counter(trial.state for trial in self.trials).most_common(1)[0][0]

    @property
    def digests(self) -> list[Digest]:
        return self.digests_in(None)

    def digests_in(self, boxes: str | None) -> list[Digest]:
        """Of the trials with records of an evaluation in these boxes, a source of datasets/boxes.py; None for any."""
        found = (self.evidence.of(trial) for trial in self.finished if boxes in (None, trial.boxes))
        return [digest for digest in found if digest is not None]

    @property
    def sources(self) -> tuple[str, ...]:
        """Of the boxes that its trials were or are to be evaluated in."""
        return tuple(dict.fromkeys(boxes for trial in self.trials for boxes in trial.sources))

    def final(self, metric: str, boxes: str | None = None) -> Measured | None:
        """A metric of the last evaluation, over the seeds that have it. boxes: a source, None for the trials' own."""
        return measured([trial.final_metric(metric, boxes) for trial in self.finished])

    def compared_final(self, metric: str) -> Measured | None:
        """As methods are compared: the mirror merged exactly, whatever the method's published read-out does."""
        return measured([trial.compared_metric(metric) for trial in self.finished])

    def over_digests(self, value: Callable[[Digest], float | None], boxes: str | None = None) -> Measured | None:
        """Something that records tell, over the seeds that have records. boxes: as in digests_in."""
        return measured([value(digest) for digest in self.digests_in(boxes)])


def seeds_of(cell: GridCell) -> list[int]:
    """Of all its trials, finished or not."""
    return [trial.spec.seed for trial in cell.trials if trial.spec]


def best_of_each(
    cells: Sequence[GridCell],
    kind: Callable[[GridCell], tuple[object, ...]],
    value: Callable[[GridCell], float | None],
) -> list[GridCell]:
    """Of the cells of each kind the one of highest value; where none has any, the first."""
    best: dict[tuple[object, ...], tuple[float, GridCell]] = {}
    for cell in cells:
        found = value(cell)
        height = -math.inf if found is None else found
        if kind(cell) not in best or height > best[kind(cell)][0]:
            best[kind(cell)] = (height, cell)
    return [cell for _, cell in best.values()]


def measured(values: Sequence[float | None]) -> Measured | None:
    """Mean and sample deviation over seeds, of those that have a value; None where none has."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    spread = statistics.stdev(known) if len(known) > 1 and all(map(math.isfinite, known)) else None
    return Measured(statistics.fmean(known), spread, len(known))


def grid_cells(trials: Sequence[Trial], evidence: Evidence) -> list[GridCell]:
    """In grid order; trials without a readable spec belong to no cell."""
    settings = differing_settings([trial.spec for trial in trials if trial.spec])
    groups: dict[str, list[Trial]] = {}
    for trial in sorted((trial for trial in trials if trial.spec), key=grid_order):
        groups.setdefault(_identity(trial), []).append(trial)
    cells = []
    for members in groups.values():
        spec = members[0].spec
        assert spec is not None, "trials without a spec were left out"
        cells.append(GridCell(spec, tuple(members), _short(settings[spec.signature]), evidence))
    return cells


def _short(settings: str) -> str:
    """A hash of a file by its first digits."""
    return HASH.sub(lambda found: found[0][:8], settings)


def grid_order(trial: Trial) -> tuple[Any, ...]:
    """Data set, backbone, method as listed in METHODS, beta, seed; trials without a spec come last."""
    spec = trial.spec
    if spec is None:
        return (1, trial.label, trial.signature)
    method = list(METHODS).index(spec.method.name)
    return (0, spec.data.name, spec.backbone, method, trial.beta or 0.0, _identity(trial), spec.seed)


def _identity(trial: Trial) -> str:
    """The science of the spec without its seed, and how it is measured: of several sweeps each may ask for another."""
    assert trial.spec is not None, "only trials with a spec are in cells"
    return json.dumps({**trial.spec.science(), "seed": None, "boxes": trial.boxes}, sort_keys=True)
