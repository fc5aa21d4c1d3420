"""All comparisons, and the time to accuracy of every cell, as tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.comparisons import Comparison, Comparisons
from heatmark.reports.comparing.convergence import FRACTIONS, MedianTimes, median_times
from heatmark.reports.comparing.settings import setting_names, settings_of
from heatmark.reports.rendering.table import MISSING, Cell, Column, Table
from heatmark.reports.rendering.table_files import Export


def comparisons_export(comparisons: Comparisons) -> list[Export]:
    """Every pair, for the files alone; none where nothing could be compared."""
    if not comparisons.pairs:
        return []
    frame = pd.DataFrame([_pair_record(pair) for pair in comparisons.pairs])
    columns = tuple(Column(name, frame[name].dtype.kind in "if") for name in frame.columns)
    rows = tuple(
        tuple(Cell(f"{value:.4g}" if isinstance(value, float) else str(value)) for value in row)
        for row in frame.itertuples(index=False)
    )
    caption = f"All comparisons, first minus second; {comparisons.resamples:,} paired resamples of the images."
    return [Export(Table(columns, rows, caption, name="comparisons", title="All comparisons"), frame)]


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
        "low": pair.low,
        "high": pair.high,
        "p": pair.p,
        "p_holm": pair.p_holm,
        "people": pair.people,
        "images": pair.images,
        "seeds_agree": pair.agreeing[0],
        "seeds_common": pair.agreeing[1],
    }


def convergence_export(cells: Sequence[GridCell], truncated: str) -> list[Export]:
    """Time to accuracy, one row per cell that was evaluated; none where no cell was. truncated: a warning, or empty."""
    rows, records = [], []
    settings = settings_of(cells)
    names, shared = setting_names(settings)
    several = len(settings) > 1
    for setting, members in settings.items():
        for cell in members:
            times = [median_times(cell, fraction) for fraction in FRACTIONS]
            if not times[0].arrived + times[0].censored:
                continue
            heads = _convergence_heads(names[setting], cell)[0 if several else 1 :]
            rows.append((*heads, *(each for time in times for each in _times(time))))
            records.append({**vars(setting), "cell": cell.label, **_time_record(times)})
    if not rows:
        return []
    parts = [f"{fraction:.0%}".replace("%", " %") for fraction in FRACTIONS]
    columns = [Column("Setting", False, width=1.6), Column("Cell", False, width=1.6)][0 if several else 1 :]
    for part in parts:
        columns += [Column(f"Epochs to {part}", True), Column("Images", True), Column("Hours", True)]
        columns.append(Column("Seeds there", True, width=0.8))
    headlines = ", ".join(dict.fromkeys(setting.headline for setting in settings))
    where = f" Everywhere: {shared}." if shared else ""
    caption = (
        f"Time to accuracy: until the first evaluation at 80 % and at 95 % of the trial's own final {headlines}. "
        "Medians over seeds by Kaplan and Meier: a run that has not got there counts as still waiting when it was last "
        "seen (against the mean final value of its cell), and a median that more than half have not reached is a dash. "
        "Images are people trained on, each as often as it was drawn; hours include the evaluations."
        f"{where} {truncated}"
    )
    table = Table(tuple(columns), tuple(rows), caption.strip(), name="convergence", title="Time to accuracy")
    return [Export(table, pd.DataFrame(records))]


def _convergence_heads(where: str, cell: GridCell) -> tuple[Cell, Cell]:
    return Cell(where, order=where), Cell(cell.label, order=cell.label)


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
