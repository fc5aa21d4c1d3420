"""A whole sweep whose trials are packed into jobs on this machine: its numbers are those of separate jobs."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from heatmark.foundation.errors import InputError
from heatmark.pipeline.sweep import load_sweep
from heatmark.workloads.launch import RUN_VARIABLE
from heatmark.workloads.packed.files import Packs
from heatmark.workloads.run_folder.folder import run_folders
from tests.made_up import job_of
from tests.pipeline.test_sweep_run import NO_REPORT, live_jobs, run, start, until_seen, write_sweep

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

TIMES = {"time", "wall_s", "epoch_s", "images_per_s", "data_s", "attempt"}
GRID = {"method": ["detection", "ipr"], "backbone": ["sbl-r18-w8"], "dataset": ["drawn"], "seed": [0, 1]}
PACKED = {"parallel": 2, "trials_per_job": 2, "shared_stream": True, "threads": 1}


def numbers(sweep: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        folder.signature: [
            {key: value for key, value in record.plain().items() if key not in TIMES} for record in folder.epochs()
        ]
        for folder in run_folders(sweep)
    }


def keepers(sweep: Path) -> list[psutil.Process]:
    """The keepers of a sweep's packed jobs, without what started them."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "heatmark.workloads.packed.keeper" in (process.info["cmdline"] or []):
            run_folder = process.environ().get(RUN_VARIABLE, "")
            found += [process] if run_folder.startswith(str(sweep)) else []
    return found


def test_packed_trials_with_one_loader_have_the_numbers_of_separate_jobs_though_their_keeper_is_killed(
    tmp_path: Path,
) -> None:
    settings = {"grid": GRID, "report": NO_REPORT, "tracking": {"enabled": False}, "tune": {"dashboard": False}}
    alone, packed = tmp_path / "alone", tmp_path / "packed"
    for folder in (alone, packed):
        folder.mkdir()
    path = write_sweep(packed, **settings, cluster=PACKED, train={"epochs": 3})
    sweep = packed / "runs" / "small"
    driver = start("run", path, cwd=packed)
    until_seen(lambda: sum(bool(folder.epochs()) for folder in run_folders(sweep)) == 2, driver)
    (keeper,) = keepers(sweep)
    os.kill(keeper.pid, signal.SIGKILL)
    output, _ = driver.communicate(timeout=400)
    assert driver.returncode == 0, output
    assert not live_jobs(sweep)
    packs = list(Packs(sweep).folders())
    assert len(packs) == 2, output  # the second took over what the first had not finished
    begun = [event.place for pack in packs for event in pack.events() if event.what == "began"]
    assert set(begun) == {0, 1}
    for each in run_folders(sweep):
        assert [record.epoch for record in each.epochs()] == [0, 1, 2]
        assert all(end.kind in (None, "interrupted") for end in job_of(each).submissions), output

    path = write_sweep(alone, **settings, cluster={"parallel": 2, "threads": 1}, train={"epochs": 3})
    code, output = run("run", path, cwd=alone)
    assert code == 0, output
    assert numbers(sweep) == numbers(alone / "runs" / "small")


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ({"trials_per_job": 4, "parallel": 2}, "cluster.trials_per_job: 4: more places than trials in flight"),
        ({"shared_stream": True}, "cluster.shared_stream: one trial a job shares nothing"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, cluster: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_sweep(write_sweep(tmp_path, cluster=cluster))
