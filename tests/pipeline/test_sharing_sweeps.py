"""Whole sweeps on this machine that share trials, with real Ray, submitit, DeepSpeed and MLflow; drivers that die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from heatmark.datasets.boxes import prefix_of
from heatmark.reports.reading.collect import collect
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from tests.made_up import job_of, until
from tests.pipeline.test_sweep_run import (
    NO_REPORT,
    live_jobs,
    logged,
    mlflow_runs,
    run,
    stopped_jobs,
    told,
    until_seen,
    write_sweep,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


ONE_CELL = {"method": ["detection"], "backbone": ["sbl-r18-w8"], "dataset": ["drawn"]}


def started(name: str, path: Path, cwd: Path) -> subprocess.Popen[str]:
    """A driver whose output goes to a file."""
    return logged(cwd / f"{name}.log", "run", path, "--set", f"name={name}", cwd=cwd)


def test_of_two_sweeps_that_overlap_the_second_trains_only_the_rest(tmp_path: Path) -> None:
    path = write_sweep(tmp_path, train={"epochs": 2}, report=NO_REPORT)
    runs = tmp_path / "runs"
    other = ["--set", "name=other", "--set", "grid.method=[bcir,ipr]"]
    code, output = run("run", path, cwd=tmp_path)
    assert code == 0, output
    before = {folder.signature: folder.metrics_file.stat().st_mtime_ns for folder in run_folders(runs / "small")}

    code, output = run("plan", path, *other, "--json", cwd=tmp_path)
    plan = json.loads(output)
    assert code == 0 and plan["to_train"] == 1 and not (runs / "other").exists()
    states = {trial["spec"]["method"]["name"]: (trial["state"], trial["sweeps"]) for trial in plan["trials"]}
    assert states == {"bcir": ("finished", ["small"]), "ipr": ("", [])}
    code, output = run("plan", path, *other, cwd=tmp_path)
    assert code == 0 and "Of 2 trials 1 finished, 0 running, 0 begun; 1 to be trained." in output

    code, output = run("run", path, *other, cwd=tmp_path)
    assert code == 0 and "2 trials, 1 finished before, 1 to run" in output, output
    folders = {folder.spec().method.name: folder for folder in run_folders(runs / "other")}
    assert set(folders) == {"bcir", "ipr"} and all(folder.result() for folder in folders.values())
    shared = folders["bcir"]
    assert shared.path.samefile(runs / "small" / shared.signature) and len(shared.attempts()) == 1
    assert shared.metrics_file.stat().st_mtime_ns == before[shared.signature]
    assert shared.drivers() == ["small"] and folders["ipr"].drivers() == ["other"]
    # What another sweep trained is a run of this one in MLflow, whole.
    client, found = mlflow_runs(runs / "other")
    children = {each.data.tags["signature"]: each for each in found if "signature" in each.data.tags}
    assert set(children) == {folder.signature for folder in folders.values()}
    history = client.get_metric_history(children[shared.signature].info.run_id, "val/gtbox/EPE")
    assert [point.step for point in history] == [1, 2]

    report = [sys.executable, "-m", "heatmark.pipeline.cli", "report", "runs/small", "runs/other"]
    done = subprocess.run(report, cwd=tmp_path, capture_output=True, text=True, timeout=420)
    assert done.returncode == 0, done.stderr
    assert (runs / "small+other" / "report.pdf").read_bytes().startswith(b"%PDF")
    table = (runs / "small+other" / "report" / "tables" / "accuracy.csv").read_text()
    assert all(method in table for method in ("Detection", "BCIR", "IPR")), table


def test_a_sweep_that_measures_otherwise_trains_nothing(tmp_path: Path) -> None:
    """Its job measures the net that is there; the report and MLflow have both."""
    path = write_sweep(tmp_path, grid=ONE_CELL, train={"epochs": 2}, report=NO_REPORT)
    runs = tmp_path / "runs"
    code, output = run("run", path, cwd=tmp_path)
    assert code == 0, output
    (folder,) = run_folders(runs / "small")
    before = folder.metrics_file.read_bytes(), folder.result_file.read_bytes()
    own = folder.spec().train.flip_test
    changes = ["name=other", f"train.flip_test={str(not own).lower()}", "train.eval_every=2"]
    code, output = run("run", path, *(word for change in changes for word in ("--set", change)), cwd=tmp_path)
    assert code == 0 and "1 trials, 0 finished before, 1 to run" in output, output
    assert (folder.metrics_file.read_bytes(), folder.result_file.read_bytes()) == before
    (found,) = folder.measured()
    source = f"gt-{'noflip' if own else 'flip'}"
    assert (found.source, found.epoch, len(folder.attempts())) == (source, 2, 2)
    (trial,) = collect(runs / "other").trials
    assert trial.finished and trial.boxes == source and trial.final_metric("EPE") is not None
    client, tracked = mlflow_runs(runs / "other")
    (child,) = (each for each in tracked if "signature" in each.data.tags)
    names = {f"val/{prefix_of(source)}/EPE", "val/gtbox/EPE"}
    steps = {name: [point.step for point in client.get_metric_history(child.info.run_id, name)] for name in names}
    assert steps == {f"val/{prefix_of(source)}/EPE": [2], "val/gtbox/EPE": [1, 2]}


def test_two_drivers_with_one_trial_start_it_once_whoever_is_killed_or_cancelled(tmp_path: Path) -> None:
    path = write_sweep(tmp_path, grid=ONE_CELL, train={"epochs": 20}, report=NO_REPORT)
    runs = tmp_path / "runs"
    first = started("first", path, tmp_path)
    until_seen(lambda: any(folder.epochs() for folder in run_folders(runs / "first")), first)
    (folder,) = run_folders(runs / "first")
    with stopped_jobs(runs):
        second = started("second", path, tmp_path)
        until_seen(lambda: "waits for sweep first" in told(tmp_path / "second.log"), second)
        os.kill(first.pid, 9)
        first.wait()
        until_seen(
            lambda: "no other driver looks after it any more, this one does" in told(tmp_path / "second.log"), second
        )
        assert len(job_of(folder).submissions) == 1 and len(live_jobs(runs)) > 0

        first = started("first", path, tmp_path)
        until_seen(lambda: "waits for sweep second" in told(tmp_path / "first.log"), first)
        code, output = run("cancel", runs / "second", cwd=tmp_path)
        assert code == 0 and f"({folder.signature[:8]}): left to sweep first, which wants it" in output
        assert second.wait(timeout=420) == 0 and live_jobs(runs), told(tmp_path / "second.log")
        assert folder.result() is None and len(folder.epochs()) < 20
    assert first.wait(timeout=420) == 0, told(tmp_path / "first.log")
    assert folder.result() is not None and len(folder.attempts()) == 1 and len(job_of(folder).submissions) == 1
    assert [record.epoch for record in folder.epochs()] == list(range(20))
    assert RunFolder(runs / "second" / folder.signature).result() is not None
    until(lambda: not live_jobs(runs), 60)
