"""result.json: written last; the trial is finished and never run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from heatmark.workloads.run_folder.record import Record


class Result(Record):
    """final: the last evaluation's metrics, as in metrics.jsonl. wall_s: seconds of training and evaluation.

    world_size: ranks of the last attempt. parameters: of the net. unreadable_images, notes: of the data.
    finished: UTC, ISO 8601. versions: by package. machine: of rank 0 (workloads/environment.py).
    """

    signature: str
    state: Literal["finished"] = "finished"
    epochs: int
    final: Mapping[str, float | None] | None
    wall_s: float
    attempts: int
    world_size: int
    parameters: int
    unreadable_images: Sequence[str]
    notes: Sequence[str]
    finished: str
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
