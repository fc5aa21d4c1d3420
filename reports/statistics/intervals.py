"""How sure a number is: resampled statistics, Holm's correction, Kaplan and Meier's survival, the log-rank test."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LEVEL = 0.95
# 8 runs against 8 are dealt in all ways.
MOST_DEALS = 20_000


@dataclass(frozen=True)
class Resampled:
    """A statistic on the data, and on resamples of the data.

    Two of the same resampling may be subtracted: resample b holds the same images for both, so the pairs stay pairs.
    """

    value: float
    resamples_B: Array

    def __sub__(self, other: Resampled) -> Resampled:
        return Resampled(self.value - other.value, self.resamples_B - other.resamples_B)

    @property
    def usable(self) -> bool:
        """Whether value and nine of ten resamples are finite: a tiny subset may be empty in some."""
        finite_B = np.isfinite(self.resamples_B)
        return bool(math.isfinite(self.value) and finite_B.size > 0 and finite_B.mean() >= 0.9)


def mean_over_seeds(parts: Sequence[Resampled]) -> Resampled:
    """The mean of a statistic over trials that share one resampling."""
    return Resampled(
        float(np.mean([part.value for part in parts])),
        np.mean([part.resamples_B for part in parts], axis=0),
    )


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
