"""Every comparison of two cells, for the files alone."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from heatmark.reports.comparing.comparisons import Comparison, Comparisons
from heatmark.reports.comparing.study import Study
from heatmark.reports.rendering.document import Block
from heatmark.reports.rendering.table import Cell, Column, Export, Table
from heatmark.reports.sections.section import Section


class AllComparisons(Section):
    """Every two cells compared, in the files."""

    title = "All comparisons"
    order = 15

    def blocks(self, study: Study) -> Iterator[Block]:
        if study.comparisons.pairs:
            yield comparisons_export(study.comparisons)


def comparisons_export(comparisons: Comparisons) -> Export:
    """Every pair, as a row."""
    frame = pd.DataFrame([_pair_record(pair) for pair in comparisons.pairs])
    columns = tuple(Column(name, frame[name].dtype.kind in "if") for name in frame.columns)
    rows = tuple(
        tuple(Cell(f"{value:.4g}" if isinstance(value, float) else str(value)) for value in row)
        for row in frame.itertuples(index=False)
    )
    caption = (
        f"All comparisons, first minus second, with 95 % intervals; {comparisons.resamples:,} paired resamples of the "
        "images. AP is that of predictions matched with their own person, which may differ a little from COCO's. "
        "p_first_higher: of a new seed of each; resolvable: the difference that four of five such sweeps would find; "
        "seeds_to_settle: how many of each would find this one. All of it is exploratory but for the paper's claims."
    )
    table = Table(columns, rows, caption, name="comparisons", title=AllComparisons.title)
    return Export(table, frame, shown=False)


def _pair_record(pair: Comparison) -> dict[str, object]:
    return {
        **vars(pair.setting),
        "metric": pair.metric,
        "subset": pair.subset,
        "first": pair.first.label,
        "second": pair.second.label,
        "first_value": pair.first_value,
        "second_value": pair.second_value,
        "difference": pair.difference,
        "low": pair.interval[0],
        "high": pair.interval[1],
        "interval_over": "images and seeds" if pair.chance.judges_seeds else "images",
        "p": pair.p,
        "p_holm": pair.p_holm,
        "p_first_higher": pair.chance.superiority,
        "resolvable": pair.chance.resolvable(),
        "seeds_to_settle": pair.chance.seeds_to_settle,
        "people": pair.people,
        "images": pair.chance.images,
        "seeds_agree": pair.agreeing[0],
        "seeds_common": pair.agreeing[1],
    }
