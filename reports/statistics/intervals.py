"""How sure a number is: BCa intervals and p-values from resamples, Holm's correction, Kaplan and Meier's survival."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Array = npt.NDArray[np.float64]

LEVEL = 0.95
# 8 runs against 8 are dealt in all ways.
MOST_DEALS = 20_000
# With fewer resamples than this beyond 0, their share is too coarse and the tail is taken for normal.
FEWEST_IN_TAIL = 5


@dataclass(frozen=True)
class Resampled:
    """A statistic: on the data, on the resamples of the data, and with one image (or group of images) left out.

    Two of the same resampling may be subtracted: resample b holds the same images for both, so the pairs stay pairs.
    """

    value: float
    resamples_B: Array
    jackknife_G: Array

    def __sub__(self, other: Resampled) -> Resampled:
        return Resampled(
            self.value - other.value, self.resamples_B - other.resamples_B, self.jackknife_G - other.jackknife_G
        )

    @property
    def usable(self) -> bool:
        """Whether value, nine of ten resamples and the jackknife are finite: a tiny subset may be empty in some."""
        finite_B = np.isfinite(self.resamples_B)
        enough = finite_B.size > 0 and finite_B.mean() >= 0.9 and np.isfinite(self.jackknife_G).sum() >= 3
        return bool(math.isfinite(self.value) and enough)


def mean_over_seeds(parts: Sequence[Resampled]) -> Resampled:
    """The mean of a statistic over trials that share one resampling."""
    return Resampled(
        float(np.mean([part.value for part in parts])),
        np.mean([part.resamples_B for part in parts], axis=0),
        np.mean([part.jackknife_G for part in parts], axis=0),
    )


def bca_interval(found: Resampled, level: float = LEVEL) -> tuple[float, float]:
    """The bias-corrected and accelerated interval (Efron 1987, as in scipy.stats.bootstrap)."""
    resamples_B = found.resamples_B[np.isfinite(found.resamples_B)]
    if np.ptp(resamples_B) == 0:
        return found.value, found.value
    bias, acceleration = _bias(found.value, resamples_B), _acceleration(found.jackknife_G)
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        z = bias + float(ndtri(tail))
        ends.append(float(np.quantile(resamples_B, ndtr(bias + z / (1 - acceleration * z)))))
    return ends[0], ends[1]


def p_value(found: Resampled) -> float:
    """Two-sided, of the statistic being 0: the level at which the BCa interval begins to hold 0."""
    resamples_B = found.resamples_B[np.isfinite(found.resamples_B)]
    if np.ptp(resamples_B) == 0:
        return 1.0 if found.value == 0 else 0.0
    below = np.count_nonzero(resamples_B < 0) + np.count_nonzero(resamples_B == 0) / 2
    if min(below, len(resamples_B) - below) >= FEWEST_IN_TAIL:
        place = float(ndtri(below / len(resamples_B)))
    else:
        place = float(-np.mean(resamples_B) / np.std(resamples_B))
    bias, acceleration = _bias(found.value, resamples_B), _acceleration(found.jackknife_G)
    # Near the pole of the acceleration the tail is as far out as it gets.
    shrunk = (place - bias) / max(1 + acceleration * (place - bias), 1e-3)
    tail = float(ndtr(shrunk - bias))
    return min(1.0, 2 * min(tail, 1 - tail))


def _bias(value: float, resamples_B: Array) -> float:
    """z0: how far the data's value is from the median of the resamples, in standard deviations."""
    count = len(resamples_B)
    below = np.count_nonzero(resamples_B < value) + np.count_nonzero(resamples_B == value) / 2
    return float(ndtri(min(max(below, 0.5), count - 0.5) / count))


def _acceleration(jackknife_G: Array) -> float:
    known_G = jackknife_G[np.isfinite(jackknife_G)]
    away_G = known_G.mean() - known_G
    spread = float((away_G**2).sum())
    return float((away_G**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (1979), in the order given: below 0.05 all together, one false alarm in 20 tables."""
    count = len(p_values)
    adjusted = [1.0] * count
    highest = 0.0
    for rank, index in enumerate(sorted(range(count), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (count - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


@dataclass(frozen=True)
class Survival:
    """Kaplan and Meier's curve: at times_T the share still waiting falls to share_T. censored: who never arrived."""

    times_T: tuple[float, ...]
    share_T: tuple[float, ...]
    arrived: int
    censored: int

    @property
    def median(self) -> float | None:
        """The first time at which at most half still wait; None where more than half were last seen waiting."""
        return next((time for time, share in zip(self.times_T, self.share_T, strict=True) if share <= 0.5), None)


def kaplan_meier(times: Sequence[float], arrived: Sequence[bool]) -> Survival:
    """times: of arrival, or of when one was last seen still waiting. Censored ones count as waiting until then."""
    share, marks, shares = 1.0, [], []
    for time in sorted({time for time, there in zip(times, arrived, strict=True) if there}):
        waiting = sum(other >= time for other in times)
        arriving = sum(other == time and there for other, there in zip(times, arrived, strict=True))
        share *= 1 - arriving / waiting
        marks.append(time)
        shares.append(share)
    return Survival(tuple(marks), tuple(shares), sum(arrived), len(arrived) - sum(arrived))


def log_rank_p(first: Sequence[tuple[float, bool]], second: Sequence[tuple[float, bool]]) -> float:
    """Two-sided, of two groups arriving alike: the exact permutation of the log-rank statistic (Mantel 1966).

    first, second: times, and whether it was the arrival or only the last look (censored). Of all ways to deal the runs
    to groups of these sizes (of MOST_DEALS of them, where there are more), the share whose statistic is at least as far
    from 0: with 3 against 3 never below 0.1, with 4 against 4 never below 0.03.
    """
    runs, size = [*first, *second], len(first)
    score_N = _log_rank_scores(runs)
    if math.comb(len(runs), size) <= MOST_DEALS:
        deals = np.array(list(itertools.combinations(range(len(runs)), size)))
    else:
        draw = np.random.default_rng(0)
        dealt = draw.permuted(np.tile(np.arange(len(runs)), (MOST_DEALS - 1, 1)), axis=1)[:, :size]
        deals = np.vstack([np.arange(size), dealt])
    total_D = score_N[deals].sum(axis=1)
    return float((np.abs(total_D) >= abs(score_N[:size].sum()) - 1e-9).mean())


def _log_rank_scores(runs: Sequence[tuple[float, bool]]) -> Array:
    """What each run adds to observed less expected arrivals of its group; they sum to 0."""
    times_N = np.array([time for time, _ in runs])
    score_N = np.array([float(there) for _, there in runs])
    for time in {time for time, there in runs if there}:
        waiting_N = times_N >= time
        arriving = sum(there for other, there in runs if other == time)
        score_N -= waiting_N * (arriving / waiting_N.sum())
    return score_N
