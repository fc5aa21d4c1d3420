"""What cells are called: method and beta, and what tells them from others of the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from heatmark.reports.reading.collect import Trial
from heatmark.workloads.spec import TrainSpec, TrialSpec

NAMED_FIELDS = frozenset({"method.name", "method.beta", "backbone", "data.name", "seed"})


def cell_label(method: str, beta: float | None, settings: str = "") -> str:
    """Method, beta and settings for people: `BCIR β 10, train.lr 0.001`."""
    at_beta = "" if beta is None or pd.isna(beta) else f" β {beta:g}"
    return f"{method}{at_beta}" + (f", {settings}" if settings else "")


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
