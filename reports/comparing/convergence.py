"""How long until 80 % and 95 % of the final accuracy: in epochs, images and hours, runs that never got there kept."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from heatmark.datasets.boxes import in_boxes
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.reading.collect import Epoch, Trial
from heatmark.reports.statistics.intervals import kaplan_meier

FRACTIONS = (0.8, 0.95)


@dataclass(frozen=True)
class Arrival:
    """When a trial's headline metric first reached its target, or, not arrived, when it was last seen below.

    epochs counts from 1, images counts each as often as it was trained on, hours are of training and evaluation.
    """

    epochs: float
    images: float | None
    hours: float | None
    arrived: bool


@dataclass(frozen=True)
class MedianTimes:
    """Kaplan and Meier's medians over the seeds of a cell; None where more than half had not arrived."""

    epochs: float | None
    images: float | None
    hours: float | None
    arrived: int
    censored: int


def arrivals(cell: GridCell, fraction: float) -> list[Arrival]:
    """Of every trial of a cell that was evaluated at least once.

    The target is a fraction of the trial's own final value; a trial without a result is measured against the mean
    final value of its cell's finished trials, and where there is none it counts as not arrived.
    """
    finals = [value for trial in cell.finished if (value := trial.final_metric(trial.headline)) is not None]
    common = statistics.fmean(finals) if finals else None
    found = (_arrival(trial, fraction, common) for trial in cell.trials)
    return [arrival for arrival in found if arrival is not None]


def arrivals_at(cell: GridCell, target: float) -> list[Arrival]:
    """As `arrivals`, at one value of the headline metric for all."""
    found = (_arrival_at(trial, target) for trial in cell.trials)
    return [arrival for arrival in found if arrival is not None]


def common_target(cells: Sequence[GridCell]) -> float | None:
    """A quality that each of the cells' trials has well before its end: 80 % of the lowest final value."""
    finals = (trial.final_metric(trial.headline) for cell in cells for trial in cell.finished)
    lowest = min((value for value in finals if value is not None), default=None)
    return FRACTIONS[0] * lowest if lowest else None


def rise(cell: GridCell) -> float | None:
    """How much of its final value a cell gained since its first evaluation, mean over finished seeds.

    None where no seed was evaluated twice. A net that learned nothing is near its end from the start.
    """
    found = []
    for trial in cell.finished:
        _, values = trial.curve(trial.headline)
        if len(values) > 1 and values[-1] > 0:
            found.append((values[-1] - values[0]) / values[-1])
    return statistics.fmean(found) if found else None


def best_target(cells: Sequence[GridCell]) -> float | None:
    """80 % of the highest mean final value: a quality that a net which learned nothing does not have from the start."""
    finals = (cell.final(cell.trials[0].headline) for cell in cells)
    highest = max((final.value for final in finals if final), default=None)
    return FRACTIONS[0] * highest if highest else None


def _arrival(trial: Trial, fraction: float, common: float | None) -> Arrival | None:
    target = trial.final_metric(trial.headline) if trial.finished else common
    # A final value of 0 is reached by anything.
    return _arrival_at(trial, fraction * target if target else None)


def _arrival_at(trial: Trial, wanted: float | None) -> Arrival | None:
    key = in_boxes(trial.boxes, trial.headline)
    evaluated = [epoch for epoch in trial.epochs if key in epoch.val]
    if not evaluated:
        return None
    reached = next((epoch for epoch in evaluated if wanted is not None and epoch.val[key] >= wanted), None)
    return _at(reached or evaluated[-1], reached is not None)


def _at(epoch: Epoch, arrived: bool) -> Arrival:
    hours = None if epoch.wall_s is None else epoch.wall_s / 3600
    return Arrival(epoch.number, epoch.samples_seen, hours, arrived)


def median_times(cell: GridCell, fraction: float) -> MedianTimes:
    """To a fraction of each trial's own final value."""
    return medians_of(arrivals(cell, fraction))


def medians_of(found: Sequence[Arrival]) -> MedianTimes:
    """Of arrivals, by Kaplan and Meier."""
    epochs = _median([(arrival.epochs, arrival.arrived) for arrival in found])
    images = _median([(arrival.images, arrival.arrived) for arrival in found])
    hours = _median([(arrival.hours, arrival.arrived) for arrival in found])
    arrived = sum(arrival.arrived for arrival in found)
    return MedianTimes(epochs, images, hours, arrived, len(found) - arrived)


def _median(times: Sequence[tuple[float | None, bool]]) -> float | None:
    known = [(time, arrived) for time, arrived in times if time is not None]
    return kaplan_meier([time for time, _ in known], [arrived for _, arrived in known]).median
