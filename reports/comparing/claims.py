"""The paper's headline claims, put to the test: named beforehand, and so corrected for one another alone (Holm)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from heatmark.foundation.counted import counted
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.comparisons import EVERYONE, LOCALISED, LOCALISED_AS_READ, Comparison, Comparisons
from heatmark.reports.comparing.nearest import PAPER_METHODS, nearest_to_paper
from heatmark.reports.comparing.race import Race
from heatmark.reports.comparing.settings import Setting
from heatmark.reports.reading.digest import parts_of
from heatmark.reports.reading.measures import lower_is_better
from heatmark.reports.statistics.intervals import holm
from heatmark.reports.statistics.two_levels import FEWEST_SEEDS

Word = Literal["supported", "contradicted", "undecided"]
WORDS: tuple[Word, ...] = get_args(Word)
HYPOTHESES = {
    "H1": "Hard people favour regression",
    "H2": "IPR converges more slowly",
    "H3": "BCIR is above IPR and at least detection",
    "H4": "BCIR converges faster than IPR",
    "H5": "IPR's heatmaps are more localised",
}


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
    """One claim of the paper in one setting. evidence: the numbers it rests on.

    holds: whether they go its way. p: of chance alone, None where it cannot be told; p_holm: among all findings.
    """

    hypothesis: str
    claim: str
    setting: Setting
    evidence: str
    holds: bool = False
    p: float | None = None
    p_holm: float | None = None
    why: str = ""

    @property
    def told(self) -> dict[str, str | float | None]:
        """What was found, as columns of a file."""
        return {"measured": self.evidence, "p": self.p, "p_holm": self.p_holm, "outcome": str(self.outcome)}

    @property
    def outcome(self) -> Outcome:
        if self.why or self.p_holm is None:
            return Outcome("undecided", self.why)
        if self.p_holm >= 0.05:
            return Outcome("undecided", f"p {p_text(self.p_holm)} after Holm")
        return Outcome("supported" if self.holds else "contradicted")


def tested_claims(
    settings: Mapping[Setting, Sequence[GridCell]], comparisons: Comparisons, targets: Mapping[str, float]
) -> tuple[Finding, ...]:
    """All claims in all settings, as one family. targets: of the headline metric, by data set."""
    findings = [
        found
        for setting, cells in settings.items()
        for found in _findings(setting, cells, comparisons, targets.get(setting.dataset))
    ]
    tested = [finding for finding in findings if finding.p is not None]
    adjusted = iter(holm([finding.p for finding in tested if finding.p is not None]))
    return tuple(finding if finding.p is None else replace(finding, p_holm=next(adjusted)) for finding in findings)


def _findings(
    setting: Setting, cells: Sequence[GridCell], comparisons: Comparisons, target: float | None
) -> Iterator[Finding]:
    """Of the cells that were compared, else of all: those most like the paper's."""
    pairs = [pair for pair in comparisons.pairs if pair.setting == setting]
    compared = {id(cell) for pair in pairs for cell in (pair.first, pair.second)}
    known = [cell for cell in cells if id(cell) in compared] or cells
    detection, ipr, bcir = (nearest_to_paper(known, name) for name in PAPER_METHODS)

    def finding(hypothesis: str, claim: str, about: _Claim) -> Finding:
        return _compared(Finding(hypothesis, claim, setting, ""), about, pairs, bool(comparisons.unread))

    easy, *_, hard = parts_of(setting.format)
    headline = setting.headline
    if detection is not None:
        for cell in (ipr, bcir):
            if cell is not None:
                claim = f"{cell.label} has the lower EPE on {_people(hard)}"
                yield finding("H1", claim, _Claim("EPE", hard, cell, detection, higher=False))
    if detection is not None and ipr is not None:
        claim = f"{ipr.label} has the higher EPE on {_people(easy)}"
        yield finding("H1", claim, _Claim("EPE", easy, ipr, detection, higher=True))
        yield _raced(setting, "H2", Race(ipr, detection, target))
    if bcir is not None:
        for other, words in ((ipr, "above"), (detection, "at least")):
            if other is not None:
                claim = f"{bcir.label} is {words} {other.label} in {headline}"
                yield finding("H3", claim, _Claim(headline, EVERYONE, bcir, other, higher=True))
    if bcir is not None and ipr is not None:
        yield _raced(setting, "H4", Race(ipr, bcir, target))
    if detection is not None and ipr is not None:
        told = any(pair.metric == LOCALISED for pair in pairs)
        metric = LOCALISED if told else LOCALISED_AS_READ
        claim = f"{ipr.label} has the higher {metric} than {detection.label}"
        yield finding("H5", claim, _Claim(metric, EVERYONE, ipr, detection, higher=True))


@dataclass(frozen=True)
class _Claim:
    """That a metric of some people is higher, or lower, in one cell than in another."""

    metric: str
    subset: str
    cell: GridCell
    other: GridCell
    higher: bool


def _people(subset: str) -> str:
    return subset if subset.endswith("joints") else f"{subset} people"


def _compared(finding: Finding, claim: _Claim, pairs: Sequence[Comparison], unread: bool) -> Finding:
    wanted, place = {id(claim.cell), id(claim.other)}, (claim.metric, claim.subset)
    found = (pair for pair in pairs if (pair.metric, pair.subset) == place)
    pair = next((pair for pair in found if {id(pair.first), id(pair.second)} == wanted), None)
    if pair is None:
        absent = "no records that can be read" if unread else "no records"
        why = "too few people or images" if claim.cell.digests and claim.other.digests else absent
        return replace(finding, evidence=why, why=why)
    sign = 1 if pair.first is claim.cell else -1
    low, high = sorted(sign * each for each in pair.interval)
    change = sign * pair.difference
    evidence = (
        f"{_amount(claim.metric, change)} against {claim.other.label} ({_amount(claim.metric, low, unit=False)} to "
        f"{_amount(claim.metric, high, unit=False)}), {counted(pair.people, 'person', 'people')}"
    )
    why = "" if pair.chance.judges_seeds else f"{FEWEST_SEEDS} seeds of each needed, the interval is over images alone"
    if not why and not pair.agreed:
        why = "the seeds disagree"
    return replace(finding, evidence=evidence, holds=(change > 0) == claim.higher, p=pair.p, why=why)


def _amount(metric: str, value: float, unit: bool = True) -> str:
    """With its sign, a true minus."""
    value += 0.0  # no minus before nothing
    if lower_is_better(metric):
        text, name = f"{value:+.2f}", " px"
    elif metric in (LOCALISED, LOCALISED_AS_READ):
        text, name = f"{value:+.3f}", ""
    else:
        text, name = f"{100 * value:+.1f}", " points"
    return text.replace("-", "\N{MINUS SIGN}") + (name if unit else "")


def _raced(setting: Setting, hypothesis: str, race: Race) -> Finding:
    """Whether one needs more epochs than the other to the same quality."""
    claim = f"{race.slow.label} needs more epochs than {race.fast.label} to the same {setting.headline}"
    return Finding(hypothesis, claim, setting, race.evidence, race.holds, race.p, why=race.why)


def p_text(p: float) -> str:
    """A p-value with as many digits as it deserves."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
