"""Who is ahead where, by how much, how sure and at what cost; and what became of the paper's claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from heatmark.datasets.boxes import title_of
from heatmark.foundation.counted import counted, listed, several
from heatmark.reports.comparing.across import FEWEST_SETTINGS, Across
from heatmark.reports.comparing.cells import GridCell, seeds_of
from heatmark.reports.comparing.claims import HYPOTHESES, WORDS, Finding, p_text, tested_claims
from heatmark.reports.comparing.comparisons import EVERYONE, Comparison, Comparisons
from heatmark.reports.comparing.cost import Cost, cost_of
from heatmark.reports.comparing.settings import Setting, settings_of
from heatmark.reports.reading.digest import parts_of
from heatmark.reports.reading.measures import amount, lower_is_better
from heatmark.reports.statistics.two_levels import FEWEST_SEEDS

# In words; the tables have the rest.
MOST_TOLD = 3
MOST_LISTED = 6


@dataclass(frozen=True)
class Standing:
    """The best cell on some people of a setting, and the next. comparison: None where records do not allow one.

    The headline metric of everyone is that of the last evaluation (AP is COCO's), mirrors merged exactly for all; the
    comparison of the two rests on resamples, in which AP is that of predictions matched with their own person.
    """

    setting: Setting
    metric: str
    subset: str
    best: GridCell
    best_value: float
    second: GridCell | None
    second_value: float | None
    comparison: Comparison | None
    best_cost: Cost | None
    second_cost: Cost | None

    @property
    def cells(self) -> tuple[GridCell, ...]:
        return (self.best, self.second) if self.second else (self.best,)

    @property
    def judged(self) -> bool:
        """Whether there are seeds enough to tell methods apart."""
        return self.comparison is not None and self.comparison.chance.judges_seeds

    @property
    def superiority(self) -> float | None:
        """P(the best is better than the next on a new seed), from all pairs of seeds."""
        if self.comparison is None:
            return None
        higher = self.comparison.chance.superiority
        first_higher = higher if self.comparison.first is self.best else 1 - higher
        return 1 - first_higher if lower_is_better(self.metric) else first_higher

    @property
    def clear(self) -> bool:
        return self.comparison is not None and self.comparison.clear and self.comparison.better is self.best

    @property
    def ahead(self) -> float | None:
        """How far the best is ahead of the next."""
        return None if self.second_value is None else abs(self.best_value - self.second_value)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of how far the best is ahead, from the resamples."""
        if self.comparison is None:
            return None
        forward = (self.comparison.first is self.best) != lower_is_better(self.metric)
        low, high = self.comparison.interval
        return (low, high) if forward else (-high, -low)

    @property
    def agreeing(self) -> tuple[int, int] | None:
        """In how many of the common seeds the best is ahead in the resamples' statistic, and how many there are."""
        if self.comparison is None:
            return None
        same, total = self.comparison.agreeing
        return (same if self.comparison.better is self.best else total - same), total


@dataclass(frozen=True)
class Verdict:
    """sentences: the same in words, the most important first."""

    standings: tuple[Standing, ...]
    findings: tuple[Finding, ...]
    sentences: tuple[str, ...]


def judge(
    cells: Sequence[GridCell],
    comparisons: Comparisons,
    across: Across | None = None,
    targets: Mapping[str, float] = MappingProxyType({}),
) -> Verdict:
    """comparisons, across: of these cells. targets: of the headline metric, by data set."""
    settings = settings_of(cell for cell in cells if cell.finished)
    standings = tuple(
        standing for setting, own in settings.items() for standing in _standings(setting, own, comparisons)
    )
    findings = tested_claims(settings, comparisons, targets)
    sentences = tuple(_sentences(settings, standings, findings, comparisons.unread, across))
    return Verdict(standings, findings, sentences)


def _standings(setting: Setting, cells: Sequence[GridCell], comparisons: Comparisons) -> Iterable[Standing]:
    wanted = [
        (setting.headline, EVERYONE),
        *(("EPE", subset) for subset in (EVERYONE, *parts_of(setting.format))),
    ]
    for metric, subset in wanted:
        pairs = [
            pair for pair in comparisons.pairs if (pair.setting, pair.metric, pair.subset) == (setting, metric, subset)
        ]
        paired = _paired_values(pairs)
        if subset == EVERYONE and (metric == setting.headline or not pairs):
            values = _final_values([cell for cell, _ in paired] or cells, metric)
        else:
            values = paired
        ranked = sorted(values, key=lambda each: each[1] if lower_is_better(metric) else -each[1])
        if not ranked:
            continue
        (best, value), (second, second_value) = ranked[0], ranked[1] if len(ranked) > 1 else (None, None)
        pair = next((pair for pair in pairs if {id(pair.first), id(pair.second)} == {id(best), id(second)}), None)
        second_cost = cost_of(second) if second else None
        yield Standing(setting, metric, subset, best, value, second, second_value, pair, cost_of(best), second_cost)


def _paired_values(pairs: Sequence[Comparison]) -> list[tuple[GridCell, float]]:
    found = {}
    for pair in pairs:
        found[id(pair.first)] = (pair.first, pair.first_value)
        found[id(pair.second)] = (pair.second, pair.second_value)
    return list(found.values())


def _final_values(cells: Sequence[GridCell], metric: str) -> list[tuple[GridCell, float]]:
    finals = ((cell, cell.compared_final(metric)) for cell in cells)
    return [(cell, found.value) for cell, found in finals if found]


def _sentences(
    settings: Mapping[Setting, Sequence[GridCell]],
    standings: Sequence[Standing],
    findings: Sequence[Finding],
    unread: Sequence[str],
    across: Across | None,
) -> Iterator[str]:
    if not settings:
        yield "No trial has finished, so there is no verdict."
        return
    compared = [standing for standing in standings if standing.comparison]
    judged = [standing for standing in compared if standing.judged]
    if not compared and unread:
        yield (
            f"Nothing can be said about chance: the evaluation records of {counted(len(unread), 'trial')} cannot be "
            f"read ({unread[0]}). The order below is that of the means."
        )
    elif not compared:
        yield (
            "Nothing can be said about chance: there are no two cells of one data set and backbone whose evaluation "
            "records cover the same people. The order below is that of the means."
        )
    if len(judged) < len(compared):
        yield _missing_seeds(compared, len(compared) - len(judged))
    yield from _headlines(judged)
    if across:
        yield _ranks(across)
    for hypothesis, title in HYPOTHESES.items():
        own = Counter(finding.outcome.word for finding in findings if finding.hypothesis == hypothesis)
        tally = ", ".join(f"{own[word]} {word}" for word in WORDS if own[word])
        yield f"{title} ({hypothesis}): {tally or 'not tested, as no setting has the methods for it'}."


def _missing_seeds(compared: Sequence[Standing], unjudged: int) -> str:
    contests = several(len(compared), "contest")
    return (
        f"No verdict on {unjudged} of {len(compared)} {contests} between the best and the next: fewer than "
        f'{FEWEST_SEEDS} seeds of each cannot tell a method from a lucky seed. "{seeds_line(compared)}" in the '
        "sweep's grid adds what is missing; until then intervals are over the choice of images alone."
    )


def seeds_line(standings: Sequence[Standing], count: int = FEWEST_SEEDS) -> str:
    """For a sweep's grid: the seeds that the best and the next were to have, and others up to a count."""
    seeds = sorted({seed for standing in standings for cell in standing.cells for seed in seeds_of(cell)})
    wanted = [*seeds, *(seed for seed in range(len(seeds) + count) if seed not in seeds)]
    return f"seed: {sorted(wanted[: max(count, len(seeds))])}"


def _headlines(judged: Sequence[Standing]) -> Iterator[str]:
    """Who is ahead in the headline metric of each setting."""
    found = [each for each in judged if (each.metric, each.subset) == (each.setting.headline, EVERYONE)]
    yield from map(_headline, found[:MOST_TOLD])
    rest = found[MOST_TOLD:]
    clear = sum(standing.clear for standing in rest)
    if len(rest) == 1:
        yield f"In one further setting the best is {'' if clear else 'not '}clearly ahead."
    elif rest:
        yield f"In {clear or 'none'} of {len(rest)} further settings the best is clearly ahead."


def _headline(standing: Standing) -> str:
    setting, metric, second = standing.setting, standing.metric, standing.second
    assert second and standing.ahead is not None and standing.interval, "only what is judged is told"
    where = f"On {setting.dataset} with {setting.backbone} ({title_of(setting.boxes)})"
    interval = "{} to {}".format(*(signed(metric, end) for end in standing.interval))
    if standing.ahead == 0:
        both = f"{standing.best.label} and {second.label} have the same {metric}"
        return f"{where}, {both} (95 % interval of the difference {interval})."
    points = amount(metric, standing.ahead)
    ahead = f"{points} points" if float(points) else "less than 0.1 points"
    return (
        f"{where}, {standing.best.label} is ahead of {second.label} by {ahead} of {metric} (95 % interval "
        f"{interval}), which {_surety(standing)}."
    )


def _surety(standing: Standing) -> str:
    pair = standing.comparison
    assert pair and pair.p_holm is not None and standing.agreeing, "only what is judged is told"
    p = f"Holm-adjusted p {p_text(pair.p_holm)}"
    if standing.clear:
        return f"is clear ({p} over images and seeds, no seed against it)"
    if pair.p_holm >= 0.05:
        return f"cannot be told from chance ({p})"
    if pair.better is not standing.best:
        return "is not clear: with each prediction matched with its own person it is behind"
    same, seeds = standing.agreeing
    return f"is not clear ({p}, but {seeds - same} of {counted(seeds, 'common seed')} against it)"


def _ranks(across: Across) -> str:
    """Who is ahead over all settings, and who differs."""
    rough = f", rough as there are fewer than {FEWEST_SETTINGS}" if across.rough else ""
    ranks = _listed([f"{each.rank:.2f} ({each.label})" for each in across.methods])
    return (
        f"Over {len(across.settings)} settings{rough}, the mean ranks are {ranks}; Friedman's test gives p "
        f"{p_text(across.test.p)}, {_apart(across)}."
    )


def _apart(across: Across) -> str:
    if across.test.p >= 0.05:
        return "so the ranks cannot be told from chance"
    limit = f"differ by more than the critical difference of {across.critical_difference:.2f}"
    worse: dict[str, list[str]] = {}
    for one, other in across.apart:
        worse.setdefault(one.label, []).append(other.label)
    told = [f"{label} from {_listed(others)}" for label, others in list(worse.items())[:MOST_TOLD]]
    rest = len(worse) - len(told)
    more = f"; and {rest} more from others" if rest else ""
    return f"and these {limit}: {'; '.join(told)}{more}" if told else f"but no two of them {limit}"


def _listed(words: Sequence[str]) -> str:
    """`a, b and c`; of too many the first."""
    if len(words) > MOST_LISTED:
        words = [*words[: MOST_LISTED - 1], f"{len(words) - MOST_LISTED + 1} more"]
    return listed(words)


def signed(metric: str, value: float) -> str:
    """An amount with a true minus, and none before nothing."""
    text = amount(metric, abs(value))
    return text if value >= 0 or float(text) == 0 else f"−{text}"
