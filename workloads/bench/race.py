"""The race itself. Imports no torch: an entrant that works on a GPU waits for it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Entrant:
    """One way of doing the thing. run: does it once and returns how many items that was."""

    name: str
    run: Callable[[], int]


@dataclass(frozen=True)
class Standing:
    """per_second: items, the median of all rounds. ratio: speed over the first entrant's of the same round, the median;
    low, high: the smallest and largest of those ratios.
    """

    name: str
    per_second: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Race:
    """unit: what an item is. standings: in the order of the entrants, the first is the baseline."""

    title: str
    unit: str
    rounds: int
    standings: tuple[Standing, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def race(title: str, unit: str, entrants: Sequence[Entrant], rounds: int) -> Race:
    """Every entrant once to warm up, then `rounds` times in turn, the order reversed in every other round."""
    for entrant in entrants:
        entrant.run()
    speeds: dict[str, list[float]] = {entrant.name: [] for entrant in entrants}
    for number in range(rounds):
        for entrant in entrants if number % 2 == 0 else reversed(entrants):
            started = time.perf_counter()
            items = entrant.run()
            speeds[entrant.name].append(items / (time.perf_counter() - started))
    baseline = speeds[entrants[0].name]
    return Race(title, unit, rounds, tuple(_standing(name, own, baseline) for name, own in speeds.items()))


def _standing(name: str, own: Sequence[float], baseline: Sequence[float]) -> Standing:
    ratios = [speed / base for speed, base in zip(own, baseline, strict=True)]
    return Standing(name, statistics.median(own), statistics.median(ratios), min(ratios), max(ratios))
