"""The accuracy table as text for people: rounded, with units in the headers and the best of each setting marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from heatmark.reports.collect import BOX_SOURCES
from heatmark.reports.tables import LOWER_IS_BETTER, METRICS, SETTING

MISSING = "–"
PERCENT = frozenset({"AP", "AP50", "AP75", "AR"})
KEY_TITLES = {"backbone": "Backbone", "dataset": "Data set", "boxes": "Boxes", "settings": "Settings"}


@dataclass(frozen=True)
class Cell:
    """text, and the standard deviation under it. order: what a click on the column's header sorts by."""

    text: str
    spread: str = ""
    best: bool = False
    order: float | str = ""


@dataclass(frozen=True)
class Column:
    """unit is shown under the title; width is relative to a column of numbers."""

    title: str
    numeric: bool
    unit: str = ""
    width: float = 1.0


COST_COLUMNS = {
    "cpu_hours": Column("CPU hours", True, width=0.8),
    "gpu_hours": Column("GPU hours", True, width=0.8),
    "wasted_cpu_hours": Column("CPU hours wasted", True, width=0.8),
    "wasted_gpu_hours": Column("GPU hours wasted", True, width=0.8),
}


@dataclass(frozen=True)
class Table:
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str


def accuracy_view(table: pd.DataFrame, protocol: str) -> Table:
    """Key columns that do not vary go into the caption's protocol instead of repeating in every row."""
    keys = [key for key in KEY_TITLES if table[key].replace("", pd.NA).dropna().nunique() > (key != "settings")]
    sources = [source for source in table["boxes"].unique() if source]
    boxes = f" ({BOX_SOURCES.get(sources[0], sources[0])})" if len(sources) == 1 else ""
    measures = {
        **{name: Column(f"{name}{boxes}", True, "%" if name in PERCENT else "px") for name in METRICS},
        "epochs_to_80": Column("Epochs to 80 % of final AP", True),
        "wall_s": Column("Wall time", True, width=1.1),
        "images_per_s": Column("Images per s", True, width=0.9),
        **{name: column for name, column in COST_COLUMNS.items() if table[name].fillna(0).any()},
    }
    columns = [Column("Method", False, width=1.2), Column("β", True, width=0.4)]
    columns += [Column(KEY_TITLES[key], False, width=1.2) for key in keys]
    columns += [Column("Seeds", True, width=0.7), *measures.values(), Column("State", False)]
    best = _best(table)
    rows = tuple(
        _row(row, keys, list(measures), {name for name, index in best if index == position})
        for position, row in enumerate(table.to_dict("records"))
    )
    return Table(tuple(columns), rows, _caption(table, protocol))


def _row(row: Mapping[Any, Any], keys: list[str], measures: list[str], best: set[str]) -> tuple[Cell, ...]:
    beta = Cell(MISSING, order=-1.0) if pd.isna(row["beta"]) else Cell(f"{row['beta']:g}", order=float(row["beta"]))
    named = [Cell(BOX_SOURCES.get(row[key], row[key]) or MISSING, order=row[key]) for key in keys]
    seeds = Cell(str(row["seeds"]), order=float(row["seeds"]))
    values = [_value(row, measure, measure in best) for measure in measures]
    return (
        Cell(row["method"], order=row["method"]),
        beta,
        *named,
        seeds,
        *values,
        Cell(row["state"], order=row["state"]),
    )


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
    if measure in PERCENT:
        return f"{100 * value:.1f}"
    if measure == "wall_s":
        return duration(value)
    if measure in COST_COLUMNS:
        return f"{value:.3g}"
    if measure == "epochs_to_80":
        return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
    return f"{value:.2f}" if measure == "EPE" else f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """In the two largest units that say something."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _best(table: pd.DataFrame) -> list[tuple[str, int]]:
    """(metric, row) of the best means within each setting; none where there is nothing to compare with."""
    best = []
    for _, rows in table.reset_index(drop=True).groupby(SETTING, sort=False):
        for metric in METRICS:
            values = rows[metric].dropna()
            if len(values) < 2:
                continue
            top = values.min() if metric in LOWER_IS_BETTER else values.max()
            best += [(metric, int(index)) for index in values.index[values == top]]
    return best


def _caption(table: pd.DataFrame, protocol: str) -> str:
    spread = "± is the standard deviation over seeds. " if (table["seeds"] > 1).any() else ""
    return (
        f"Accuracy after the last epoch and cost. {spread}Bold marks the best value of a column, which says nothing "
        "about significance. Epochs to 80 % counts from 1 to the first evaluation with at least 0.8 times the final "
        f"AP. Wall time is that of training and evaluation; images per s is the median over the epochs. {protocol}"
    )
