"""What a person in a hurry asks, per data set: which read-out, by how much, how sure, at what cost, what may change it.

The facts alone; sections/in_short.py puts them into words.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.comparisons import EVERYONE, Comparison, Comparisons
from heatmark.reports.comparing.convergence import MedianTimes, median_times
from heatmark.reports.comparing.settings import Setting
from heatmark.reports.comparing.verdict import Standing, Verdict
from heatmark.reports.reading.collect import Trial
from heatmark.reports.reading.measures import exactly, lower_is_better


@dataclass(frozen=True)
class Early:
    """Who was ahead when half of the epochs were over."""

    cell: GridCell
    epoch: int
    epochs: int


@dataclass(frozen=True)
class Answer:
    """About one data set in its chief setting: that with most finished trials.

    standing: of the headline metric. epe: (the best's, the next's) over everyone. alike: cells that cannot be told
    from the best, and behind: those that are clearly worse; both empty where there are too few seeds. parts: where
    another cell is ahead in EPE, over everyone or on some people. elsewhere: the headline in the data set's other
    settings. early: None where the same cell was ahead half-way. waiting: trials of the setting without a result.
    """

    setting: Setting
    cells: tuple[GridCell, ...]
    standing: Standing
    epe: tuple[float, float | None] | None
    alike: tuple[GridCell, ...]
    behind: tuple[GridCell, ...]
    parts: tuple[Standing, ...]
    elsewhere: tuple[Standing, ...]
    early: Early | None
    times: tuple[MedianTimes, MedianTimes | None]
    waiting: tuple[Trial, ...]

    @property
    def seeds(self) -> tuple[int, int]:
        """Finished ones of the best and of the next, the fewer first."""
        counts = sorted(len(cell.finished) for cell in self.standing.cells)
        return counts[0], counts[-1]


def chief_settings(settings: Mapping[Setting, Sequence[GridCell]]) -> list[Setting]:
    """One of each data set: that with most finished trials, of equals the first; data sets without any are left out."""
    best: dict[str, tuple[int, Setting]] = {}
    for setting, cells in settings.items():
        finished = sum(len(cell.finished) for cell in cells)
        if finished > best.get(setting.dataset, (0, setting))[0]:
            best[setting.dataset] = (finished, setting)
    return [setting for _, setting in best.values()]


def answers(
    settings: Mapping[Setting, Sequence[GridCell]], verdict: Verdict, comparisons: Comparisons
) -> tuple[Answer, ...]:
    """settings: all, with their cells, finished or not. verdict, comparisons: on them."""
    found = (_answer(setting, settings, verdict, comparisons) for setting in chief_settings(settings))
    return tuple(answer for answer in found if answer)


def _answer(
    setting: Setting, settings: Mapping[Setting, Sequence[GridCell]], verdict: Verdict, comparisons: Comparisons
) -> Answer | None:
    own = [standing for standing in verdict.standings if standing.setting == setting]
    standing = next((each for each in own if (each.metric, each.subset) == (setting.headline, EVERYONE)), None)
    if standing is None:
        return None
    cells = tuple(settings[setting])
    elsewhere = (
        each
        for each in verdict.standings
        if (each.setting.dataset, each.metric, each.subset) == (setting.dataset, each.setting.headline, EVERYONE)
    )
    alike, behind = _told_apart(standing, comparisons.pairs)
    times = tuple(median_times(cell, 0.8) for cell in standing.cells)
    return Answer(
        setting=setting,
        cells=cells,
        standing=standing,
        epe=_errors(standing),
        alike=alike,
        behind=behind,
        parts=tuple(each for each in own if each.metric == "EPE" and each.best is not standing.best),
        elsewhere=tuple(each for each in elsewhere if each.setting != setting),
        early=_early(standing, cells),
        times=(times[0], times[1] if len(times) > 1 else None),
        waiting=tuple(trial for cell in cells for trial in cell.trials if not trial.finished),
    )


def _errors(standing: Standing) -> tuple[float, float | None] | None:
    found = [cell.compared_final("EPE") for cell in standing.cells]
    if found[0] is None:
        return None
    return found[0].value, found[1].value if len(found) > 1 and found[1] else None


def _told_apart(standing: Standing, pairs: Sequence[Comparison]) -> tuple[tuple[GridCell, ...], tuple[GridCell, ...]]:
    """Cells that cannot be told from the best, and those clearly behind it, the nearest first."""
    if not standing.judged:
        return (), ()
    of_best = [
        pair
        for pair in pairs
        if (pair.setting, pair.metric, pair.subset) == (standing.setting, standing.metric, standing.subset)
        and (pair.first is standing.best or pair.second is standing.best)
    ]
    alike: list[GridCell] = []
    behind: list[GridCell] = []
    for pair in sorted(of_best, key=lambda pair: abs(pair.difference)):
        other = pair.second if pair.first is standing.best else pair.first
        (behind if pair.clear and pair.better is standing.best else alike).append(other)
    return tuple(alike), tuple(behind)


def _early(standing: Standing, cells: Sequence[GridCell]) -> Early | None:
    """By the means over finished seeds, at the last evaluation that all cells have in their first half."""
    curves = {place: mean_curve(cell, standing.metric) for place, cell in enumerate(cells) if cell.finished}
    shared = set.intersection(*(set(curve) for curve in curves.values())) if len(curves) > 1 else set[int]()
    last = max(shared, default=0)
    half = max((epoch for epoch in shared if 2 * epoch <= last), default=None)
    if half is None:
        return None
    sign = -1 if lower_is_better(standing.metric) else 1
    values = {place: sign * curve[half] for place, curve in curves.items()}
    ahead = cells[max(values, key=lambda place: values[place])]
    return None if ahead is standing.best else Early(ahead, half, last)


def mean_curve(cell: GridCell, metric: str) -> dict[int, float]:
    """A metric over epochs, counted from 1: the mean over finished seeds, at the epochs that all of them have."""
    return {epoch: statistics.fmean(values) for epoch, values in seeds_curve(cell, metric).items()}


def seeds_curve(cell: GridCell, metric: str) -> dict[int, list[float]]:
    """The values of finished seeds at the epochs that all of them have; of all begun seeds where none has finished.

    Read with the mirror exactly undone where the trials know that, as methods are compared.
    """
    trials = [trial for trial in cell.finished if trial.epochs] or list(cell.begun)
    curves = []
    for trial in trials:
        exact = trial.curve(exactly(metric))
        curves.append(dict(zip(*(exact if exact[0] else trial.curve(metric)), strict=True)))
    shared = set.intersection(*map(set, curves)) if curves else set[int]()
    return {epoch: [curve[epoch] for curve in curves] for epoch in sorted(shared)}
