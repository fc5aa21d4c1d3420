"""The verdict as tables for people and for files: who is ahead where, and the paper's two findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from heatmark.reports.comparing.comparisons import EVERYONE, Comparisons
from heatmark.reports.comparing.cost import Cost
from heatmark.reports.comparing.settings import setting_names
from heatmark.reports.comparing.study import Study
from heatmark.reports.comparing.verdict import Standing, Verdict, p_text
from heatmark.reports.reading.measures import amount, lower_is_better, unit_of
from heatmark.reports.rendering.document import Block, Words
from heatmark.reports.rendering.table import MISSING, Cell, Column, Export, Table
from heatmark.reports.sections.section import Section

# A page's worth.
MOST_ROWS = 30


class WhoIsAhead(Section):
    """Who is ahead, how sure that is, and what became of the paper's claims."""

    title = "Verdict"
    order = 10

    def blocks(self, study: Study) -> Iterator[Block]:
        yield Words(study.verdict.sentences)
        yield from verdict_exports(study.verdict, study.comparisons)


def verdict_exports(verdict: Verdict, comparisons: Comparisons) -> list[Export]:
    """`verdict` and `findings`, each left out where it would be empty."""
    found = []
    if verdict.standings:
        found.append(Export(_standings_table(verdict.standings, comparisons), _standings_frame(verdict.standings)))
    if verdict.findings:
        found.append(_findings(verdict))
    return found


def _standings_table(standings: Sequence[Standing], comparisons: Comparisons) -> Table:
    names, shared = setting_names(standing.setting for standing in standings)
    several = len(names) > 1
    columns = (
        *([Column("Setting", False, width=1.4)] if several else []),
        Column("People", False, width=1.2),
        Column("Metric", False, width=1.0),
        Column("Best", False, width=1.5),
        Column("Value", True, width=0.9),
        Column("Next", False, width=1.5),
        Column("Ahead by", True, "95 % interval", width=1.5),
        Column("p (Holm)", True, width=0.8),
        Column("Seeds agree", True, width=0.7),
        Column("Cost per trial", True, "best, next", width=1.2),
    )
    # Where there are more than a page holds, the clear ones go first.
    rows = standings if len(standings) <= MOST_ROWS else sorted(standings, key=lambda each: not each.clear)[:MOST_ROWS]
    notes = [*comparisons.notes]
    if len(standings) > MOST_ROWS:
        notes.append(f"{len(standings) - MOST_ROWS} of {len(standings)} rows are only in the files of this table.")
    where = f" Everywhere: {shared}." if shared else ""
    unsure = "" if any(standing.comparison for standing in standings) else " No interval without evaluation records."
    caption = (
        "Who is ahead, and how sure that is. Ahead by: the difference of the means over seeds with its 95 % BCa "
        f"interval from {comparisons.resamples:,} paired resamples of the images, which cover the choice of images and "
        "not that of seeds; p is adjusted by Holm over all comparisons of the report; bold where it is below 0.05. "
        "Seeds agree: in how many of the common seeds the best is ahead. Cost: hours of GPUs or CPUs as SLURM accounts "
        "them, else of the trial's processes. AP is COCO's, of the last evaluation; the resamples, and so interval, p "
        "and seeds that agree, match each prediction with its own person, which may give a little other difference. "
        f"Intervals from fewer than some 200 images are a little too narrow.{unsure}{where}"
    )
    cells = tuple(_standing_row(row, names[row.setting])[0 if several else 1 :] for row in rows)
    return Table(columns, cells, caption, name="verdict", title="Verdict", notes=tuple(notes))


def _standing_row(standing: Standing, where: str) -> tuple[Cell, ...]:
    pair, metric, cost = standing.comparison, standing.metric, standing.best_cost
    following = standing.second.label if standing.second else MISSING
    ahead = Cell(MISSING)
    p, agree = Cell(MISSING), Cell(MISSING)
    if pair and standing.ahead is not None and standing.interval and standing.agreeing:
        low, high = standing.interval
        gap = _difference(metric, standing.ahead)
        ahead = Cell(gap, f"{_signed(metric, low)} to {_signed(metric, high)}", order=standing.ahead)
        p = Cell(p_text(pair.p_holm), order=pair.p_holm)
        agree = Cell("{} of {}".format(*standing.agreeing), order=float(standing.agreeing[0]))
    subset = standing.subset if not pair or standing.subset == EVERYONE else f"{standing.subset} (n {pair.people})"
    return (
        Cell(where, order=where),
        Cell(subset, order=standing.subset),
        Cell(metric, order=metric),
        Cell(standing.best.label, best=standing.clear, order=standing.best.label),
        Cell(f"{amount(metric, standing.best_value)} {unit_of(metric)}", order=standing.best_value),
        Cell(following, order=following),
        ahead,
        p,
        agree,
        Cell(
            _cost(cost),
            f"next {_cost(standing.second_cost)}" if standing.second else "",
            order=cost.hours if cost else "",
        ),
    )


def _difference(metric: str, value: float) -> str:
    return f"{value:.2f} {unit_of(metric)}" if lower_is_better(metric) else f"{100 * value:.1f} points"


def _signed(metric: str, value: float) -> str:
    text = amount(metric, abs(value))
    return text if value >= 0 or float(text) == 0 else f"−{text}"


def _cost(cost: Cost | None) -> str:
    """Hours of processes need no name in a narrow column."""
    return str(cost).replace("process ", "") if cost else MISSING


def _standings_frame(standings: Sequence[Standing]) -> pd.DataFrame:
    rows = []
    for standing in standings:
        pair, cost, next_cost = standing.comparison, standing.best_cost, standing.second_cost
        rows.append(
            {
                **vars(standing.setting),
                "people": standing.subset,
                "metric": standing.metric,
                "best": standing.best.label,
                "value": standing.best_value,
                "next": standing.second.label if standing.second else "",
                "ahead_by": standing.ahead if pair else None,
                "low": standing.interval[0] if standing.interval else None,
                "high": standing.interval[1] if standing.interval else None,
                "p": pair.p if pair else None,
                "p_holm": pair.p_holm if pair else None,
                "best_hours": cost.hours if cost else None,
                "next_hours": next_cost.hours if next_cost else None,
                "hours_are": cost.unit if cost else "",
            }
        )
    numbers = ("value", "ahead_by", "low", "high", "p", "p_holm", "best_hours", "next_hours")
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64"))


def _findings(verdict: Verdict) -> Export:
    names, shared = setting_names(finding.setting for finding in verdict.findings)
    several = len(names) > 1
    columns = (
        Column("", False, width=0.4),
        Column("The paper's claim", False, width=2.4),
        *([Column("Setting", False, width=1.4)] if several else []),
        Column("What was measured", False, width=2.8),
        Column("Outcome", False, width=1.6),
    )
    rows = []
    for finding in verdict.findings[:MOST_ROWS]:
        texts = [finding.hypothesis, finding.claim, finding.evidence]
        texts[2:2] = [names[finding.setting]] if several else []
        outcome = Cell(str(finding.outcome), "", finding.outcome.decided, str(finding.outcome))
        rows.append((*(Cell(text, order=text) for text in texts), outcome))
    caption = (
        "The paper's two findings as hypotheses. H1: regression is better on hard people and detection on easy ones "
        "(easy, medium and hard as the paper divides them: by joints, size and occlusion; of hands, hidden and visible "
        "joints). H2: IPR takes longer to come near its final accuracy. Supported and contradicted: Holm-adjusted p "
        "below 0.05; for H2, every seed of one side later than every seed of the other, with three seeds or more."
        + (f" Everywhere: {shared}." if shared else "")
    )
    notes = (f"{len(verdict.findings) - MOST_ROWS} more rows are in the files.",)
    table = Table(
        columns,
        tuple(rows),
        caption,
        name="findings",
        title="The paper's two findings",
        notes=notes if len(verdict.findings) > MOST_ROWS else (),
    )
    frame = pd.DataFrame(
        [
            {
                "hypothesis": finding.hypothesis,
                "claim": finding.claim,
                **vars(finding.setting),
                "measured": finding.evidence,
                "outcome": str(finding.outcome),
            }
            for finding in verdict.findings
        ]
    )
    return Export(table, frame)
