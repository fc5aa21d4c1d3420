"""The MLflow mirror, on a real SQLite store: no gaps, no duplicates, whatever was interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heatmark.pipeline.mirror import Mirror, default_uri, flat
from heatmark.workloads.run_folder import RunFolder, write_json
from heatmark.workloads.spec import TrialSpec

SPEC = {
    "method": {"name": "ipr", "beta": 10.0},
    "backbone": "sbl-r50",
    "data": {"name": "coco", "fingerprint": "sha256:0"},
    "train": {"epochs": 3},
    "runtime": {"data_root": "/data"},
}


def epoch(number: int) -> dict[str, Any]:
    return {
        "epoch": number,
        "time": f"2026-01-01T00:00:0{number}.000Z",
        "samples_seen": 100 * (number + 1),
        "wall_s": 1.0,
        "images_per_s": 10.0,
        "data_s": 0.1,
        "lr": 1e-3,
        "train": {"loss": 1.0 / (number + 1)},
        "val": {"gtbox/AP": 0.1 * number, "gtbox/APL": None},
    }


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    spec = TrialSpec.model_validate_json(json.dumps(SPEC))
    folder = RunFolder(tmp_path / "sweep" / spec.signature)
    write_json(folder.spec_file, spec.model_dump(mode="json"))
    write_json(tmp_path / "sweep" / "sweep.json", {"name": "test", "cells": []})
    for number in (0, 1):
        folder.append_metrics(epoch(number))
    return folder


def child_runs(mirror: Mirror) -> list[Any]:
    return [run for run in mirror.client.search_runs([mirror.experiment]) if "signature" in run.data.tags]


def history(mirror: Mirror, name: str) -> list[tuple[int, float]]:
    (run,) = child_runs(mirror)
    return [(point.step, point.value) for point in mirror.client.get_metric_history(run.info.run_id, name)]


def test_every_epoch_arrives_once_over_restarts_and_lost_offsets(folder: RunFolder) -> None:
    sweep = folder.path.parent
    Mirror(sweep, None).sync()
    folder.append_metrics(epoch(2))
    again = Mirror(sweep, None)
    again.sync()
    again.sync()
    assert history(again, "val/gtbox/AP") == [(1, 0.0), (2, pytest.approx(0.1)), (3, pytest.approx(0.2))]
    # Killed between the upload and the writing of its offset: the same rows are sent again.
    (folder.path / "mlflow.json").unlink()
    once_more = Mirror(sweep, None)
    once_more.sync()
    assert [step for step, _ in history(once_more, "val/gtbox/AP")] == [1, 2, 3]
    (run,) = child_runs(once_more)
    assert run.data.params["method.beta"] == "10.0" and run.data.params["data.fingerprint"] == "sha256:0"
    assert run.data.tags["mlflow.parentRunId"] == once_more.parent


def test_states_follow_the_run_folder_and_nothing_is_left_running(folder: RunFolder) -> None:
    mirror = Mirror(folder.path.parent, None)
    folder.append_event({"event": "start", "attempt": 0})
    mirror.sync()
    assert child_runs(mirror)[0].info.status == "RUNNING"
    write_json(folder.result_file, {"state": "finished"})
    mirror.sync()
    mirror.close("FINISHED")
    assert {run.info.status for run in mirror.client.search_runs([mirror.experiment])} == {"FINISHED"}


def test_a_database_that_was_removed_is_filled_again(folder: RunFolder) -> None:
    sweep = folder.path.parent
    Mirror(sweep, None).sync()
    other = f"sqlite:///{(sweep / 'other.db').absolute()}"
    assert other != default_uri(sweep)
    mirror = Mirror(sweep, other)
    mirror.sync()
    assert [step for step, _ in history(mirror, "train/loss")] == [1, 2]


def test_parameters_are_flat_and_dotted() -> None:
    assert dict(flat({"train": {"lr": 1e-3, "milestones": [90, 120]}, "seed": 0})) == {
        "train.lr": "0.001",
        "train.milestones": "[90, 120]",
        "seed": "0",
    }
