"""The verdict as tables for people and for files: who is ahead where, and the paper's claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

import pandas as pd

from heatmark.foundation.counted import counted
from heatmark.reports.comparing.claims import p_text
from heatmark.reports.comparing.comparisons import EVERYONE, Comparison, Comparisons
from heatmark.reports.comparing.cost import Cost
from heatmark.reports.comparing.settings import Setting, setting_names
from heatmark.reports.comparing.study import Study
from heatmark.reports.comparing.verdict import Standing, Verdict, signed
from heatmark.reports.reading.measures import amount, is_length, unit_of
from heatmark.reports.rendering.document import Block, Words
from heatmark.reports.rendering.table import MISSING, Cell, Column, Export, Table
from heatmark.reports.sections.cell_rows import concerns_of, concerns_of_setting
from heatmark.reports.sections.section import Section
from heatmark.reports.statistics.two_levels import FEWEST_SEEDS

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
        *([Column("Setting", False, width=1.3)] if several else []),
        Column("People", False, width=1.0),
        Column("Metric", False, width=1.0),
        Column("Best", False, width=1.5),
        Column("Value", True, width=0.9),
        Column("Next", False, width=1.5),
        Column("Ahead by", True, "95 % interval", width=1.5),
        Column("p (Holm)", True, width=0.8),
        Column("Seeds agree", True, "a new one", width=0.85),
        Column("Resolvable", True, "seeds for this", width=1.1),
        Column("Cost per trial", True, "best, next", width=1.2),
    )
    # Where there are more than a page holds, the clear ones go first.
    rows = standings if len(standings) <= MOST_ROWS else sorted(standings, key=lambda each: not each.clear)[:MOST_ROWS]
    notes = [*comparisons.notes]
    if len(standings) > MOST_ROWS:
        notes.append(
            f"{counted(len(standings) - MOST_ROWS, 'more row is', 'more rows are')} only in the files of this table."
        )
    where = f" Everywhere: {shared}." if shared else ""
    unsure = "" if any(standing.comparison for standing in standings) else " No interval without evaluation records."
    caption = f"Who is ahead, and how sure that is; bold where it is clear.{unsure}{where}"
    details = (
        "Ahead by: the difference of the means over seeds with its 95 % interval, "
        f"whose variance adds that of {comparisons.resamples:,} paired resamples of the images and that of the seeds; "
        f"with fewer than {FEWEST_SEEDS} seeds of each it is over images alone, is marked so, and there is no p. p is "
        "adjusted by Holm over all comparisons of the report, which are exploratory; bold where it is below 0.05 and "
        "no common seed is against it. Seeds agree: in how many of the common seeds the best is ahead, and in what "
        "share of new pairs of seeds it would be. Resolvable: the difference that four of five such sweeps would "
        "find, and how many seeds of each would find this one. Cost: hours of GPUs or CPUs as SLURM accounts them, "
        "else of the trial's processes. Mirrors are merged exactly for all methods. AP is COCO's, of the last "
        "evaluation; the resamples, and so interval, p and seeds that agree, match each prediction with its own "
        "person, which may give a little other difference."
    )
    cells = tuple(_standing_row(row, names[row.setting])[0 if several else 1 :] for row in rows)
    return Table(columns, cells, caption, name="verdict", title="Verdict", notes=tuple(notes), details=details)


def _standing_row(standing: Standing, where: str) -> tuple[Cell, ...]:
    pair, metric, cost = standing.comparison, standing.metric, standing.best_cost
    following = standing.second.label if standing.second else MISSING
    ahead, p, agree, resolvable = (Cell(MISSING, order=MISSING) for _ in range(4))
    if pair and standing.ahead is not None and standing.interval and standing.agreeing:
        low, high = standing.interval
        over = "" if standing.judged else "\nimages alone"
        ahead = Cell(
            _difference(metric, standing.ahead),
            f"{signed(metric, low)} to {signed(metric, high)}{over}",
            order=standing.ahead,
        )
        chances = f"{standing.superiority:.0%}" if standing.judged and standing.superiority is not None else ""
        agree = Cell("{} of {}".format(*standing.agreeing), chances, order=float(standing.agreeing[0]))
        if pair.p_holm is not None:
            p = Cell(p_text(pair.p_holm), order=pair.p_holm)
            resolvable = _resolvable(metric, pair)
    subset = standing.subset if not pair or standing.subset == EVERYONE else f"{standing.subset} (n {pair.people})"
    return (
        Cell(where, order=where),
        Cell(subset, order=standing.subset),
        Cell(metric, order=metric),
        Cell(
            standing.best.label, best=standing.clear, order=standing.best.label, concerns=concerns_of(*standing.cells)
        ),
        Cell(f"{amount(metric, standing.best_value)} {unit_of(metric)}", order=standing.best_value),
        Cell(following, order=following),
        ahead,
        p,
        agree,
        resolvable,
        Cell(
            _cost(cost),
            f"next {_cost(standing.second_cost)}" if standing.second else "",
            order=cost.hours if cost else "",
        ),
    )


def _resolvable(metric: str, pair: Comparison) -> Cell:
    least, wanted = pair.chance.resolvable(), pair.chance.seeds_to_settle
    return Cell(_difference(metric, least), f"{wanted} seeds" if wanted else "more images", order=least)


def _difference(metric: str, value: float) -> str:
    return f"{amount(metric, value)} {unit_of(metric) if is_length(metric) else 'points'}"


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
                "p_new_seed": standing.superiority if standing.judged else None,
                "resolvable": pair.chance.resolvable() if pair and standing.judged else None,
                "seeds_to_settle": pair.chance.seeds_to_settle if pair and standing.judged else None,
                "best_hours": cost.hours if cost else None,
                "next_hours": next_cost.hours if next_cost else None,
                "hours_are": cost.unit if cost else "",
            }
        )
    texts = (*(field.name for field in fields(Setting)), "people", "metric", "best", "next", "hours_are")
    numbers = [name for name in rows[0] if name not in texts]
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64"))


def _findings(verdict: Verdict) -> Export:
    names, shared = setting_names(finding.setting for finding in verdict.findings)
    several = len(names) > 1
    columns = (
        Column("H", False, width=0.4),
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
        about = concerns_of_setting(finding.setting)
        rows.append((*(Cell(text, order=text, concerns=about) for text in texts), outcome))
    caption = "The paper's headline claims, put to the test here." + (f" Everywhere: {shared}." if shared else "")
    details = (
        "They were fixed before the sweep and so are corrected for one another alone (Holm); everything else in this "
        "report is exploratory. H1: regression is better on hard people and detection on easy ones (half "
        "or more, and less than 20 % of the labelled joints hidden, as the paper's hard EPE has it; of hands, hidden "
        "and visible joints). H2 and H4: epochs to a quality that both reach, runs that never got there counted (exact "
        "permutation of the log-rank statistic, which three seeds of each cannot decide and five can). H3: the "
        "headline metric. H5: activation near the joint (Eq. 26). Supported and contradicted: p below 0.05 over "
        "images and seeds, and no common seed against it."
    )
    notes = (f"{counted(len(verdict.findings) - MOST_ROWS, 'more row is', 'more rows are')} in the files.",)
    table = Table(
        columns,
        tuple(rows),
        caption,
        name="findings",
        title="The paper's claims",
        details=details,
        notes=notes if len(verdict.findings) > MOST_ROWS else (),
    )
    frame = pd.DataFrame(
        [
            {
                "hypothesis": finding.hypothesis,
                "claim": finding.claim,
                **vars(finding.setting),
                **finding.told,
            }
            for finding in verdict.findings
        ]
    )
    return Export(table, frame)
