"""Localisation and ranking told apart: AP under one order of the people for all methods."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from heatmark.reports.comparing.cells import GridCell, Measured
from heatmark.reports.comparing.ranking import DRAWS, Ranked, ranked
from heatmark.reports.comparing.settings import Setting
from heatmark.reports.comparing.study import Study
from heatmark.reports.rendering.document import Block
from heatmark.reports.rendering.table import Cell, Column, Export, Table
from heatmark.reports.sections.cell_rows import CellRows, cells_that_tell
from heatmark.reports.sections.section import Section


class LocalisationAndRanking(Section):
    """What of AP is where the joints are, and what the order of the scores."""

    title = "Localisation and ranking"
    order = 25

    def blocks(self, study: Study) -> Iterator[Block]:
        judged_by_ap = {setting: cells for setting, cells in study.settings.items() if setting.headline == "AP"}
        found = cells_that_tell(judged_by_ap, ranked)
        if found:
            yield ranking_export(found)


def ranking_export(found: list[tuple[Setting, GridCell, Ranked]]) -> Export:
    """One row per cell."""
    rows_of = CellRows.of(setting for setting, _, _ in found)
    columns = (
        *rows_of.columns,
        Column("AP, own score", True, "%"),
        Column("AP, no order", True, "%"),
        Column("AP, perfect order", True, "%"),
        Column("Lost by ranking", True, "points"),
    )
    best = {order: max(getattr(taken, order).value for _, _, taken in found) for order in ("own", "common", "perfect")}
    rows = []
    for setting, cell, taken in found:
        pairs = [(getattr(taken, order), top) for order, top in best.items()]
        values = [_ap(measured, len(found) > 1 and measured.value == top) for measured, top in pairs]
        lost = taken.perfect.value - taken.own.value
        rows.append((*rows_of.heads(setting, cell), *values, Cell(f"{100 * lost:.1f}", order=lost)))
    caption = (
        "What of AP is owed to where joints are, and what to the order that scores put people in; bold: the highest."
        + rows_of.shared
    )
    details = (
        "The same predictions in the order "
        f"of each method's own scores, in no order (the mean of {DRAWS} random ones, the same for all methods) and in "
        "the perfect one (by OKS itself). Who is ahead with its own score alone ranks better, "
        "who is ahead in the others localises better. Means over seeds; each prediction is matched with its own "
        "person, so the first column may differ a little from COCO's AP. Mirrors are merged exactly for all."
    )
    table = Table(columns, tuple(rows), caption, name="ranking", title=LocalisationAndRanking.title, details=details)
    frame = pd.DataFrame(
        [
            {
                **vars(setting),
                "cell": cell.label,
                **{order: getattr(taken, order).value for order in best},
                **{f"{order}_sd": getattr(taken, order).spread for order in best},
            }
            for setting, cell, taken in found
        ]
    )
    return Export(table, frame)


def _ap(measured: Measured, best: bool) -> Cell:
    spread = f"± {100 * measured.spread:.1f}" if measured.spread is not None else ""
    return Cell(f"{100 * measured.value:.1f}", spread, best, order=measured.value)
