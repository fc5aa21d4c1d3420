"""Sub-benchmarks: people by number of joints, size and occlusion, and the easy, medium and hard among them.

Rules are data. Two presets, because the paper's text does not give the counts of its Tables 10 and 11:
paper_text   Sec. 7.2.1 to the letter: the longest side of the box; occlusion below 10 %, to 50 %, above.
paper_counts what the printed counts follow from: the root of the segment's area; occlusion below 20 %, 50 %, above.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from heatmark.datasets.people import Person
from heatmark.foundation.errors import InputError


@dataclass(frozen=True)
class Band:
    """The values from low on and below high."""

    name: str
    low: float
    high: float = math.inf


@dataclass(frozen=True)
class Factor:
    """A number that every person has, and the bands that it is cut into."""

    name: str
    value: Callable[[Person], float]
    bands: tuple[Band, ...]

    def band_of(self, person: Person) -> str | None:
        """The name of the person's band; None where no band holds the value."""
        value = self.value(person)
        return next((band.name for band in self.bands if band.low <= value < band.high), None)


@dataclass(frozen=True)
class Rules:
    """difficulties: for each the bands of every factor that a person must be in, all at once."""

    name: str
    joints: Factor
    size: Factor
    occlusion: Factor
    difficulties: Mapping[str, Mapping[str, frozenset[str]]]

    @property
    def factors(self) -> tuple[Factor, ...]:
        return self.joints, self.size, self.occlusion

    def difficulty_of(self, person: Person) -> str | None:
        """`easy`, `medium` or `hard`; None for the many who are none of them by every factor."""
        bands = {factor.name: factor.band_of(person) for factor in self.factors}
        wanted = self.difficulties.items()
        return next((name for name, each in wanted if all(bands[key] in each[key] for key in bands)), None)


def labelled_joints(person: Person) -> float:
    """How many joints of a person are annotated, hidden ones too."""
    return float(np.count_nonzero(person.visibility_K > 0))


def occluded_share(person: Person) -> float:
    """Hidden joints among the labelled ones."""
    return float(np.count_nonzero(person.visibility_K == 1)) / max(labelled_joints(person), 1.0)


def root_of_area(person: Person) -> float:
    """The side in pixels of a square as large as the person."""
    return math.sqrt(max(person.area, 0.0))


def longest_side(person: Person) -> float:
    """The longer side of the person's box in pixels."""
    return max(person.box_xywh[2:])


JOINTS = Factor("joints", labelled_joints, (Band("1-5", 1, 6), Band("6-10", 6, 11), Band("11-17", 11)))
SIZE_BANDS = (Band("32-64", 32, 64), Band("64-96", 64, 96), Band("96-128", 96, 128), Band(">128", 128))
# "More than half" leaves half itself in the middle band.
ABOVE_HALF = math.nextafter(0.5, 1)
DIFFICULTIES = {
    "easy": {"joints": frozenset({"11-17"}), "size": frozenset({">128"}), "occlusion": frozenset({"low"})},
    "medium": {
        "joints": frozenset({"6-10"}),
        "size": frozenset({"64-96", "96-128"}),
        "occlusion": frozenset({"middle"}),
    },
    "hard": {"joints": frozenset({"1-5"}), "size": frozenset({"32-64"}), "occlusion": frozenset({"high"})},
}
PRESETS = {
    rules.name: rules
    for rules in (
        Rules(
            "paper_text",
            JOINTS,
            Factor("size", longest_side, SIZE_BANDS),
            Factor(
                "occlusion",
                occluded_share,
                (Band("low", 0, 0.1), Band("middle", 0.1, ABOVE_HALF), Band("high", ABOVE_HALF)),
            ),
            DIFFICULTIES,
        ),
        Rules(
            "paper_counts",
            JOINTS,
            Factor("size", root_of_area, SIZE_BANDS),
            Factor("occlusion", occluded_share, (Band("low", 0, 0.2), Band("middle", 0.2, 0.5), Band("high", 0.5))),
            DIFFICULTIES,
        ),
    )
}


def preset(name: str) -> Rules:
    """The rules of that name; InputError for any other."""
    if name not in PRESETS:
        raise InputError(f"{name}: no such rules for sub-benchmarks; valid: {', '.join(PRESETS)}")
    return PRESETS[name]


def of_joints(rules: Rules, joints: int) -> Rules:
    """The same rules for another number of joints: the bands are thirds of them, as 17 have 1-5, 6-10 and 11-17."""
    third = max(1, joints // 3)
    lows = (1, third + 1, 2 * third + 1)
    names = [_span(low, high) for low, high in zip(lows, (third, 2 * third, joints), strict=True)]
    ends = (*map(float, lows[1:]), math.inf)
    bands = tuple(Band(name, low, end) for name, low, end in zip(names, lows, ends, strict=True))
    named = {old.name: new.name for old, new in zip(rules.joints.bands, bands, strict=True)}
    difficulties = {
        name: {**wanted, rules.joints.name: frozenset(named[band] for band in wanted[rules.joints.name])}
        for name, wanted in rules.difficulties.items()
    }
    return replace(rules, joints=replace(rules.joints, bands=bands), difficulties=difficulties)


def _span(low: int, high: int) -> str:
    return str(low) if high <= low else f"{low}-{high}"


def cell_counts(people: Sequence[Person], rows: Factor, columns: Factor) -> dict[str, dict[str, int]]:
    """People by row and column band, every cell there; those outside all bands of a factor count nowhere."""
    counts = Counter((rows.band_of(person), columns.band_of(person)) for person in people)
    return {row.name: {column.name: counts[row.name, column.name] for column in columns.bands} for row in rows.bands}


def members(people: Sequence[Person], rules: Rules) -> dict[str, list[int]]:
    """Positions in `people` of every sub-benchmark: `easy` and so on, `joints=1-5,size=32-64` for a cell of Table 10,
    `joints=1-5,occlusion=low` for one of Table 11. Empty ones are there too.
    """
    found: dict[str, list[int]] = {name: [] for name in rules.difficulties}
    for factor in (rules.size, rules.occlusion):
        pairs = [(column.name, row.name) for row in factor.bands for column in rules.joints.bands]
        found |= {cell_name(rules.joints, column, factor, row): [] for column, row in pairs}
    for position, person in enumerate(people):
        names = [rules.difficulty_of(person)]
        for factor in (rules.size, rules.occlusion):
            column, row = rules.joints.band_of(person), factor.band_of(person)
            names.append(cell_name(rules.joints, column, factor, row) if column and row else None)
        for name in names:
            if name is not None:
                found[name].append(position)
    return found


def cell_name(one: Factor, band: str, other: Factor, other_band: str) -> str:
    """The name of those who are in one band of each of two factors, as metrics have it."""
    return f"{one.name}={band},{other.name}={other_band}"
