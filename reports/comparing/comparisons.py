"""Every two cells of one data set and backbone compared on the same people: difference, interval, adjusted p-value.

Of read-outs that move a mirrored map by a whole pixel the exact reading is compared, as all others are exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from heatmark.foundation.counted import counted, several
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.contest import FEWEST_IMAGES, Contest, contest_of
from heatmark.reports.comparing.settings import Setting, settings_of
from heatmark.reports.reading.digest import REACH, Digest, parts_of
from heatmark.reports.reading.measures import lower_is_better
from heatmark.reports.statistics.bootstrap import Resampling, Statistic, affordable_resamples, draw_resampling
from heatmark.reports.statistics.intervals import Resampled, holm, mean_over_seeds
from heatmark.reports.statistics.two_levels import Difference, difference

FEWEST_PEOPLE = 20
EVERYONE = "all"
# The share of a map within two pixels of the joint (Eq. 26): of the softmax of Eq. 3, which the paper takes for
# detection too (its footnote 3), and of the weights that each method reads with.
LOCALISED = f"A({REACH}) of the softmax"
LOCALISED_AS_READ = f"A({REACH}) as read"


@dataclass(frozen=True)
class Comparison:
    """First minus second, averaged over the seeds of each, in the metric's own unit (AP and the like as fractions).

    subset: `all`, or a part of the people or joints (digest.parts_of). chance: how sure the difference is. p_holm: its
    p-value adjusted over all comparisons of the report, None where there are too few seeds for one. agreeing: (seeds
    that both have and whose difference has the sign of the mean, seeds that both have).
    """

    setting: Setting
    metric: str
    subset: str
    first: GridCell
    second: GridCell
    first_value: float
    second_value: float
    chance: Difference
    people: int
    agreeing: tuple[int, int]
    p_holm: float | None = None

    @property
    def difference(self) -> float:
        return self.first_value - self.second_value

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, over images and seeds; over images alone where there are too few seeds."""
        return self.chance.interval()

    @property
    def p(self) -> float | None:
        """None where there are too few seeds to tell methods apart."""
        return self.chance.p if self.chance.judges_seeds else None

    @property
    def better(self) -> GridCell:
        return self.first if (self.difference < 0) == lower_is_better(self.metric) else self.second

    @property
    def agreed(self) -> bool:
        """Whether no common seed contradicts the mean."""
        return self.agreeing[0] == self.agreeing[1]

    @property
    def clear(self) -> bool:
        return self.p_holm is not None and self.p_holm < 0.05 and self.agreed


@dataclass(frozen=True)
class Comparisons:
    """notes: what was left out and why, one line each. resamples: of the images, for every comparison.

    unread: what is wrong with evaluation records that could not be read.
    """

    pairs: tuple[Comparison, ...]
    notes: tuple[str, ...]
    resamples: int
    unread: tuple[str, ...] = ()


def compare(cells: Sequence[GridCell]) -> Comparisons:
    """All pairs in every setting that have records."""
    chosen: list[tuple[Setting, Contest]] = []
    notes: list[str] = []
    for setting, members in settings_of(cells).items():
        contest, left_out = contest_of(setting, [cell for cell in members if cell.digests])
        notes += left_out
        if len(contest.cells) > 1:
            chosen.append((setting, contest))
    people = sum(len(digest) for _, contest in chosen for cell in contest.cells for digest in cell.digests)
    resamples = affordable_resamples(people)
    pairs = [pair for setting, contest in chosen for pair in _setting_pairs(setting, contest, resamples, notes)]
    tested = [pair.p for pair in pairs if pair.p is not None]
    adjusted = iter(holm(tested))
    return Comparisons(
        tuple(pair if pair.p is None else replace(pair, p_holm=next(adjusted)) for pair in pairs),
        tuple(dict.fromkeys(notes)),
        resamples,
    )


def _setting_pairs(setting: Setting, contest: Contest, resamples: int, notes: list[str]) -> list[Comparison]:
    cells, image_I = contest.cells, contest.image_I
    digests = [digest for cell in cells for digest in cell.digests]
    if len(image_I) < FEWEST_IMAGES:
        notes.append(
            f"{setting.dataset} with {setting.backbone}: {counted(len(image_I), 'common image')} "
            f"{several(len(image_I), 'is', 'are')} too few to compare."
        )
        return []
    resampling = draw_resampling(image_I, resamples)
    pairs = pairs_of(setting, cells, setting.headline, EVERYONE, resampling)
    for localised in (LOCALISED, LOCALISED_AS_READ):
        pairs += pairs_of(setting, cells, localised, EVERYONE, resampling)
    short = []
    for subset in (EVERYONE, *parts_of(setting.format)):
        people, images = _sizes(digests[0], subset, image_I)
        if people >= FEWEST_PEOPLE and images >= FEWEST_IMAGES:
            pairs += pairs_of(setting, cells, "EPE", subset, resampling)
        else:
            short.append(f"{people} {subset} on {counted(images, 'image')}" if people else f"no {subset}")
    if short:
        notes.append(f"{setting.dataset}: too few people to compare: {', '.join(short)}.")
    return pairs


def _sizes(digest: Digest, subset: str, image_I: npt.NDArray[np.int64]) -> tuple[int, int]:
    """People and images of a subset."""
    image_N = digest.image_N[digest.part(subset)[0] & np.isin(digest.image_N, image_I)]
    return len(image_N), len(np.unique(image_N))


def pairs_of(
    setting: Setting, cells: Sequence[GridCell], metric: str, subset: str, resampling: Resampling
) -> list[Comparison]:
    """Every two of the cells on the images of a resampling, p-values as they are; cells without the metric left out."""
    people, images = _sizes(cells[0].digests[0], subset, resampling.image_I)
    sampled = [(cell, _resampled(cell, metric, subset, resampling)) for cell in cells]
    pairs = []
    for (first, first_seeds), (second, second_seeds) in itertools.combinations(sampled, 2):
        if not first_seeds or not second_seeds:
            continue
        above, below = (mean_over_seeds(list(seeds.values())) for seeds in (first_seeds, second_seeds))
        if not (above - below).usable:
            continue
        chance = difference(list(first_seeds.values()), list(second_seeds.values()), images)
        both = [first_seeds[seed].value - second_seeds[seed].value for seed in first_seeds.keys() & second_seeds.keys()]
        agreeing = sum((each < 0) == (chance.value < 0) for each in both), len(both)
        values = (above.value, below.value, chance, people, agreeing)
        pairs.append(Comparison(setting, metric, subset, first, second, *values))
    return pairs


def _resampled(cell: GridCell, metric: str, subset: str, resampling: Resampling) -> dict[int, Resampled]:
    """By seed; seeds whose records do not give the metric are left out."""
    found = {}
    for trial in cell.finished:
        digest = cell.evidence.of(trial)
        statistic = _statistic(digest.compared, metric, subset, resampling) if digest else None
        if statistic and trial.spec:
            found[trial.spec.seed] = resampling.apply(statistic)
    return found


def _statistic(digest: Digest, metric: str, subset: str, resampling: Resampling) -> Statistic | None:
    if metric == "EPE":
        return digest.epe_statistic(resampling.image_I, subset)
    if metric in (LOCALISED, LOCALISED_AS_READ):
        return digest.activation_statistic(resampling.image_I, softmax=metric == LOCALISED)
    return digest.headline_statistic(resampling.image_I)
