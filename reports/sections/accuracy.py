"""The accuracy table as text for people: rounded, with units in the headers and the best of each setting marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from heatmark.datasets.boxes import title_of
from heatmark.reports.comparing.accuracy import SETTING
from heatmark.reports.comparing.protocol import protocol
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import Trial
from heatmark.reports.reading.measures import (
    amount,
    exactly,
    formats_of,
    headline_of,
    lower_is_better,
    shown_metrics,
    title_of_metric,
    unit_of,
)
from heatmark.reports.rendering.concerns import EVERYTHING, Concerns
from heatmark.reports.rendering.document import Block
from heatmark.reports.rendering.table import MISSING, Cell, Column, Export, Table
from heatmark.reports.sections.section import Section

KEY_TITLES = {"backbone": "Backbone", "dataset": "Data set", "boxes": "Boxes", "settings": "Settings"}
COST_COLUMNS = {
    "cpu_hours": Column("CPU hours", True, width=0.8),
    "gpu_hours": Column("GPU hours", True, width=0.8),
    "wasted_cpu_hours": Column("CPU hours wasted", True, width=0.8),
    "wasted_gpu_hours": Column("GPU hours wasted", True, width=0.8),
}


class Accuracy(Section):
    """The final metrics of every cell, means over seeds."""

    title = "Accuracy"
    order = 20

    def blocks(self, study: Study) -> Iterator[Block]:
        yield from accuracy_exports(study.accuracy, accuracy_views(study.accuracy, study.trials))


def accuracy_views(table: pd.DataFrame, trials: Sequence[Trial]) -> list[Table]:
    """One table per data set format, as formats share no metrics; trials without a spec are in the first."""
    formats = formats_of(trials)
    views = []
    for position, data_format in enumerate(formats):
        own = (table["format"] == data_format) | ((table["format"] == "") & (position == 0))
        members = [trial for trial in trials if trial.format == data_format or not (trial.spec or position)]
        name = "accuracy" if position == 0 else f"accuracy-{data_format}"
        view = _view(table[own], data_format, shown_metrics(data_format, trials), protocol(members))
        title = f"Accuracy ({data_format} metrics)" if len(formats) > 1 else "Accuracy"
        views.append(replace(view, name=name, title=title))
    return views


def accuracy_exports(table: pd.DataFrame, views: Sequence[Table]) -> list[Export]:
    """`accuracy` holds the numbers of every format; the views of further formats hold theirs alone."""
    exports = [Export(views[0], table)]
    for view in views[1:]:
        own = table[table["format"] == view.name.removeprefix("accuracy-")]
        exports.append(Export(view, own.dropna(axis="columns", how="all")))
    return exports


def _view(table: pd.DataFrame, data_format: str, metrics: Sequence[str], protocol: str) -> Table:
    """Key columns that do not vary go into the caption's protocol instead of repeating in every row."""
    keys = [key for key in KEY_TITLES if table[key].replace("", pd.NA).dropna().nunique() > (key != "settings")]
    sources = [source for source in table["boxes"].unique() if source]
    boxes = f" ({title_of(sources[0])})" if len(sources) == 1 else ""
    headline = headline_of(data_format)
    measures = {
        **{name: Column(f"{title_of_metric(name)}{boxes}", True, unit_of(name)) for name in metrics},
        "epochs_to_80": Column(f"Epochs to 80 % of final {headline}", True),
        "wall_s": Column("Wall time", True, width=1.1),
        "images_per_s": Column("Images per s", True, width=0.9),
        **{name: column for name, column in COST_COLUMNS.items() if table[name].fillna(0).any()},
    }
    columns = [Column("Method", False, width=1.2), Column("β", True, width=0.4)]
    columns += [Column(KEY_TITLES[key], False, width=1.2) for key in keys]
    columns += [Column("Seeds", True, width=0.7), *measures.values(), Column("State", False)]
    best = _best(table, metrics)
    rows = tuple(
        _row(row, keys, list(measures), {name for name, index in best if index == position})
        for position, row in enumerate(table.to_dict("records"))
    )
    caption = f"Accuracy after the last epoch, and its cost. {protocol}".strip()
    return Table(tuple(columns), rows, caption, details=_details(table, headline))


def _row(row: Mapping[Any, Any], keys: list[str], measures: list[str], best: set[str]) -> tuple[Cell, ...]:
    beta = Cell(MISSING, order=-1.0) if pd.isna(row["beta"]) else Cell(f"{row['beta']:g}", order=float(row["beta"]))
    named = [Cell(_named(key, row[key]) or MISSING, order=row[key]) for key in keys]
    seeds = Cell(str(row["seeds"]), order=float(row["seeds"]))
    values = [_value(row, measure, measure in best) for measure in measures]
    # A trial without a spec is about nothing that is known.
    about = Concerns((row["method"],), (row["dataset"],), (row["backbone"],)) if row["format"] else EVERYTHING
    return (
        Cell(row["method"], order=row["method"], concerns=about),
        beta,
        *named,
        seeds,
        *values,
        Cell(row["state"], order=row["state"]),
    )


def _named(key: str, value: str) -> str:
    return title_of(value) if key == "boxes" and value else value


def _value(row: Mapping[Any, Any], measure: str, best: bool) -> Cell:
    value, spread = row[measure], row[f"{measure}_sd"]
    if pd.isna(value):
        return Cell(MISSING, order="")
    return Cell(
        _text(measure, value),
        "" if pd.isna(spread) else f"± {_text(measure, spread)}",
        best,
        float(value),
    )


def _text(measure: str, value: float) -> str:
    if measure == "wall_s":
        return duration(value)
    if measure in COST_COLUMNS:
        return f"{value:.3g}"
    if measure == "epochs_to_80":
        return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
    if measure == "images_per_s":
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    return amount(measure, value)


def duration(seconds: float) -> str:
    """In the two largest units that say something."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _best(table: pd.DataFrame, metrics: Sequence[str]) -> list[tuple[str, int]]:
    """(metric, row) of the best means within each setting; none where there is nothing to compare with."""
    best = []
    for _, rows in table.reset_index(drop=True).groupby(SETTING, sort=False):
        for metric in metrics:
            values = rows[metric].dropna()
            if len(values) < 2:
                continue
            top = values.min() if lower_is_better(metric) else values.max()
            best += [(metric, int(index)) for index in values.index[values == top]]
    return best


def _details(table: pd.DataFrame, headline: str) -> str:
    spread = "± is the standard deviation over seeds. " if (table["seeds"] > 1).any() else ""
    exact = (
        "Exact mirror: detection and DARK move a mirrored map by a whole pixel, as published; here exactly for all. "
    )
    mirror = exact if exactly(headline) in table and table[exactly(headline)].notna().any() else ""
    return (
        f"EPE is over joints. {spread}Bold marks the best value of a column, "
        "which says nothing about significance. Epochs to 80 % counts from 1 to the first evaluation with at least 0.8 "
        f"times the final {headline}. {mirror}Wall time is that of training and evaluation; images per s is the median "
        "over the epochs."
    )
