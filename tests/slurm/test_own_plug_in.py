"""A method of one's own on a real SLURM: the job finds it, MLflow and the report have it, and its net is decoded."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatmark.reports.reading.collect import collect
from heatmark.workloads.run_folder.folder import run_folders
from tests.made_up import job_of
from tests.pipeline.test_own_plug_ins import HERE, begun, own_sweep
from tests.pipeline.test_plug_ins import heatmark
from tests.pipeline.test_sweep_run import mlflow_runs

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(800)]


@pytest.mark.usefixtures("live", "plug_ins_stay_here")
def test_a_method_of_ones_own_is_trained_by_slurm_beside_a_built_in_one(tmp_path: Path) -> None:
    plug_in = begun(tmp_path, "my_own")
    cluster = {"executor": "slurm", "nodes": 2, "timeout_min": 10}
    path = own_sweep(tmp_path, "detection", "my_own", cluster=cluster, tracking={"enabled": True})
    plan = heatmark(HERE, tmp_path, "sweep", "plan", path)
    assert plan.returncode == 0 and "My Own β 10" in plan.stdout, plan.stderr
    done = heatmark(HERE, tmp_path, "sweep", "run", path)
    assert done.returncode == 0, done.stdout + done.stderr
    plug_in.unlink()
    sweep = tmp_path / "runs" / "theirs"
    runs = {run.spec().method.name: run for run in run_folders(sweep)}
    assert set(runs) == {"detection", "my_own"}
    for run in runs.values():
        assert run.finished and job_of(run).executor == "slurm" and run.attempts()[0].ranks == 2
    _, tracked = mlflow_runs(sweep)
    labels = {each.data.tags.get("mlflow.runName", "") for each in tracked if "signature" in each.data.tags}
    assert len(labels) == 2 and any("My Own" in label for label in labels), labels
    assert {trial.label for trial in collect(sweep).trials if trial.finished} == {
        run.spec().label for run in runs.values()
    }
    assert "My Own β 10" in (sweep / "report.html").read_text()
    read = heatmark(HERE, tmp_path, "decode", runs["my_own"].path)
    assert read.returncode == 0 and "own" in read.stdout, read.stderr
