"""One net, many read-outs: what training and what reading contributes."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.readings import OWN, Read, readings
from heatmark.reports.comparing.settings import Setting
from heatmark.reports.comparing.study import Study
from heatmark.reports.rendering.document import Block
from heatmark.reports.rendering.table import MISSING, Cell, Column, Export, Table
from heatmark.reports.sections.cell_rows import CellRows, cells_that_tell
from heatmark.reports.sections.section import Section

TITLES = {
    OWN: "Own, as published",
    "exact": "Own, exact mirror",
    "argmax": "Argmax",
    "quarter": "Quarter",
    "dark": "DARK",
    "udp": "UDP",
    "soft": "Softmax",
    "bcir": "BCIR",
}


class ManyReadings(Section):
    """Every trained net under every read-out."""

    title = "One net, many read-outs"
    order = 26

    def blocks(self, study: Study) -> Iterator[Block]:
        found = cells_that_tell(study.settings, readings)
        if found:
            yield readings_export(found)


def readings_export(found: list[tuple[Setting, GridCell, dict[str, Read]]]) -> Export:
    """One row per cell, a column per read-out."""
    rows_of = CellRows.of(setting for setting, _, _ in found)
    known = {name for _, _, read in found for name in read}
    names = [*(name for name in TITLES if name in known), *sorted(known - TITLES.keys())]
    columns = (*rows_of.columns, *(Column(TITLES.get(name, name), True, "%", width=0.8) for name in names))
    rows = []
    for setting, cell, read in found:
        top = max((each.headline.value for each in read.values() if each.headline), default=None)
        cells = (_value(read.get(name), top) for name in names)
        rows.append((*rows_of.heads(setting, cell), *cells))
    headlines = ", ".join(dict.fromkeys(setting.headline for setting, _, _ in found))
    caption = (
        f"The maps of each cell's nets at the end, read in every way: {headlines}, and under it EPE in pixels; bold is "
        f"the best of a row.{rows_of.shared}"
    )
    details = (
        "Along a row the net is the same, down a column the read-out. Mirrored maps are merged "
        "exactly for all but the first column, in which detection and DARK move one by a whole pixel, as published. "
        "Softmax and BCIR at the method's own β, at 10 where it has none. The person's score is the method's own "
        "throughout; AP matches each prediction with its own person. Means over seeds."
    )
    table = Table(columns, tuple(rows), caption, name="readings", title=ManyReadings.title, details=details)
    records = [
        {
            **vars(setting),
            "cell": cell.label,
            "readout": name,
            "headline": each.headline.value if each.headline else None,
            "headline_sd": each.headline.spread if each.headline else None,
            "epe": each.epe.value if each.epe else None,
            "epe_sd": each.epe.spread if each.epe else None,
        }
        for setting, cell, read in found
        for name, each in read.items()
    ]
    return Export(table, pd.DataFrame(records))


def _value(read: Read | None, top: float | None) -> Cell:
    if read is None or read.headline is None:
        return Cell(MISSING, order="")
    under = f"{read.epe.value:.2f} px" if read.epe else ""
    value = read.headline.value
    return Cell(f"{100 * value:.1f}", under, value == top, order=value)
