"""Cells that were run in several settings, compared over all of them: mean ranks, and scores as shares of the best."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.settings import Setting
from heatmark.reports.statistics.across import (
    Friedman,
    critical_difference,
    friedman,
    improvement,
    interquartile_interval,
    interquartile_mean,
    ranks,
)
from heatmark.reports.statistics.intervals import Array
from heatmark.reports.statistics.two_levels import FEWEST_SEEDS
from heatmark.workloads.labels import cell_label, differing_settings

# With fewer settings what is said over them is rough.
FEWEST_SETTINGS = 5


@dataclass(frozen=True)
class Overall:
    """One label over all settings. rank: the mean, 1 is the best. cell: its first setting's.

    scores: of each setting the final headline metric of every run, as a share of the best mean of that setting.
    interval: of the interquartile mean over seeds, None where a setting has too few of them. better_than_next: P(a
    new run is better than one of the label ranked after it), None of the last.
    """

    label: str
    cell: GridCell
    rank: float
    scores: tuple[Array, ...]
    interquartile_mean: float
    interval: tuple[float, float] | None
    better_than_next: float | None

    @property
    def score_R(self) -> Array:
        """Of all runs."""
        return np.concatenate(self.scores)


@dataclass(frozen=True)
class Across:
    """methods: the best mean rank first. left_out: labels that did not finish in all of the settings. unused: settings
    in which there is nothing to compare.
    """

    settings: tuple[Setting, ...]
    methods: tuple[Overall, ...]
    test: Friedman
    critical_difference: float
    left_out: tuple[str, ...]
    unused: tuple[Setting, ...]

    @property
    def rough(self) -> bool:
        return len(self.settings) < FEWEST_SETTINGS

    @property
    def apart(self) -> list[tuple[Overall, Overall]]:
        """Better and worse, where ranks are further apart than the critical difference; none unless the ranks as a
        whole are unlike, as Demsar goes about it.
        """
        if self.test.p >= 0.05:
            return []
        pairs = itertools.combinations(self.methods, 2)
        return [(one, other) for one, other in pairs if other.rank - one.rank > self.critical_difference]


def compare_across(settings: Mapping[Setting, Sequence[GridCell]]) -> Across | None:
    """None with fewer than two settings to compare in, or fewer than two labels that finished in all of them.

    A setting counts where two labels have a final headline metric and the best mean of them is above 0.
    """
    finished = {setting: _finished(setting, cells) for setting, cells in settings.items()}
    used = {setting: own for setting, own in finished.items() if len(own) > 1 and _best(setting, own) > 0}
    labels = list(dict.fromkeys(label for own in used.values() for label in own))
    common = [label for label in labels if all(label in own for own in used.values())]
    if len(used) < 2 or len(common) < 2:
        return None
    best = {setting: _best(setting, {label: own[label] for label in common}) for setting, own in used.items()}
    if min(best.values()) <= 0:
        return None
    scores = {
        label: tuple(_values(setting, own[label]) / best[setting] for setting, own in used.items()) for label in common
    }
    rank_Nk = ranks(np.array([[runs[place].mean() for runs in scores.values()] for place in range(len(used))]))
    first = next(iter(used.values()))
    methods = [
        _overall(label, first[label], float(rank), scores[label])
        for label, rank in zip(common, rank_Nk.mean(axis=0), strict=True)
    ]
    return Across(
        tuple(used),
        _ranked(methods),
        friedman(rank_Nk),
        critical_difference(len(common), len(used)),
        tuple(label for label in labels if label not in common),
        tuple(setting for setting in settings if setting not in used),
    )


def _finished(setting: Setting, cells: Sequence[GridCell]) -> dict[str, GridCell]:
    """By label, those with a final headline metric. Where boxes are unlike they tell settings apart, not cells."""
    settings = differing_settings([cell.spec for cell in cells])
    named = {cell_label(cell.spec.method.label, cell.beta, settings[cell.spec.signature]): cell for cell in cells}
    return {label: cell for label, cell in named.items() if len(_values(setting, cell))}


def _values(setting: Setting, cell: GridCell) -> Array:
    """The final headline metric of each run that has one, mirrors merged exactly."""
    values = (trial.compared_metric(setting.headline) for trial in cell.finished)
    return np.array([value for value in values if value is not None], dtype=np.float64)


def _best(setting: Setting, cells: Mapping[str, GridCell]) -> float:
    return max(float(_values(setting, cell).mean()) for cell in cells.values())


def _overall(label: str, cell: GridCell, rank: float, scores: tuple[Array, ...]) -> Overall:
    enough = min(map(len, scores)) >= FEWEST_SEEDS
    interval = interquartile_interval(scores) if enough else None
    return Overall(label, cell, rank, scores, interquartile_mean(np.concatenate(scores)), interval, None)


def _ranked(methods: Sequence[Overall]) -> tuple[Overall, ...]:
    """The best mean rank first, of equal ones the higher interquartile mean."""
    order = sorted(methods, key=lambda each: (each.rank, -each.interquartile_mean))
    better = [improvement(one.scores, other.scores) for one, other in itertools.pairwise(order)]
    return tuple(replace(each, better_than_next=p) for each, p in zip(order, [*better, None], strict=True))
