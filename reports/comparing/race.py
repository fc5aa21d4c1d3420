"""Which of two cells needs more epochs to the same quality."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from heatmark.foundation.counted import counted
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.convergence import Arrival, arrivals_at, common_target, medians_of, rise
from heatmark.reports.statistics.intervals import log_rank_p
from heatmark.reports.statistics.two_levels import FEWEST_SEEDS

# Of its final value, that a cell must have gained since its first evaluation to be said to have learned.
LEAST_RISE = 0.2


@dataclass(frozen=True)
class Race:
    """slow: who is said to need more. given: the quality to reach, from the sweep file, or None.

    Runs that never got there count as still waiting when they were last seen. Without a given quality it is 80 % of
    the lowest final value; a cell that never rose by LEAST_RISE has that from the start, so that nothing is told.
    """

    slow: GridCell
    fast: GridCell
    given: float | None

    @cached_property
    def target(self) -> float | None:
        return self.given if self.given is not None else common_target((self.slow, self.fast))

    @cached_property
    def _times(self) -> tuple[list[Arrival], list[Arrival]]:
        if self.target is None:
            return [], []
        return arrivals_at(self.slow, self.target), arrivals_at(self.fast, self.target)

    @property
    def evidence(self) -> str:
        if self.target is None or not all(self._times):
            return "too few curves"
        late, early = ("never" if each is None else f"{each:g}" for each in self._medians)
        what = "given in the sweep file" if self.given is not None else "80 % of the lowest final value"
        seeds = " and ".join(counted(len(times), "seed") for times in self._times)
        return f"{late} against {early} epochs to {100 * self.target:.1f} %, {what}; {seeds}"

    @property
    def why(self) -> str:
        """Why nothing can be told; empty where something can."""
        if self.target is None or not all(self._times):
            return "too few curves"
        if min(map(len, self._times)) < FEWEST_SEEDS:
            return f"{FEWEST_SEEDS} seeds of each needed"
        idle = [cell.label for cell in (self.slow, self.fast) if self.given is None and _is_flat(cell)]
        if idle:
            return f"{' and '.join(idle)} gained less than {LEAST_RISE:.0%} since the first evaluation"
        return ""

    @property
    def _medians(self) -> tuple[float | None, float | None]:
        late, early = self._times
        return medians_of(late).epochs, medians_of(early).epochs

    @property
    def holds(self) -> bool:
        late, early = self._medians
        return (late or math.inf) > (early or math.inf)

    @property
    def p(self) -> float | None:
        """Of chance alone; None where nothing can be told."""
        if self.why:
            return None
        late, early = ([(each.epochs, each.arrived) for each in times] for times in self._times)
        return log_rank_p(late, early)


def _is_flat(cell: GridCell) -> bool:
    gained = rise(cell)
    return gained is not None and gained < LEAST_RISE
