"""Sub-benchmarks: people by number of joints, size and occlusion, and the easy, medium and hard among them.

Rules are data. Two presets, because the paper's text does not give the counts of its Tables 10 and 11:
paper_text   Sec. 7.2.1 to the letter: the longest side of the box; occlusion below 10 %, to 50 %, above.
paper_counts what the printed counts follow from: the root of the segment's area; occlusion below 20 %, 50 %, above.

And two definitions of easy, medium and hard, because Sec. 7.2.1 lists a band of each of the three factors for each and
does not say how they go together:
occluded     by occlusion alone, as Sec. 7.9 divides hands: a partition of all people. What the report goes by.
intersection in the named band of all three factors at once.
The paper's own numbers (summed in tests/datasets/test_difficulties.py):
* EPE of hard people is 32.1 (detection) and 28.7 (IPR) in Table 6, for ResNet-50. Table 12's row "> 50 %" weighted by
  Table 11's counts is 27.9 and 25.4 for ResNet-152; times 9.52 / 8.21 and 9.63 / 8.28, the two nets' EPE in Table 3,
  32.4 and 29.6. No other band of any factor comes near: 1-5 joints 22.3 and 20.3, 32 to 64 px 5.2 and 5.1; of the
  intersection even its cell of Table 1, 1-5 joints at 32 to 64 px, is 9.23 and 8.10, 10.7 and 9.4 for ResNet-50.
* In Table 2 AP of all lies between those of easy and medium and of hard as in a mixture of two parts, of which hard is
  (70.4 - 67.1) / (70.4 - 44.7) = 12.8 %, with L_reg (72.6 - 69.2) / (72.6 - 45.1) = 12.4 %. So easy and medium are all
  the others. Hard by occlusion are 5.8 % of Table 11's people (AP is no mean over people: the mixture is a rough guide)
  and 82 of 1,354 real ones; by the intersection 14 of these, and four in five are in no class at all.
"More than half" is half or more in the printed counts, as in the band of paper_counts; strictly more has 55 of 1,354.
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


# For each difficulty the bands of some factors that a person must be in, all at once.
Definition = Mapping[str, Mapping[str, frozenset[str]]]
OCCLUDED, INTERSECTION = "occluded", "intersection"
DIFFICULTIES = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Rules:
    """definitions: what easy, medium and hard are, by the definition's name."""

    name: str
    joints: Factor
    size: Factor
    occlusion: Factor
    definitions: Mapping[str, Definition]

    @property
    def factors(self) -> tuple[Factor, ...]:
        return self.joints, self.size, self.occlusion

    def difficulty_of(self, person: Person, definition: str = OCCLUDED) -> str | None:
        """`easy`, `medium` or `hard`; None for those who are none of them, by the intersection most people."""
        bands = {factor.name: factor.band_of(person) for factor in self.factors}
        wanted = self.definitions[definition].items()
        return next((name for name, each in wanted if all(bands[key] in each[key] for key in each)), None)


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
DEFINITIONS: Mapping[str, Definition] = {
    OCCLUDED: {
        name: {"occlusion": frozenset({band})}
        for name, band in zip(DIFFICULTIES, ("low", "middle", "high"), strict=True)
    },
    INTERSECTION: {
        "easy": {"joints": frozenset({"11-17"}), "size": frozenset({">128"}), "occlusion": frozenset({"low"})},
        "medium": {
            "joints": frozenset({"6-10"}),
            "size": frozenset({"64-96", "96-128"}),
            "occlusion": frozenset({"middle"}),
        },
        "hard": {"joints": frozenset({"1-5"}), "size": frozenset({"32-64"}), "occlusion": frozenset({"high"})},
    },
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
            DEFINITIONS,
        ),
        Rules(
            "paper_counts",
            JOINTS,
            Factor("size", root_of_area, SIZE_BANDS),
            Factor("occlusion", occluded_share, (Band("low", 0, 0.2), Band("middle", 0.2, 0.5), Band("high", 0.5))),
            DEFINITIONS,
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
    factor = rules.joints.name

    def renamed(definition: Definition) -> Definition:
        return {
            name: {
                key: frozenset(named[band] for band in each) if key == factor else each for key, each in wanted.items()
            }
            for name, wanted in definition.items()
        }

    definitions = {name: renamed(definition) for name, definition in rules.definitions.items()}
    return replace(rules, joints=replace(rules.joints, bands=bands), definitions=definitions)


def _span(low: int, high: int) -> str:
    return str(low) if high <= low else f"{low}-{high}"


def cell_counts(people: Sequence[Person], rows: Factor, columns: Factor) -> dict[str, dict[str, int]]:
    """People by row and column band, every cell there; those outside all bands of a factor count nowhere."""
    counts = Counter((rows.band_of(person), columns.band_of(person)) for person in people)
    return {row.name: {column.name: counts[row.name, column.name] for column in columns.bands} for row in rows.bands}


def members(people: Sequence[Person], rules: Rules) -> dict[str, list[int]]:
    """Positions in `people` of every sub-benchmark: `easy` and so on, `intersection/easy` by that definition,
    `joints=1-5,size=32-64` for a cell of Table 10, `joints=1-5,occlusion=low` for one of Table 11. Empty ones are there
    too.
    """
    found: dict[str, list[int]] = {part_name(name, by): [] for by in rules.definitions for name in DIFFICULTIES}
    for factor in (rules.size, rules.occlusion):
        pairs = [(column.name, row.name) for row in factor.bands for column in rules.joints.bands]
        found |= {cell_name(rules.joints, column, factor, row): [] for column, row in pairs}
    for position, person in enumerate(people):
        levels = ((rules.difficulty_of(person, by), by) for by in rules.definitions)
        names = [part_name(level, by) if level else None for level, by in levels]
        for factor in (rules.size, rules.occlusion):
            column, row = rules.joints.band_of(person), factor.band_of(person)
            names.append(cell_name(rules.joints, column, factor, row) if column and row else None)
        for name in names:
            if name is not None:
                found[name].append(position)
    return found


def part_name(difficulty: str, definition: str = OCCLUDED) -> str:
    """The name of the easy, medium or hard, as metrics have it: `hard`, `intersection/hard`."""
    return difficulty if definition == OCCLUDED else f"{definition}/{difficulty}"


def cell_name(one: Factor, band: str, other: Factor, other_band: str) -> str:
    """The name of those who are in one band of each of two factors, as metrics have it."""
    return f"{one.name}={band},{other.name}={other_band}"
