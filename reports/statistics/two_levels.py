"""Two levels of chance: which images were evaluated, and which seeds were trained. One difference, one standard error.

A resampling of the images says how far a difference owes to them (Efron 1979); the spread over seeds how far it owes to
initial weights and order of the data (Bouthillier et al. 2021). Their variances are added, and the degrees of freedom
are Welch's and Satterthwaite's (1946). What images and seeds do together is in both: the sum is on the safe side. Pairs
of equal seeds are no pairs here: in simulation they gain nothing and cost half the degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import stdtr, stdtrit  # Student's t and its inverse: scipy.stats is slow to import and to call

from heatmark.reports.statistics.intervals import LEVEL, Array, Resampled, mean_over_seeds

# Fewer a side say next to nothing about the spread over seeds.
FEWEST_SEEDS = 3
MOST_SEEDS = 100
POWER = 0.8


@dataclass(frozen=True)
class Difference:
    """Mean of a statistic over the seeds of one cell, less that of another, on the same images.

    image_variance: of the difference. seed_variances: of either side's mean, None from one seed. seeds: how many either
    side has. superiority: see there.
    """

    value: float
    image_variance: float
    seed_variances: tuple[float | None, float | None]
    images: int
    seeds: tuple[int, int]
    superiority: float

    @property
    def judges_seeds(self) -> bool:
        """Whether both sides have enough seeds to tell a method from a seed."""
        return min(self.seeds) >= FEWEST_SEEDS

    @cached_property
    def _parts(self) -> list[tuple[float, int]]:
        """Variances with their degrees of freedom."""
        parts = [(self.image_variance, self.images - 1)]
        if self.judges_seeds:
            parts += [(each or 0.0, count - 1) for each, count in zip(self.seed_variances, self.seeds, strict=True)]
        return parts

    @property
    def standard_error(self) -> float:
        """Over images and seeds; over images alone where there are too few seeds."""
        return math.sqrt(sum(variance for variance, _ in self._parts))

    @property
    def degrees_of_freedom(self) -> float:
        return _satterthwaite(self._parts)

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        reach = float(stdtrit(self.degrees_of_freedom, (1 + level) / 2)) * self.standard_error
        return self.value - reach, self.value + reach

    @property
    def p(self) -> float:
        """Two-sided, of no difference: on new images and, where there are enough seeds, with new seeds."""
        if self.standard_error == 0:
            return 1.0 if self.value == 0 else 0.0
        return float(2 * stdtr(self.degrees_of_freedom, -abs(self.value) / self.standard_error))

    def resolvable(self, seeds: int | None = None) -> float:
        """The smallest difference that is found in four of five such experiments; seeds: of each side, instead."""
        parts = self._parts
        if seeds is not None:
            spreads = [(each or 0.0) * own for each, own in zip(self.seed_variances, self.seeds, strict=True)]
            parts = [(self.image_variance, self.images - 1), *((spread / seeds, seeds - 1) for spread in spreads)]
        freedom = _satterthwaite(parts)
        reach = float(stdtrit(freedom, (1 + LEVEL) / 2) + stdtrit(freedom, POWER))
        return reach * math.sqrt(sum(variance for variance, _ in parts))

    @property
    def seeds_to_settle(self) -> int | None:
        """How many of each side would resolve a difference as large as this; None where even MOST_SEEDS would not, as
        it is the images that are too few, or where one seed says nothing about others.
        """
        if None in self.seed_variances:
            return None
        counts = range(FEWEST_SEEDS, MOST_SEEDS + 1)
        return next((count for count in counts if self.resolvable(count) <= abs(self.value)), None)


def _satterthwaite(parts: Sequence[tuple[float, int]]) -> float:
    """The degrees of freedom of a sum of variances, each given with its own; the first one's where nothing varies."""
    divisor = sum(variance**2 / freedom for variance, freedom in parts)
    return sum(variance for variance, _ in parts) ** 2 / divisor if divisor > 0 else float(parts[0][1])


def difference(first: Sequence[Resampled], second: Sequence[Resampled], images: int) -> Difference:
    """first, second: the seeds of either side, all on one resampling of so many images."""
    mean = mean_over_seeds(first) - mean_over_seeds(second)
    known_B = mean.resamples_B[np.isfinite(mean.resamples_B)]
    # A resample of n images is as if drawn from n - 1: with few of them the difference matters.
    image_variance = float(known_B.var(ddof=1)) * images / max(images - 1, 1) if known_B.size > 1 else math.nan
    values = [np.array([each.value for each in side]) for side in (first, second)]
    spreads = [float(each.var(ddof=1)) / len(each) if len(each) > 1 else None for each in values]
    return Difference(
        value=mean.value,
        image_variance=image_variance,
        seed_variances=(spreads[0], spreads[1]),
        images=images,
        seeds=(len(first), len(second)),
        superiority=superiority(values[0], values[1]),
    )


def superiority(first_S: Array, second_S: Array) -> float:
    """P(the first is the higher) of a new seed of each, from all pairs; ties count half (Mann and Whitney)."""
    gap_SS = first_S[:, None] - second_S
    return float(((gap_SS > 0) + (gap_SS == 0) / 2).mean())
