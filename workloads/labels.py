"""What trials and cells of the grid are called: the same in the terminal, the report and MLflow. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from heatmark.models.methods import METHODS

if TYPE_CHECKING:
    from pydantic import BaseModel

    from heatmark.workloads.spec import TrialSpec

# Fields that a label names by itself.
NAMED_FIELDS = frozenset({"method.name", "method.beta", "backbone", "data.name", "seed"})


def cell_label(method: str, beta: float | None, settings: str = "") -> str:
    """`BCIR β 10, train.lr 0.001`. method: its label; beta: None or NaN for methods without one."""
    at_beta = "" if beta is None or beta != beta else f" β {beta:g}"
    return f"{method}{at_beta}" + (f", {settings}" if settings else "")


def trial_label(spec: Mapping[str, Any]) -> str:
    """`BCIR β 10 sbl-r50 coco seed 0`. spec: as spec.json has it, of which only what a label names is asked."""
    method = spec["method"]
    known = METHODS.get(method["name"])
    name = cell_label(known.label if known else method["name"], method.get("beta"))
    in_depth = " 2.5D" if spec.get("train", {}).get("depth") else ""
    return f"{name}{in_depth} {spec['backbone']} {spec['data']['name']} seed {spec['seed']}"


def differing_settings(specs: Sequence[TrialSpec]) -> dict[str, str]:
    """For each signature the fields in which trials differ that share method, beta, backbone and data set.

    What a method or a depth map has by default goes without saying.
    """
    named = {spec.signature: spec for spec in specs}
    flat = {signature: _flatten(spec.science()) for signature, spec in named.items()}
    usual = {kind: _defaults(*kind) for kind in {_kind(spec) for spec in specs}}
    groups: dict[tuple[str | None, ...], list[str]] = {}
    for signature, fields in flat.items():
        groups.setdefault(tuple(fields.get(name) for name in sorted(NAMED_FIELDS - {"seed"})), []).append(signature)
    text: dict[str, str] = {}
    for signatures in groups.values():
        names = sorted({name for signature in signatures for name in flat[signature]} - NAMED_FIELDS)
        differing = [name for name in names if len({flat[signature].get(name) for signature in signatures}) > 1]
        for signature in signatures:
            # A field that a trial is without (depth, pretrained) is told by the trials that have it.
            own, default = flat[signature], usual[_kind(named[signature])]
            known = [name for name in differing if name in own and own[name] != default.get(name)]
            text[signature] = ", ".join(f"{name} {own[name]}" for name in known)
    return text


def _kind(spec: TrialSpec) -> tuple[type[BaseModel], type[BaseModel]]:
    return type(spec.method), type(spec.train)


def _defaults(method: type[BaseModel], train: type[BaseModel]) -> dict[str, str]:
    """Default values of the method's fields and of those that only some trials have."""
    usual = {name: field.default for name, field in method.model_fields.items()}
    return _flatten({"method": usual, "train": {"depth_weight": train.model_fields["depth_weight"].default}})


def _flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested fields under dotted names, values as text."""
    flat: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat.update(_flatten(item, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = item if isinstance(item, str) else json.dumps(item)
    return flat
