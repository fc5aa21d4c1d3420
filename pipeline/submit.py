"""Sending a trial's job to where it runs, and asking what became of it. The one place that starts jobs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import psutil
from submitit.local.local import LocalExecutor, LocalJob

from heatmark.pipeline.sweep import ClusterSection
from heatmark.workloads.job import TrialJob
from heatmark.workloads.run_folder import RunFolder

RUN_VARIABLE = "HEATMARK_RUN"
# A job that was asked to stop saves its state first.
STOP_GRACE_S = 60.0


class Cluster(Protocol):
    """What the broker needs of a cluster."""

    name: str

    def submit(self, folder: RunFolder) -> str:
        """Start the job of a run folder and return its id."""

    def alive(self, folders: Iterable[RunFolder]) -> dict[str, str]:
        """The run folders that have a job, pending or running: signature -> job id. One question for all."""

    def cancel(self, folder: RunFolder) -> None:
        """Ask the job of a run folder to save and stop, and end it if it does not."""


class LocalCluster:
    """Jobs as processes of this machine, through submitit's local executor. They outlive the driver.

    A job's processes carry the run folder in their environment: that is how a job is found again, whoever started it,
    even if the driver was killed before it could write the job's id down.
    """

    name = "local"

    def __init__(self, settings: ClusterSection) -> None:
        self.settings = settings
        self._children: list[LocalJob[Any]] = []

    def submit(self, folder: RunFolder) -> str:
        executor = _DetachedExecutor(folder)
        executor.update_parameters(
            tasks_per_node=self.settings.ranks, timeout_min=self.settings.timeout_min, stderr_to_stdout=True
        )
        job: LocalJob[Any] = executor.submit(TrialJob(str(folder.spec_file)))
        self._children.append(job)
        return str(job.job_id)

    def alive(self, folders: Iterable[RunFolder]) -> dict[str, str]:
        self._children = [job for job in self._children if not job.done()]  # asking reaps those that ended
        wanted = {str(folder.path): folder.signature for folder in folders}
        found: dict[str, str] = {}
        for process in _job_processes():
            path = process.environ().get(RUN_VARIABLE)
            if path in wanted:
                found.setdefault(wanted[path], str(process.pid))
        return found

    def cancel(self, folder: RunFolder) -> None:
        processes = self._processes(folder)
        for process in processes:
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_GRACE_S
        while (processes := self._processes(folder)) and time.monotonic() < deadline:
            time.sleep(0.2)
        for process in processes:
            _signal(process, signal.SIGKILL)

    def _processes(self, folder: RunFolder) -> list[psutil.Process]:
        return [process for process in _job_processes() if process.environ().get(RUN_VARIABLE) == str(folder.path)]


def _job_processes() -> list[psutil.Process]:
    """This user's processes that belong to some job: submitit's controllers and tasks, not their loader workers."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if process.info["status"] == psutil.STATUS_ZOMBIE or not any(part.startswith("submitit.") for part in command):
            continue
        try:
            process.environ()
        except psutil.Error:
            continue
        found.append(process)
    return found


def _signal(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


class _DetachedExecutor(LocalExecutor):  # type: ignore[misc]
    """submitit's local executor, its controller in a session of its own: a Ctrl-C in the driver's terminal is not the
    job's, and the run folder's environment and log are.
    """

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(folder.log)
        self.run = folder

    def _submit_command(self, command: str) -> LocalJob[Any]:
        ranks = self.parameters["tasks_per_node"]
        with (Path(self.folder) / "controller.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "submitit.local._local", str(self.folder)],
                env=self._environment(command, ranks),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return LocalJob(folder=self.folder, job_id=str(process.pid), process=process, tasks=list(range(ranks)))

    def _environment(self, command: str, ranks: int) -> dict[str, str]:
        """What submitit's controller reads (submitit.local.local.Controller), and the run folder."""
        return {
            **os.environ,
            "SUBMITIT_LOCAL_NTASKS": str(ranks),
            "SUBMITIT_LOCAL_COMMAND": command,
            "SUBMITIT_LOCAL_TIMEOUT_S": str(int(60 * self.parameters["timeout_min"])),
            "SUBMITIT_LOCAL_SIGNAL_DELAY_S": "60",
            "SUBMITIT_LOCAL_NODEID": "0",
            "SUBMITIT_LOCAL_JOB_NUM_NODES": "1",
            "SUBMITIT_STDERR_TO_STDOUT": "1",
            "SUBMITIT_EXECUTOR": "local",
            "SUBMITIT_LOCAL_WITH_SHELL": "",
            RUN_VARIABLE: str(self.run.path),
        }


def make_cluster(settings: ClusterSection) -> Cluster:
    """The cluster a sweep file asks for."""
    return LocalCluster(settings)
