"""Ranks and cut means of arrays: what scipy.stats has too, which is slow to import."""

from __future__ import annotations

import numpy as np

from heatmark.reports.statistics.intervals import Array


def mean_ranks(value_N: Array) -> Array:
    """1 is the lowest value; equal values share the mean of their ranks."""
    _, place_N, count_U = np.unique(value_N, return_inverse=True, return_counts=True)
    rank_N: Array = (np.cumsum(count_U) - (count_U - 1) / 2)[place_N]
    return rank_N


def trimmed_mean(value_XN: Array, tail: float) -> Array:
    """Along the last axis, without the share `tail` of the values (rounded down) at either end."""
    count = value_XN.shape[-1]
    cut = int(tail * count)
    mean_X: Array = np.partition(value_XN, (cut, count - cut - 1))[..., cut : count - cut].mean(axis=-1)
    return mean_X
