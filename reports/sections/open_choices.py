"""The paper's open choices: under which of them its order of methods appears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from heatmark.reports.comparing.settings import setting_names
from heatmark.reports.comparing.study import Study
from heatmark.reports.comparing.verdict import signed
from heatmark.reports.paper.open_choices import EPE, Order, Read, Step, read_openly, usual_choices
from heatmark.reports.reading.measures import is_length
from heatmark.reports.rendering.document import Block
from heatmark.reports.rendering.table import MISSING, Cell, Column, Export, Table
from heatmark.reports.sections.section import Section
from heatmark.reports.statistics.two_levels import FEWEST_SEEDS

USUAL = "as by default"
METHOD_NAMES = {"detection": "detection", "ipr": "IPR", "bcir": "BCIR"}


class OpenChoices(Section):
    """One row for every reading of the paper."""

    title = "The paper's open choices"
    order = 58

    def blocks(self, study: Study) -> Iterator[Block]:
        found = read_openly(study.settings)
        if found:
            yield open_choices_export(found)


def open_choices_export(found: Sequence[Read]) -> Export:
    """The steps of the paper's order with their intervals, and how much of its ablation is in order."""
    names, shared = setting_names(read.setting for read in found)
    several = len(names) > 1
    headlines = ", ".join(dict.fromkeys(read.setting.headline for read in found))
    columns = [Column("Setting", False, width=1.3)] if several else []
    columns.append(Column("Chosen otherwise", False, width=1.5))
    for title, order in ((headlines, found[0].orders[0]), (EPE, found[0].orders[1])):
        columns += [Column(f"{title}: {_versus(step)}", True, "95 % interval", width=1.3) for step in order.methods]
        columns.append(Column("The paper's order", False, "of the ablation", width=1.2))
    rows = []
    for read in found:
        heads = [Cell(names[read.setting], order=names[read.setting])] if several else []
        heads.append(_choice(read))
        rows.append((*heads, *(cell for order in read.orders for cell in _cells(order))))
    usual = ", ".join(f"{name} {value}" for name, value in usual_choices().values)
    caption = (
        "The paper names neither the units of L_re nor how L_de is reduced, nor every weight: under which of these "
        "readings its order of methods appears." + (f" Everywhere: {shared}." if shared else "")
    )
    details = (
        f"By default: {usual}. One row per reading: each step of the paper's order (Tables 3 and 6) as how much better "
        "the first is than the second, so that a positive number is the paper's way. appears: every step is clear (p "
        "below 0.05 over images and seeds, after Holm over all pairs of this table, and no common seed against it); in "
        "the means, not in the means: without that; contradicted: a step is clearly the other way round. Under it, of "
        "the pairs of Table 6's rows at β 10, how many the means have in the paper's order, and how many are clearly "
        f"against it. With fewer than {FEWEST_SEEDS} seeds of each intervals are over images alone and nothing is "
        "clear. What a method lacks it shares with other rows."
    )
    table = Table(tuple(columns), tuple(rows), caption, name="open_choices", title=OpenChoices.title, details=details)
    records = [record for read in found for record in _records(read)]
    return Export(table, pd.DataFrame(records))


def _versus(step: Step) -> str:
    return f"{METHOD_NAMES[str(step.above.method)]} over {METHOD_NAMES[str(step.below.method)]}"


def _choice(read: Read) -> Cell:
    text = read.choices.unlike(usual_choices()) or USUAL
    return Cell(text, order=text)


def _cells(order: Order) -> Iterator[Cell]:
    for step in order.methods:
        if step.lead is None or step.interval is None:
            yield Cell(MISSING, order="")
            continue
        low, high = step.interval
        over = "" if step.pair and step.pair.chance.judges_seeds else ", images alone"
        interval = f"{signed(order.metric, low)} to {signed(order.metric, high)}{over}"
        yield Cell(_signed(order.metric, step.lead), interval, step.clear, order=step.lead)
    ahead, against, pairs = order.agreeing
    told = f"{ahead} of {pairs} pairs" + (f", {against} clearly against" if against else "")
    yield Cell(order.word or MISSING, told if pairs else "", order.word == "appears", order=order.word or "")


def _signed(metric: str, value: float) -> str:
    return f"{signed(metric, value)} {'px' if is_length(metric) else 'points'}"


def _records(read: Read) -> Iterator[dict[str, object]]:
    for order in read.orders:
        ahead, against, pairs = order.agreeing
        for step in order.methods:
            low, high = step.interval or (None, None)
            yield {
                **vars(read.setting),
                **dict(read.choices.values),
                "metric": order.metric,
                "above": step.above.method,
                "below": step.below.method,
                "lead": step.lead,
                "low": low,
                "high": high,
                "p_holm": step.pair.p_holm if step.pair else None,
                "order": order.word or "",
                "ablation_ahead": ahead,
                "ablation_against": against,
                "ablation_pairs": pairs,
            }
