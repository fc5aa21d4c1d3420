"""Methods over several data sets: mean ranks and their tests (Demsar 2006), scores of runs as a whole (rliable).

Demsar: Statistical comparisons of classifiers over multiple data sets, JMLR 7. rliable: Agarwal et al. 2021, Deep
reinforcement learning at the edge of the statistical precipice, NeurIPS. N settings, k methods, R runs; a list of runs
holds one array per setting.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtr

from heatmark.reports.statistics.bootstrap import RESAMPLES
from heatmark.reports.statistics.intervals import LEVEL, MOST_DEALS, Array
from heatmark.reports.statistics.ranked import mean_ranks, trimmed_mean
from heatmark.reports.statistics.two_levels import superiority

# Cut from either end of the sorted scores.
TAIL = 0.25


@dataclass(frozen=True)
class Friedman:
    """Whether k methods rank alike over N settings. chi_square: Friedman's, with its p. f: Iman and Davenport's.

    p: the share of all ways to deal each setting's ranks to the methods that set them as far apart. The other two are
    for many settings: with a few that agree f is infinite, and its p 0 where chance alone does it every other time.
    """

    chi_square: float
    chi_square_p: float
    f: float
    f_p: float
    p: float


def ranks(score_Nk: Array) -> Array:
    """Within each setting; 1 is the highest score, equal scores share the mean of their ranks."""
    return np.array([mean_ranks(-score_k) for score_k in score_Nk])


def friedman(rank_Nk: Array) -> Friedman:
    """chi_square = 12 N / (k (k + 1)) (sum of the squared mean ranks - k (k + 1)^2 / 4), as Demsar has it: equal ranks
    make it smaller, not larger. f = (N - 1) chi_square / (N (k - 1) - chi_square).
    """
    settings, methods = rank_Nk.shape
    squares = float((rank_Nk.mean(axis=0) ** 2).sum())
    # Without a minus where all is equal but for rounding.
    chi_square = max(0.0, 12 * settings / (methods * (methods + 1)) * (squares - methods * (methods + 1) ** 2 / 4))
    rest = settings * (methods - 1) - chi_square
    f = (settings - 1) * chi_square / rest if rest > 1e-9 else math.inf
    freedom = methods - 1
    return Friedman(
        chi_square,
        float(chdtrc(freedom, chi_square)),
        f,
        float(fdtrc(freedom, freedom * (settings - 1), f)),
        _dealt_p(rank_Nk),
    )


def _dealt_p(rank_Nk: Array) -> float:
    """Exact where the ways to deal are few, else from MOST_DEALS of them, of which the one seen is the first."""
    settings, methods = rank_Nk.shape
    if math.factorial(methods) ** (settings - 1) <= MOST_DEALS:
        # Which method is which does not matter: the first setting's ranks may stay.
        sum_Dk = rank_Nk[:1]
        for rank_k in rank_Nk[1:]:
            dealt_dk = np.array(list(itertools.permutations(rank_k)))
            sum_Dk = (sum_Dk[:, None] + dealt_dk).reshape(-1, methods)
    else:
        draw, sum_Dk = np.random.default_rng(0), np.zeros((MOST_DEALS - 1, methods))
        for rank_k in rank_Nk:
            sum_Dk += draw.permuted(np.tile(rank_k, (MOST_DEALS - 1, 1)), axis=1)
        sum_Dk = np.vstack([rank_Nk.sum(axis=0), sum_Dk])
    seen = (rank_Nk.sum(axis=0) ** 2).sum()
    return float(((sum_Dk**2).sum(axis=1) >= seen - 1e-6).mean())


def critical_difference(methods: int, settings: int, level: float = LEVEL) -> float:
    """Nemenyi's: mean ranks further apart differ, all pairs together. q / sqrt(2) sqrt(k (k + 1) / (6 N))."""
    return _range_quantile(level, methods) / math.sqrt(2) * math.sqrt(methods * (methods + 1) / (6 * settings))


def _range_quantile(level: float, count: int) -> float:
    """Of the range of `count` standard normal values: its share below q is
    count * integral of phi(z) (Phi(z + q) - Phi(z))^(count - 1) dz, of which q is found by bisection.
    """
    z, step = np.linspace(-9, 9, 1801, retstep=True)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * step
    low, high = 0.0, 20.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        below = count * float((density * (ndtr(z + middle) - ndtr(z)) ** (count - 1)).sum())
        low, high = (middle, high) if below < level else (low, middle)
    return low


def interquartile_mean(score_R: Array) -> float:
    """The mean of the middle half of the runs."""
    return float(trimmed_mean(score_R, TAIL))


def interquartile_interval(
    runs: Sequence[Array], resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> tuple[float, float]:
    """Of the interquartile mean, over seeds: runs are drawn with replacement within each setting (percentiles)."""
    draw = np.random.default_rng(seed)
    drawn_BR = np.hstack([score_R[draw.integers(0, len(score_R), (resamples, len(score_R)))] for score_R in runs])
    low, high = np.quantile(trimmed_mean(drawn_BR, TAIL), ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def performance_profile(score_R: Array, tau_T: Array) -> Array:
    """The share of runs with a score of at least tau (Dolan and More 2002)."""
    share_T: Array = (score_R[:, None] >= tau_T).mean(axis=0)
    return share_T


def improvement(first: Sequence[Array], second: Sequence[Array]) -> float:
    """P(a new run of the first is better than one of the second), the mean over the settings."""
    return float(np.mean([superiority(one_R, other_R) for one_R, other_R in zip(first, second, strict=True)]))
