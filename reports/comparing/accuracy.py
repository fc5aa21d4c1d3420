"""Trials -> the accuracy table: one row per cell of the grid, averaged over its seeds."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from heatmark.models.methods import METHODS
from heatmark.reports.reading.collect import Trial, accounted, finite_numbers
from heatmark.reports.reading.measures import metrics_of
from heatmark.workloads.spec import TrainSpec, TrialSpec

CONVERGED = 0.8
# From SLURM's accounting; absent elsewhere. Wasted: after the last checkpoint of an attempt that ended badly.
COSTS = ("cpu_hours", "gpu_hours", "wasted_cpu_hours", "wasted_gpu_hours")
OTHER_MEASURES = ("epochs_to_80", "wall_s", "images_per_s", *COSTS)
# What two rows must share before one may be called better than the other.
SETTING = ["dataset", "backbone", "boxes"]
KEYS = ["method", "beta", "backbone", "dataset", "format", "boxes", "settings"]
NAMED_FIELDS = frozenset({"method.name", "method.beta", "backbone", "data.name", "seed"})


def accuracy_table(trials: Sequence[Trial]) -> pd.DataFrame:
    """One row per cell: its keys, `seeds` (finished ones), mean and standard deviation of every measure, `state`.

    A cell is everything that decides the numbers except the seed, so that runs of unlike settings are never averaged.
    The metrics are those of all formats in the sweep (measures.py): AP, PCK and the like as fractions of 1, EPE in
    image pixels; a metric of another format has no value. epochs_to_80: to 0.8 of the final headline metric. wall_s
    in seconds; the deviation is the sample's (n - 1).
    """
    frame = trial_table(trials)
    metrics = metrics_of(trials)
    groups = frame.groupby("cell", sort=False)
    table = groups[KEYS].first().join(groups["finished"].sum().rename("seeds"))
    for measure in (*metrics, *OTHER_MEASURES):
        table[measure] = groups[measure].mean()
        table[f"{measure}_sd"] = groups[measure].std(ddof=1)
    table["state"] = [_cell_state(group, metrics) for _, group in groups]
    return table.reset_index(drop=True)


def trial_table(trials: Sequence[Trial]) -> pd.DataFrame:
    """One row per trial; a trial that has not finished has no values."""
    settings = differing_settings(trials)
    metrics = metrics_of(trials)
    measures = [*metrics, *OTHER_MEASURES]
    rows = [{**_keys(trial, settings), **_measures(trial, metrics)} for trial in sorted(trials, key=grid_order)]
    frame = pd.DataFrame(rows, columns=["cell", *KEYS, "finished", *measures, "state"])
    return frame.astype(dict.fromkeys((*measures, "beta"), "float64"))


def grid_order(trial: Trial) -> tuple[Any, ...]:
    """Data set, backbone, method as listed in METHODS, beta, seed; cells without a spec come last."""
    spec = trial.spec
    if spec is None:
        return (1, trial.label, trial.signature)
    method = list(METHODS).index(spec.method.name)
    return (0, spec.data.name, spec.backbone, method, trial.beta or 0.0, cell_of(trial), spec.seed)


def cell_of(trial: Trial) -> str:
    """Identity of a cell: the science of the spec without its seed."""
    if trial.spec is None:
        return trial.signature
    return json.dumps({**trial.spec.science(), "seed": None}, sort_keys=True)


def cell_label(method: str, beta: float | None, settings: str = "") -> str:
    """Method, beta and settings for people: `BCIR β 10, train.lr 0.001`."""
    at_beta = "" if beta is None or pd.isna(beta) else f" β {beta:g}"
    return f"{method}{at_beta}" + (f", {settings}" if settings else "")


def trial_label(trial: Trial, settings: Mapping[str, str]) -> str:
    """The label of the trial's cell."""
    if trial.spec is None:
        return trial.label
    return cell_label(trial.spec.method.label, trial.beta, settings[trial.signature])


def differing_settings(trials: Sequence[Trial]) -> dict[str, str]:
    """For each signature the fields in which trials differ that share method, beta, backbone and data set.

    What a method or a depth map has by default goes without saying.
    """
    flat = {trial.signature: _flatten(trial.spec.science()) for trial in trials if trial.spec}
    usual = {trial.signature: _defaults(trial.spec) for trial in trials if trial.spec}
    groups: dict[tuple[Any, ...], list[str]] = {}
    for signature, fields in flat.items():
        groups.setdefault(tuple(fields.get(name) for name in sorted(NAMED_FIELDS - {"seed"})), []).append(signature)
    text = {trial.signature: "" for trial in trials}
    for signatures in groups.values():
        names = sorted({name for signature in signatures for name in flat[signature]} - NAMED_FIELDS)
        differing = [name for name in names if len({flat[signature].get(name) for signature in signatures}) > 1]
        for signature in signatures:
            # A field that a trial is without (depth, pretrained) is told by the trials that have it.
            own = flat[signature]
            known = [name for name in differing if name in own and own[name] != usual[signature].get(name)]
            text[signature] = ", ".join(f"{name} {flat[signature][name]}" for name in known)
    return text


def _defaults(spec: TrialSpec) -> dict[str, str]:
    """Default values, as JSON text, of the method's fields and of those that only some trials have."""
    method = {name: field.default for name, field in type(spec.method).model_fields.items()}
    return _flatten({"method": method, "train": {"depth_weight": TrainSpec.model_fields["depth_weight"].default}})


def _flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested fields under dotted names, values as JSON text."""
    flat: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat.update(_flatten(item, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = json.dumps(item)
    return flat


def _keys(trial: Trial, settings: Mapping[str, str]) -> dict[str, object]:
    spec = trial.spec
    if spec is None:
        return {"cell": trial.signature, "method": trial.label, **dict.fromkeys(KEYS[2:], "")}
    return {
        "cell": cell_of(trial),
        "method": spec.method.label,
        "beta": trial.beta,
        "backbone": spec.backbone,
        "dataset": spec.data.name,
        "format": trial.format,
        "boxes": trial.boxes,
        "settings": settings[trial.signature],
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
        **{name: trial.final_metric(name) for name in metrics},
        "epochs_to_80": trial.epochs_to(CONVERGED),
        "wall_s": wall_seconds(trial),
        "images_per_s": statistics.median(speeds) if speeds else None,
    }


def wall_seconds(trial: Trial) -> float | None:
    """Training seconds: the result's, or those of the last epoch on record."""
    last = trial.epochs[-1].wall_s if trial.epochs else None
    return finite_numbers(trial.result).get("wall_s", last)


def _cell_state(group: pd.DataFrame, metrics: Sequence[str]) -> str:
    """`finished`, `failed`, or counts where seeds differ; a mean that lacks a seed's value says so."""
    counts = Counter(group["state"])
    state = next(iter(counts)) if len(counts) == 1 else ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
    finished = int(group["finished"].sum())
    partial = [name for name in metrics if 0 < group[name].count() < finished]
    short = [f"{name} from {group[name].count()} of {finished} seeds" for name in partial]
    return "; ".join([state, *short])
