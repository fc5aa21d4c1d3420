"""The race itself. Imports no torch: an entrant that works on a GPU waits for it."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Entrant:
    """One way of doing the thing. run: does it once and returns how many items that was."""

    name: str
    run: Callable[[], int]


@dataclass(frozen=True)
class Limit:
    """What is promised: an entrant takes at most so many times as long as another."""

    entrant: str
    times: float
    than: str


@dataclass(frozen=True)
class Heat:
    """Ways that are raced against each other; the first is the baseline.

    least_s: short runs are repeated until they take so long. facts: what was counted beside the race, by name.
    """

    title: str
    entrants: Sequence[Entrant]
    limits: Sequence[Limit] = ()
    least_s: float = 0.0
    facts: Mapping[str, float] = field(default_factory=dict)


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
class Verdict:
    """A limit, and how many times as long it took: the median over the rounds."""

    entrant: str
    than: str
    limit: float
    took: float
    kept: bool


@dataclass(frozen=True)
class Ranking:
    """How a heat ended. standings: in the order of the entrants."""

    title: str
    standings: tuple[Standing, ...]
    verdicts: tuple[Verdict, ...]
    facts: Mapping[str, float]


@dataclass(frozen=True)
class Race:
    """unit: what an item is."""

    title: str
    unit: str
    rounds: int
    heats: tuple[Ranking, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def race(title: str, unit: str, heats: Sequence[Heat], rounds: int) -> Race:
    """The heats one after the other."""
    return Race(title, unit, rounds, tuple(_run(heat, rounds) for heat in heats))


def _run(heat: Heat, rounds: int) -> Ranking:
    """Every entrant once to warm up, then `rounds` times in turn, the order reversed in every other round."""
    repeats = {entrant.name: _repeats(entrant, heat.least_s) for entrant in heat.entrants}
    speeds: dict[str, list[float]] = {entrant.name: [] for entrant in heat.entrants}
    for number in range(rounds):
        for entrant in heat.entrants if number % 2 == 0 else reversed(heat.entrants):
            started = time.perf_counter()
            items = sum(entrant.run() for _ in range(repeats[entrant.name]))
            speeds[entrant.name].append(items / (time.perf_counter() - started))
    baseline = speeds[heat.entrants[0].name]
    standings = tuple(_standing(name, own, baseline) for name, own in speeds.items())
    return Ranking(heat.title, standings, tuple(_verdict(limit, speeds) for limit in heat.limits), heat.facts)


def _repeats(entrant: Entrant, least_s: float) -> int:
    entrant.run()
    if not least_s:
        return 1
    started = time.perf_counter()
    entrant.run()
    return max(1, math.ceil(least_s / (time.perf_counter() - started)))


def _standing(name: str, own: Sequence[float], baseline: Sequence[float]) -> Standing:
    ratios = [speed / base for speed, base in zip(own, baseline, strict=True)]
    return Standing(name, statistics.median(own), statistics.median(ratios), min(ratios), max(ratios))


def _verdict(limit: Limit, speeds: Mapping[str, Sequence[float]]) -> Verdict:
    pairs = zip(speeds[limit.than], speeds[limit.entrant], strict=True)
    took = statistics.median(theirs / own for theirs, own in pairs)
    return Verdict(limit.entrant, limit.than, limit.times, took, took <= limit.times)
