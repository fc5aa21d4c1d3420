"""The paper's figures part by part: the trials that fill each, and which of them were run here."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from heatmark.models.methods import METHODS
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.paper.context import size_of
from heatmark.reports.paper.entries import NOT_RUN
from heatmark.reports.paper.match import fits, sweep_command
from heatmark.reports.paper.printed import PaperPart, PaperRow, paper_parts
from heatmark.reports.rendering.table import MISSING, Cell, Column, Export, Table
from heatmark.workloads.labels import cell_label

COMPUTED, RUN, WITHOUT_EPOCHS = "from formulas", "run", "run, not evaluated at all of these epochs"
CAPTION = (
    "The trials that the paper's figures show, and whether they were run here on data of that format. Above, figures "
    "are drawn of every net that was run and named by it; only of these trials are they the paper's own."
)


def figure_trials(cells: Sequence[GridCell]) -> Export:
    """A row for each part, and the commands for what was not run."""
    parts = paper_parts()
    states = {(part, row): _state(part, row, cells) for part in parts for row in part.trials}
    rows = [
        {
            "figure": f"{part.figure}{part.part}",
            "trials": "; ".join(dict.fromkeys(_words(row) for row in part.trials)) or MISSING,
            "epochs": _epochs(part),
            "sweep": part.sweep or MISSING,
            "here": _told([states[part, row] for row in part.trials]),
        }
        for part in parts
    ]
    missing = {(part.sweep, part.format): None for (part, _), state in states.items() if state != RUN}
    frame = pd.DataFrame(rows)
    columns = (
        Column("Figure", False, width=0.5),
        Column("Trials", False, width=3.2),
        Column("Epochs", False, width=1.4),
        Column("Here", False, width=1.2),
    )
    shown = tuple(tuple(Cell(row[name], order=row[name]) for name in ("figure", "trials", "epochs", "here"))
                  for row in rows)  # fmt: skip
    commands = tuple(sweep_command(sweep, data_format) for sweep, data_format in missing)
    table = Table(columns, shown, CAPTION, "paper-figures", "The trials of the paper's figures", commands=commands)
    return Export(table, frame, headed=True)


def _epochs(part: PaperPart) -> str:
    if part.computed:
        return MISSING
    return ", ".join(map(str, part.trials[0].epochs)) or "last"


def _state(part: PaperPart, row: PaperRow, cells: Sequence[GridCell]) -> str:
    own = [cell for cell in cells if cell.spec.data.format == part.format and fits(cell.spec, row) and cell.finished]
    if not own:
        return NOT_RUN
    evaluated = ({epoch.number for epoch in trial.epochs if epoch.val} for cell in own for trial in cell.finished)
    return RUN if any(set(row.epochs) <= epochs for epochs in evaluated) else WITHOUT_EPOCHS


def _told(states: Sequence[str]) -> str:
    """One word where all trials are alike."""
    if not states:
        return COMPUTED
    if len(set(states)) == 1:
        return states[0]
    return f"{states.count(RUN)} of {len(states)} run"


def _words(row: PaperRow) -> str:
    """`IPR β 10, sbl-r50, 192 × 256`."""
    assert row.method is not None, "parts are of methods that we run"
    settings = f"σ {row.sigma:g}" if row.sigma is not None else row.prior
    return ", ".join(
        (cell_label(METHODS[row.method].label, row.beta, settings), row.backbone or "", size_of(row.input))
    )
