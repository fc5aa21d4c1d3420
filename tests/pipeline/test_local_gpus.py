"""Trials side by side on one machine: each on GPUs of its own, and none in the allocation its driver runs in."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from pathlib import Path

import psutil
import pytest

from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.local_cluster import LocalCluster, _processes_of
from heatmark.pipeline.local_gpus import choose_gpus, gpus_here
from heatmark.workloads.run_folder.folder import RunFolder
from tests.made_up import planned, until


@pytest.fixture
def four_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0\\n1\\n2\\n3\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


class Sleeping(LocalCluster):
    """Jobs that only sleep, started by the real executor, in place of training."""

    def command(self, folder: RunFolder) -> str:
        return shlex.join([sys.executable, "-c", "import time; time.sleep(120)", "heatmark.workloads.job"])


def environments(cluster: LocalCluster, folders: list[RunFolder]) -> list[dict[str, str]]:
    cluster.submit(folders)
    until(lambda: all(_processes_of(folder) for folder in folders), what="all jobs run", every_s=0.1)
    return [_processes_of(folder)[0].environ() for folder in folders]


def trials(sweep: Path, names: str) -> list[RunFolder]:
    return [planned(sweep / name) for name in names]


@pytest.mark.usefixtures("four_gpus")
def test_each_trial_has_its_own_gpus_whichever_driver_started_the_others(tmp_path: Path) -> None:
    first, second = (Sleeping(ClusterSection(parallel=2)) for _ in range(2))
    assert first.notes == []
    before, after = trials(tmp_path / "a", "abc"), trials(tmp_path / "b", "de")
    try:
        seen = [each["CUDA_VISIBLE_DEVICES"] for each in environments(first, before)]
        seen += [each["CUDA_VISIBLE_DEVICES"] for each in environments(second, after)]
        assert seen == ["0", "1", "2", "3", "0"]  # the fifth shares
    finally:
        for folder in [*before, *after]:
            end(folder)


def end(folder: RunFolder) -> None:
    for process in _processes_of(folder):
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in [*process.children(recursive=True), process]:
                each.kill()


@pytest.mark.usefixtures("four_gpus")
def test_more_trials_than_gpus_are_told_and_what_the_user_chose_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    (note,) = LocalCluster(ClusterSection(parallel=3, ranks=2)).notes
    assert "3 trials of 2 rank(s) side by side share 4 GPU(s): 0, 1, 2, 3" in note
    for chosen, names in (("2,3", ["2", "3"]), ("GPU-ab12, GPU-cd34", ["GPU-ab12", "GPU-cd34"]), ("", []), ("-1", [])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
        assert gpus_here(os.environ) == names


def test_ranks_of_a_trial_get_the_least_used_gpus() -> None:
    assert choose_gpus(["0", "1", "2", "3"], ["0", "0", "1"], 2) == ["2", "3"]
    assert choose_gpus(["0", "1", "2", "3"], ["2", "3"], 2) == ["0", "1"]
    assert choose_gpus(["0"], ["0"], 2) == ["0"]
    assert choose_gpus([], [], 2) == []


def test_a_local_job_has_nothing_of_the_allocation_its_driver_runs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_the_job = {
        "SLURM_JOB_ID": "7",
        "SLURM_ARRAY_JOB_ID": "7",
        "SLURM_ARRAY_TASK_ID": "1",
        "SLURM_PROCID": "0",
        "SLURM_RESTART_COUNT": "2",
        "SLURMD_NODENAME": "n1",
        "PMI_RANK": "0",
        "SUBMITIT_EXECUTOR": "slurm",
    }
    of_the_user = {"SLURM_CONF": "/etc/slurm.conf", "SLURM_CLUSTERS": "c", "SLURM_TMPDIR": "/local/7", "MY_DATA": "x"}
    for name, value in {**of_the_job, **of_the_user}.items():
        monkeypatch.setenv(name, value)
    (folder,) = trials(tmp_path, "a")
    try:
        (seen,) = environments(Sleeping(ClusterSection()), [folder])
        assert of_the_user.items() <= seen.items()
        assert seen["SUBMITIT_EXECUTOR"] == "local" and not set(of_the_job) - {"SUBMITIT_EXECUTOR"} & set(seen)
    finally:
        end(folder)
