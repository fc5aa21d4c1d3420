"""Made-up specs, records and heatmaps for all tests: as the code itself writes them. Nothing of it was measured."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from heatmark.datasets.people import FloatArray
from heatmark.foundation.clock import utc_now
from heatmark.models.maps import Maps, split_maps
from heatmark.models.method import Method
from heatmark.workloads.run_folder.ends import EndKind
from heatmark.workloads.run_folder.epoch import EpochRecord
from heatmark.workloads.run_folder.events import Started
from heatmark.workloads.run_folder.failure import Failure
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.job_record import JobRecord
from heatmark.workloads.run_folder.result import Result
from heatmark.workloads.run_folder.spec_file import write_spec
from heatmark.workloads.run_folder.sweep_record import CellRecord, SweepRecord, sweep_file
from heatmark.workloads.spec import TrialSpec

# How many times longer than it should take something may take on a machine that is slow or busy.
PATIENCE = 3


def made_spec(
    method: str | Mapping[str, Any] | Method = "detection",
    seed: int = 0,
    backbone: str = "sbl-r18-w8",
    **sections: Mapping[str, Any],
) -> TrialSpec:
    """A trial of three epochs on small crops, with its milestones written out; its data is not there.

    method: by its name, with its fields, or as it is. sections: what is otherwise in data, train and runtime.
    """
    if isinstance(method, Method):
        method = method.model_dump(mode="json")
    content = {"method": {"name": method} if isinstance(method, str) else method, "seed": seed, "backbone": backbone}
    usual: dict[str, dict[str, Any]] = {
        "data": {"name": "drawn", "fingerprint": "0123abcd", "input_size": [64, 64]},
        "train": {"epochs": 3, "batch_size": 8},
        "runtime": {"data_root": "/gone", "threads": 1},
    }
    changed = {name: {**usual.get(name, {}), **section} for name, section in sections.items()}
    spec = TrialSpec.model_validate_json(json.dumps({**content, **usual, **changed}))
    return spec.model_copy(update={"train": spec.train.resolved()})


def planned(path: Path, spec: TrialSpec | None = None) -> RunFolder:
    """A run folder with its spec and nothing else. path: of the folder itself."""
    write_spec(path / "spec.json", spec or made_spec())
    return RunFolder(path)


def planned_sweep(sweep: Path, specs: Sequence[TrialSpec] = (), name: str | None = None, **changes: Any) -> None:
    """The sweep's own record."""
    cells = [CellRecord(signature=spec.signature, label=spec.label, source="") for spec in specs]
    content = {"created": "2026-03-04T09:59:00.000Z", "scheduler": "fifo", "cluster": {}, "cells": cells}
    content["targets"] = {}
    SweepRecord(**{"name": name or sweep.name, **content, **changes}).write(sweep_file(sweep))


def split_for(method: Method, maps_BCHW: Tensor, joints: int, reader: nn.Module | None = None) -> Maps:
    """A network's maps as the method has them. reader: its own layers, new where none are given."""
    return split_maps(maps_BCHW, joints, method.latent_maps, reader or method.reader(joints, maps_BCHW.shape[-2:]))


def gaussian_HW(size: tuple[int, int], joint: tuple[float, float], sigma: float = 2.0) -> FloatArray:
    """A heatmap of peak 1. size: height and width. joint: x and y in pixels of the map, which count from 0."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    heatmap_HW: FloatArray = np.exp(-((columns - joint[0]) ** 2 + (rows - joint[1]) ** 2) / (2 * sigma**2))
    return heatmap_HW


def made_epoch(number: int, val: Any = None, **changes: Any) -> EpochRecord:
    """number: counted from 0."""
    content = {
        "epoch": number,
        "step": 10 * (number + 1),
        "samples_seen": 100 * (number + 1),
        "attempt": 0,
        "time": f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}.000Z",
        "wall_s": 1.0 + number,
        "epoch_s": 1.0,
        "images_per_s": 10.0,
        "data_s": 0.1,
        "lr": 1e-3,
        "train": {"loss": 1.0 / (number + 1)},
        "val": val,
    }
    return EpochRecord(**{**content, **changes})


def made_result(signature: str = "0" * 16, final: Any = None, **changes: Any) -> Result:
    content: dict[str, Any] = {
        "epochs": 3,
        "final": final or {},
        "wall_s": 95.25,
        "attempts": 1,
        "world_size": 1,
        "parameters": 1234567,
        "unreadable_images": [],
        "notes": [],
        "finished": "2026-03-04T10:20:00.000Z",
        "versions": {"heatmark": "0.1.0", "python": "3.11.2", "torch": "2.13.0+cpu", "deepspeed": "0.19.8"},
        "machine": {"host": "node0", "cpu": "Example CPU @ 2.0 GHz", "cores": 2, "memory_gib": 15.6, "gpus": []},
    }
    return Result(**{"signature": signature, **content, **changes})


def finish(folder: RunFolder, final: Any = None, **changes: Any) -> None:
    """Write the result of a trial."""
    made_result(folder.signature, final, **changes).write(folder.result_file)


def fail(folder: RunFolder, kind: EndKind, message: str = "because", **changes: Any) -> None:
    """Write down a failure of a trial's job."""
    Failure(**{"kind": kind, "message": message, "rank": 0, "time": utc_now(), **changes}).write(folder.failure_file)


def start(folder: RunFolder, job: str = "1", attempt: int = 0, when: str | None = None) -> None:
    """Write down that a job has started."""
    folder.append_event(Started(attempt=attempt, time=when or utc_now(), job=job, restart=0, ranks=1, nodes=1))


def until(
    condition: Callable[[], object],
    timeout_s: float = 60.0,
    what: str | Callable[[], str] = "it",
    every_s: float = 0.005,
) -> None:
    """Wait for something that another thread or process does. what: that is, or how it stands when time is over.

    timeout_s: what a usual machine needs at most; a slow one is given PATIENCE times as long before the test fails.
    """
    deadline = time.monotonic() + PATIENCE * timeout_s
    while not condition():
        if time.monotonic() > deadline:
            story = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {PATIENCE} times {timeout_s:g} s: {story}")
        time.sleep(every_s)


def job_of(folder: RunFolder) -> JobRecord:
    """Where there must be one."""
    job = folder.job()
    assert job is not None, f"no {folder.job_file}"
    return job


def final_of(folder: RunFolder) -> dict[str, float]:
    """The final metrics of a finished trial; there was something to measure for each."""
    result = folder.result()
    assert result is not None and result.final is not None, f"no {folder.result_file}"
    return {name: value for name, value in result.final.items() if value is not None}
