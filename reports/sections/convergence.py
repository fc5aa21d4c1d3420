"""How fast cells learned: time to accuracy as a table, and curves over epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import pandas as pd

from heatmark.foundation.counted import counted
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.convergence import (
    FRACTIONS,
    MedianTimes,
    arrivals_at,
    best_target,
    median_times,
    medians_of,
)
from heatmark.reports.comparing.protocol import protocol
from heatmark.reports.comparing.settings import settings_of
from heatmark.reports.comparing.study import Study
from heatmark.reports.rendering.document import Block, Words
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.table import MISSING, Cell, Column, Export, Table
from heatmark.reports.sections.cell_rows import CellRows, concerns_of_setting
from heatmark.reports.sections.curves import convergence_figure, loss_figure
from heatmark.reports.sections.section import Needs, Section

TARGETS = ", and the epochs to the target of the sweep file, which is under them"


class Convergence(Section):
    """How long until cells come near their final accuracy, and their curves."""

    title = "Convergence"
    order = 30
    long = True
    needs = Needs.TRIALS

    def blocks(self, study: Study) -> Iterator[Block]:
        if study.stamp:
            yield Words((study.stamp,), "stamp")
        yield from convergence_export(study.cells, study.stamp, study.sweep.targets)
        curves = list(_curves(study))
        yield from curves
        if not curves:
            yield Words(("No trial has an epoch on record yet, so there is no curve to draw.",))


def _curves(study: Study) -> Iterator[Figure]:
    """Of every setting that has an epoch on record."""
    for setting, cells in study.drawn.items():
        begun = [cell for cell in cells if cell.begun]
        if not begun:
            continue
        count = len(study.settings[setting]) - len(cells)
        rest = (
            f" {counted(count, 'more cell is', 'more cells are')} not drawn: the best of each method and β are."
            if count
            else ""
        )
        measured, headline = protocol([trial for cell in begun for trial in cell.begun]), setting.headline
        yield Figure(
            convergence_figure(begun, headline),
            f"{headline} and EPE on the validation people over epochs, one line per trial.{rest} {measured}",
            f"Line plots of {headline} and EPE over epochs",
            concerns=concerns_of_setting(setting),
        )
        yield Figure(
            loss_figure(begun),
            "Training loss, one panel per cell. The methods minimise unlike quantities: compare shapes, not heights.",
            "Small line plots of training loss over epochs",
            concerns=concerns_of_setting(setting),
        )


def convergence_export(
    cells: Sequence[GridCell], truncated: str, targets: Mapping[str, float] = MappingProxyType({})
) -> list[Export]:
    """Time to accuracy, one row per cell that was evaluated; none where no cell was. truncated: a warning, or empty.

    targets: a quality in the headline metric, by data set, from the sweep file.
    """
    rows, records = [], []
    settings = settings_of(cells)
    rows_of = CellRows.of(settings)
    for setting, members in settings.items():
        target = best_target(members)
        for cell in members:
            times = [median_times(cell, fraction) for fraction in FRACTIONS]
            if not times[0].arrived + times[0].censored:
                continue
            to_best = medians_of(arrivals_at(cell, target)) if target else None
            common = Cell(MISSING) if to_best is None else _time_cell(to_best.epochs, "{:g}")
            given = targets.get(setting.dataset)
            to_given = medians_of(arrivals_at(cell, given)) if given else None
            lasts = (common, *([_given_cell(given, to_given)] if targets else []))
            rows.append((*rows_of.heads(setting, cell), *(each for time in times for each in _times(time)), *lasts))
            best = {"epochs_to_80_of_best": to_best.epochs if to_best else None}
            wanted = {"target": given, "epochs_to_target": to_given.epochs if to_given else None}
            records.append({**vars(setting), "cell": cell.label, **_time_record(times), **best, **wanted})
    if not rows:
        return []
    parts = [f"{fraction:.0%}".replace("%", " %") for fraction in FRACTIONS]
    columns = [*rows_of.columns]
    for part in parts:
        columns += [Column(f"Epochs to {part}", True), Column("Images", True), Column("Hours", True)]
        columns.append(Column("Seeds there", True, width=0.8))
    columns.append(Column("Epochs to 80 % of the best", True))
    columns += [Column("Epochs to the target", True)] if targets else []
    headlines = ", ".join(dict.fromkeys(setting.headline for setting in settings))
    caption = (
        f"Time to accuracy: until the first evaluation at 80 % and at 95 % of the trial's own final {headlines}."
        f"{rows_of.shared} {truncated}"
    )
    details = (
        "Medians over seeds by Kaplan and Meier: a run that has not got there counts as still waiting when it was last "
        "seen (against the mean final value of its cell), and a median that more than half have not reached is a dash. "
        "Beside it the epochs to 80 % of the highest mean final value of the setting, which a net that learned nothing "
        f"never reaches{TARGETS if targets else ''}. Images are people trained on, each as often as it was drawn; "
        "hours include the evaluations."
    )
    table = Table(
        tuple(columns), tuple(rows), caption.strip(), name="convergence", title="Time to accuracy", details=details
    )
    return [Export(table, pd.DataFrame(records))]


def _given_cell(given: float | None, times: MedianTimes | None) -> Cell:
    """Epochs to a quality of the sweep file's, and under it which."""
    if given is None or times is None:
        return Cell(MISSING)
    found = _time_cell(times.epochs, "{:g}")
    return replace(found, under=f"{100 * given:g} %")


def _times(times: MedianTimes) -> tuple[Cell, ...]:
    total = times.arrived + times.censored
    return (
        _time_cell(times.epochs, "{:g}"),
        _time_cell(times.images, "{:,.0f}"),
        _time_cell(times.hours, "{:.2g}"),
        Cell(f"{times.arrived} of {total}", order=float(times.arrived)),
    )


def _time_cell(value: float | None, form: str) -> Cell:
    return Cell(MISSING) if value is None else Cell(form.format(value), order=value)


def _time_record(times: Sequence[MedianTimes]) -> dict[str, float | None]:
    return {
        f"{name}_to_{round(100 * fraction)}": getattr(time, name)
        for fraction, time in zip(FRACTIONS, times, strict=True)
        for name in ("epochs", "images", "hours", "arrived", "censored")
    }
