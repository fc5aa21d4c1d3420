"""What a user types: sbatch slurm/sweep.sh FILE. The driver, a job itself, is sent back into the queue two times."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heatmark.workloads.run_folder.array_record import ArrayRecord
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from tests.made_up import job_of, until

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]


def answer(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def wait_for(what: str, ready: Callable[[], object], timeout_s: float, story: Callable[[], str]) -> None:
    until(ready, timeout_s, lambda: f"{what}\n{story()}", every_s=0.5)


@pytest.mark.timeout(1600)
@pytest.mark.usefixtures("live")
def test_a_sweep_in_the_queue_ends_in_a_report_though_its_driver_is_requeued(tmp_path: Path) -> None:
    heatmark = shlex.join([sys.executable, "-m", "heatmark.pipeline.cli"])
    driver = subprocess.run(
        ["sbatch", "--parsable", str(ROOT / "slurm/sweep.sh"), str(ROOT / "sweeps/demo_slurm.yaml")],
        cwd=tmp_path,
        env={**os.environ, "HEATMARK": heatmark},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    sweep, log = tmp_path / "runs" / "demo_slurm", tmp_path / f"heatmark-driver-{driver}.log"

    def story() -> str:
        return log.read_text()[-3000:] if log.exists() else "no log of the driver"

    def submitted() -> int:
        return sum(bool((job := run.job()) and job.state == "submitted") for run in run_folders(sweep))

    wait_for("every trial is sent", lambda: submitted() == 6, 120, story)
    answer("scontrol", "requeue", driver)
    wait_for("the driver is back", lambda: "driver: attempt 2" in story(), 120, story)
    wait_for("every trial is training", lambda: sum(bool(run.epochs()) for run in run_folders(sweep)) == 6, 240, story)
    # What SLURM sends to the batch script a little before the driver's own time limit.
    answer("scancel", "--batch", "--signal=USR1", driver)
    wait_for(
        "the driver ends",
        lambda: answer("squeue", "-h", "-j", driver, "-t", "all", "-o", "%T") == "COMPLETED",
        400,
        story,
    )

    assert "driver: back into the queue; trials run on" in story() and "driver: attempt 3" in story(), story()
    assert "fault" not in story() and "Aborted" not in story(), story()

    runs: list[RunFolder] = list(run_folders(sweep))
    assert len(runs) == 6 and all(run.result() for run in runs), story()
    # Adopted, not sent again: one array, one submission and one attempt each.
    arrays = [array for path in (sweep / "arrays").glob("*.json") if (array := ArrayRecord.read(path))]
    assert len(arrays) == 1 and len(arrays[0].signatures) == 6, story()
    for run in runs:
        assert len(job_of(run).submissions) == 1 and len(run.attempts()) == 1, story()
        assert run.attempts()[0].ranks == 2 and run.attempts()[0].nodes == 2
        assert (result := run.result()) is not None and result.world_size == 2
        assert [record.epoch for record in run.epochs()] == list(range(4))
        assert json.loads(run.accounting_file.read_text())["cpu_hours"] > 0
    states = answer("sacct", "-X", "-n", "-P", "-j", str(arrays[0].job_id), "-o", "JobID,State,NNodes").splitlines()
    assert states == [f"{arrays[0].job_id}_{index}|COMPLETED|2" for index in range(6)]
    assert {job_of(run).state for run in runs} == {"finished"}
    assert (sweep / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "CPU hours" in (sweep / "report.html").read_text()
