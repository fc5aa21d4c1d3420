"""Cells -> the accuracy table: one row per cell of the grid, averaged over its seeds."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence

import pandas as pd

from heatmark.datasets.boxes import prefix_of
from heatmark.foundation.counted import counted
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.reading.collect import Trial, accounted
from heatmark.reports.reading.measures import exactly, metrics_of

CONVERGED = 0.8
# From SLURM's accounting; absent elsewhere. Wasted: after the last checkpoint of an attempt that ended badly.
COSTS = ("cpu_hours", "gpu_hours", "wasted_cpu_hours", "wasted_gpu_hours")
OTHER_MEASURES = ("epochs_to_80", "wall_s", "images_per_s", *COSTS)
# What two rows must share before one may be called better than the other.
SETTING = ["dataset", "backbone", "boxes"]
KEYS = ["method", "beta", "backbone", "dataset", "format", "boxes", "settings"]


def accuracy_table(cells: Sequence[GridCell], without_spec: Sequence[Trial] = ()) -> pd.DataFrame:
    """One row per cell: its keys, `seeds` (finished ones), mean and standard deviation of every measure, `state`.

    A cell is everything that decides the numbers except the seed, so that runs of unlike settings are never averaged.
    The metrics are those of all formats in the sweep (measures.py): AP, PCK and the like as fractions of 1, EPE in
    image pixels; a metric of another format has no value. epochs_to_80: to 0.8 of the final headline metric. wall_s
    in seconds; the deviation is the sample's (n - 1).
    """
    trials = [*(trial for cell in cells for trial in cell.trials), *without_spec]
    metrics = metrics_of(trials)
    frame = _trial_table(cells, without_spec, metrics)
    groups = frame.groupby("cell", sort=False)
    table = groups[KEYS].first().join(groups["finished"].sum().rename("seeds"))
    for measure in (*metrics, *OTHER_MEASURES):
        table[measure] = groups[measure].mean()
        table[f"{measure}_sd"] = groups[measure].std(ddof=1)
    table["state"] = [_cell_state(group, metrics) for _, group in groups]
    return table.reset_index(drop=True)


def _trial_table(cells: Sequence[GridCell], without_spec: Sequence[Trial], metrics: Sequence[str]) -> pd.DataFrame:
    """One row per trial with the number of its cell; a trial that has not finished has no values."""
    rows = [
        {"cell": number, **_keys(cell), **_measures(trial, metrics)}
        for number, cell in enumerate(cells)
        for trial in cell.trials
    ]
    alone = dict.fromkeys(KEYS[2:], "")
    rows += [
        {"cell": number, "method": trial.label, **alone, **_measures(trial, metrics)}
        for number, trial in enumerate(without_spec, len(cells))
    ]
    measures = [*metrics, *OTHER_MEASURES]
    frame = pd.DataFrame(rows, columns=["cell", *KEYS, "finished", *measures, "state"])
    return frame.astype(dict.fromkeys((*measures, "beta"), "float64"))


def _keys(cell: GridCell) -> dict[str, object]:
    first = cell.trials[0]
    return {
        "method": cell.spec.method.label,
        "beta": cell.beta,
        "backbone": cell.spec.backbone,
        "dataset": cell.spec.data.name,
        "format": first.format,
        "boxes": prefix_of(first.boxes),
        "settings": cell.settings,
    }


def _measures(trial: Trial, metrics: Sequence[str]) -> dict[str, object]:
    values: dict[str, object] = {"finished": trial.finished, "state": trial.state}
    spent = accounted(trial)
    values |= {name: spent.get(name) for name in COSTS}
    if not trial.finished:
        return values
    speeds = [epoch.images_per_s for epoch in trial.epochs if epoch.images_per_s is not None]
    return {
        **values,
        **{name: _final(trial, name) for name in metrics},
        "epochs_to_80": trial.epochs_to(CONVERGED),
        "wall_s": wall_seconds(trial),
        "images_per_s": statistics.median(speeds) if speeds else None,
    }


def _final(trial: Trial, metric: str) -> float | None:
    """Of a metric that is read exactly, that of any trial: what is not read so too is exact as it is."""
    plain = metric.removeprefix(exactly(""))
    return trial.final_metric(metric) if plain == metric else trial.compared_metric(plain)


def wall_seconds(trial: Trial) -> float | None:
    """Training seconds: the result's, or those of the last epoch on record."""
    last = trial.epochs[-1].wall_s if trial.epochs else None
    return trial.result.wall_s if trial.result and math.isfinite(trial.result.wall_s) else last


def _cell_state(group: pd.DataFrame, metrics: Sequence[str]) -> str:
    """`finished`, `failed`, or counts where seeds differ; a mean that lacks a seed's value says so."""
    counts = Counter(group["state"])
    state = next(iter(counts)) if len(counts) == 1 else ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
    finished = int(group["finished"].sum())
    partial = [name for name in metrics if 0 < group[name].count() < finished]
    short = [f"{name} from {group[name].count()} of {counted(finished, 'seed')}" for name in partial]
    return "; ".join([state, *short])
