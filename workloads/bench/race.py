"""The race itself. Imports no torch: an entrant that works on a GPU waits for it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
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
class Limit:
    """An entrant may take at most so many times as long as another of the race."""

    name: str
    peer: str
    most: float


@dataclass(frozen=True)
class Verdict(Limit):
    """ratio: of the two times in the same round, the median."""

    ratio: float
    kept: bool


@dataclass(frozen=True)
class Race:
    """unit: what an item is. standings: in the order of the entrants, the first is the baseline."""

    title: str
    unit: str
    rounds: int
    standings: tuple[Standing, ...]
    verdicts: tuple[Verdict, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def race(title: str, unit: str, entrants: Sequence[Entrant], rounds: int, limits: Sequence[Limit] = ()) -> Race:
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
    standings = tuple(_standing(name, own, baseline) for name, own in speeds.items())
    return Race(title, unit, rounds, standings, tuple(_verdict(limit, speeds) for limit in limits))


def _verdict(limit: Limit, speeds: Mapping[str, Sequence[float]]) -> Verdict:
    pairs = zip(speeds[limit.peer], speeds[limit.name], strict=True)
    ratio = statistics.median(peer / own for peer, own in pairs)
    return Verdict(limit.name, limit.peer, limit.most, ratio, ratio <= limit.most)


def _standing(name: str, own: Sequence[float], baseline: Sequence[float]) -> Standing:
    ratios = [speed / base for speed, base in zip(own, baseline, strict=True)]
    return Standing(name, statistics.median(own), statistics.median(ratios), min(ratios), max(ratios))
