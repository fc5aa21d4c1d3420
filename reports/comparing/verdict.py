"""Who is ahead where, by how much, how sure and at what cost; and the paper's two findings put to the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.comparisons import EVERYONE, Comparison, Comparisons
from heatmark.reports.comparing.convergence import arrivals, median_times
from heatmark.reports.comparing.cost import Cost, cost_of
from heatmark.reports.comparing.nearest import PAPER_METHODS, nearest_to_paper
from heatmark.reports.comparing.settings import Setting, settings_of
from heatmark.reports.reading.digest import parts_of
from heatmark.reports.reading.measures import lower_is_better

# Fewer seeds a side cannot tell a slower method from a slow seed.
FEWEST_SEEDS = 3
Word = Literal["supported", "contradicted", "undecided"]
WORDS: tuple[Word, ...] = get_args(Word)


@dataclass(frozen=True)
class Standing:
    """The best cell on some people of a setting, and the next. comparison: None where records do not allow one.

    The headline metric of everyone is that of the last evaluation, as on all pages (AP is COCO's); the comparison of
    the two rests on resamples, in which AP is that of predictions matched with their own person.
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
        low, high = self.comparison.low, self.comparison.high
        return (low, high) if forward else (-high, -low)

    @property
    def agreeing(self) -> tuple[int, int] | None:
        """In how many of the common seeds the best is ahead in the resamples' statistic, and how many there are."""
        if self.comparison is None:
            return None
        same, total = self.comparison.agreeing
        return (same if self.comparison.better is self.best else total - same), total


@dataclass(frozen=True)
class Outcome:
    """What became of a claim. why: of one that is undecided."""

    word: Word
    why: str = ""

    @property
    def decided(self) -> bool:
        return self.word != "undecided"

    def __str__(self) -> str:
        return f"{self.word}: {self.why}" if self.why else self.word


@dataclass(frozen=True)
class Finding:
    """One claim of the paper in one setting. evidence: the numbers it rests on."""

    hypothesis: str
    claim: str
    setting: Setting
    evidence: str
    outcome: Outcome


@dataclass(frozen=True)
class Verdict:
    """sentences: the same in words, the most important first."""

    standings: tuple[Standing, ...]
    findings: tuple[Finding, ...]
    sentences: tuple[str, ...]


def judge(cells: Sequence[GridCell], comparisons: Comparisons) -> Verdict:
    """Who is ahead in every setting, and which of the paper's findings hold there."""
    settings = settings_of(cell for cell in cells if cell.finished)
    standings = tuple(
        standing for setting, own in settings.items() for standing in _standings(setting, own, comparisons)
    )
    findings = tuple(finding for setting, own in settings.items() for finding in _findings(setting, own, comparisons))
    return Verdict(standings, findings, tuple(_sentences(settings, standings, findings, comparisons.unread)))


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
    finals = ((cell, cell.final(metric)) for cell in cells)
    return [(cell, found.value) for cell, found in finals if found]


def _findings(setting: Setting, cells: Sequence[GridCell], comparisons: Comparisons) -> Iterable[Finding]:
    """Of the cells that were compared, else of all: those most like the paper's."""
    compared = {id(cell) for pair in comparisons.pairs if pair.setting == setting for cell in (pair.first, pair.second)}
    known = [cell for cell in cells if id(cell) in compared] or cells
    detection, ipr, bcir = (nearest_to_paper(known, name) for name in PAPER_METHODS)
    if detection is None or (ipr is None and bcir is None):
        return
    easy, *_, hard = parts_of(setting.format)
    for cell, subset, lower in ((ipr, hard, True), (bcir, hard, True), (ipr, easy, False)):
        if cell is not None:
            yield _difficulty_finding(setting, detection, cell, subset, lower, comparisons)
    if ipr is not None:
        yield _speed_finding(setting, detection, ipr)


def _difficulty_finding(
    setting: Setting, detection: GridCell, cell: GridCell, subset: str, lower: bool, comparisons: Comparisons
) -> Finding:
    people = subset if subset.endswith("joints") else f"{subset} people"
    claim = f"{cell.label} has the {'lower' if lower else 'higher'} EPE on {people}"
    pair = next(
        (
            pair
            for pair in comparisons.pairs
            if (pair.metric, pair.subset) == ("EPE", subset)
            and {id(pair.first), id(pair.second)} == {id(detection), id(cell)}
        ),
        None,
    )
    if pair is None:
        absent = "no records that can be read" if comparisons.unread else "no records"
        why = "too few people or images" if cell.digests and detection.digests else absent
        return Finding("H1", claim, setting, why, Outcome("undecided", why))
    sign = 1 if pair.first is cell else -1
    low, high = sorted((sign * pair.low, sign * pair.high))
    change = sign * pair.difference
    evidence = (
        f"{_pixels(change)} px against {detection.label} ({_pixels(low)} to {_pixels(high)}), {pair.people} people"
    )
    if not pair.clear:
        return Finding("H1", claim, setting, evidence, Outcome("undecided", f"p {p_text(pair.p_holm)} after Holm"))
    return Finding("H1", claim, setting, evidence, Outcome("supported" if (change < 0) == lower else "contradicted"))


def _speed_finding(setting: Setting, detection: GridCell, ipr: GridCell) -> Finding:
    headline = setting.headline
    claim = f"{ipr.label} needs more epochs than {detection.label} to 80 % of its final {headline}"
    medians = [median_times(cell, 0.8).epochs for cell in (detection, ipr)]
    fast, slow = ([arrival.epochs for arrival in arrivals(cell, 0.8) if arrival.arrived] for cell in (detection, ipr))
    if medians[0] is None or medians[1] is None:
        return Finding("H2", claim, setting, "too few curves reach it", Outcome("undecided", "too few curves reach it"))
    evidence = (
        f"{medians[1]:g} against {medians[0]:g} epochs, {medians[1] / medians[0]:.2g} times "
        f"(paper: about 60 against 10, six times); {len(slow)} and {len(fast)} seed(s)"
    )
    return Finding("H2", claim, setting, evidence, _speed_outcome(fast, slow))


def _speed_outcome(fast: Sequence[float], slow: Sequence[float]) -> Outcome:
    if min(len(fast), len(slow)) < FEWEST_SEEDS:
        return Outcome("undecided", f"{FEWEST_SEEDS} seeds of each needed")
    if min(slow) > max(fast):
        return Outcome("supported")
    if max(slow) < min(fast):
        return Outcome("contradicted")
    return Outcome("undecided", "the seeds overlap")


def _sentences(
    settings: Iterable[Setting], standings: Sequence[Standing], findings: Sequence[Finding], unread: Sequence[str]
) -> Iterable[str]:
    if not list(settings):
        yield "No trial has finished, so there is no verdict."
        return
    compared = [standing for standing in standings if standing.comparison]
    if not compared and unread:
        yield (
            f"Nothing can be said about chance: the evaluation records of {len(unread)} trial(s) cannot be read "
            f"({unread[0]}). The order below is that of the means."
        )
    elif not compared:
        yield (
            "Nothing can be said about chance: there are no two cells of one data set and backbone whose evaluation "
            "records cover the same people. The order below is that of the means."
        )
    else:
        wins = Counter(standing.best.label for standing in compared if standing.clear)
        names = ", ".join(f"{name} in {count}" for name, count in wins.most_common())
        rest = len(compared) - sum(wins.values())
        yield (
            f"Of {len(compared)} contests between the best and the next, {sum(wins.values())} are clear (Holm-adjusted "
            f"p below 0.05)"
            + (f": {names}" if names else "")
            + (f"; {rest} cannot be told from chance." if rest else ".")
        )
    for hypothesis, title in (("H1", "Hard people favour regression"), ("H2", "IPR converges more slowly")):
        own = Counter(finding.outcome.word for finding in findings if finding.hypothesis == hypothesis)
        tally = ", ".join(f"{own[word]} {word}" for word in WORDS if own[word])
        yield f"{title} ({hypothesis}): {tally or 'not tested, as no setting has detection and regression'}."


def _pixels(value: float) -> str:
    """With its sign, a true minus."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def p_text(p: float) -> str:
    """A p-value with as many digits as it deserves."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
