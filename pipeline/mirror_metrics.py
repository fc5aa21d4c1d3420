"""What a trial has measured and what it is, under the names that MLflow takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from heatmark.datasets.boxes import measured_in
from heatmark.pipeline.relay import prefixed
from heatmark.workloads.run_folder.epoch import EpochRecord
from heatmark.workloads.run_folder.machine_use import MachineUse
from heatmark.workloads.run_folder.measured import Measured


def metrics_of(record: EpochRecord) -> dict[str, float]:
    """Of an epoch, its quality first: MLflow's comparison opens with the first that it got."""
    values = prefixed("val", record.val) | prefixed("train", record.train)
    values |= {key: getattr(record, key) for key in ("samples_seen", "wall_s", "images_per_s", "data_s", "lr")}
    return _as_sent({**values, "hours": record.wall_s / 3600})


def machine_metrics(use: MachineUse) -> dict[str, float]:
    """How busy the machine was, under names that MLflow's pages show on a sheet of their own."""
    return _as_sent({f"system/{name}": value for name, value in use.model_dump(exclude={"epoch"}).items()})


def further_metrics(measured: Measured) -> dict[str, float]:
    """Those that are named after the measurement; what depends on no boxes is the epoch's own."""
    return _as_sent(prefixed("val", {name: value for name, value in measured.metrics.items() if measured_in(name)}))


def _as_sent(values: Mapping[str, float | None]) -> dict[str, float]:
    return {metric_name(name): float(value) for name, value in values.items() if value is not None}


def metric_name(name: str) -> str:
    """As MLflow takes it: PCKh@0.5 is PCKh_0.5 there, and so is every other sign that a category's name may hold."""
    plain = re.sub(r"[^\w\-. :/]", "_", name)
    return "/".join("_" if part in ("", ".", "..") else part for part in plain.split("/"))


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as dotted names: ("train.lr", "0.001")."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value if isinstance(value, str) else json.dumps(value)
