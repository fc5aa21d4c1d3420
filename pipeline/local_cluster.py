"""Jobs as processes of this machine, through submitit's local executor. They outlive the driver.

A job's processes carry the run folder in their environment: that is how a job is found again, whoever started it, even
if the driver was killed before it could write the job's id down.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from submitit.local.local import LocalExecutor, LocalJob

from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.local_gpus import choose_gpus, gpus_here
from heatmark.pipeline.submit import JobStatus, job_command
from heatmark.workloads.launch import GIVEN, RUN_VARIABLE, VISIBLE
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.slurm_environment import on_this_node

# What controllers, ranks and the keepers of packed jobs are started as.
_MODULES = frozenset({"submitit.local._local", "heatmark.workloads.job", "heatmark.workloads.packed.keeper"})
# A job that was asked to stop saves its state first.
STOP_GRACE_S = 60.0


class LocalCluster:
    """submitit's local executor, one job a trial."""

    name = "local"
    gather_s = 0.05

    def __init__(self, settings: ClusterSection) -> None:
        self.settings = settings
        self.waits_for: str | None = None
        self.gpus = gpus_here(os.environ)
        self.notes = self._notes()
        self._children: list[LocalJob[Any]] = []

    @property
    def processes(self) -> int:
        """That submitit starts for a job."""
        return self.settings.ranks

    @property
    def gpus_of_a_job(self) -> int:
        return self.settings.ranks

    def submit(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        sent = {}
        for folder in folders:
            executor = _DetachedExecutor(folder, choose_gpus(self.gpus, _gpus_taken(), self.gpus_of_a_job))
            executor.update_parameters(tasks_per_node=self.processes, timeout_min=self.settings.timeout_min)
            job = executor._submit_command(self.command(folder))  # noqa: SLF001 (submit pickles a function)
            self._children.append(job)
            sent[folder.signature] = str(job.job_id)
        return sent

    def _notes(self) -> list[str]:
        wanted = self.settings.parallel * self.settings.ranks
        if not self.gpus or wanted <= len(self.gpus):
            return []
        return [
            f"{self.settings.parallel} trials of {self.settings.ranks} rank(s) side by side share "
            f"{len(self.gpus)} GPU(s): {', '.join(self.gpus)}; fewer at a time: cluster.parallel"
        ]

    def command(self, folder: RunFolder) -> str:
        """What every rank of the trial's job executes."""
        return job_command(folder.spec_file)

    def jobs(self, folders: Sequence[RunFolder]) -> dict[str, JobStatus]:
        self._children = [job for job in self._children if not job.done()]  # asking reaps those that ended
        wanted = {os.path.realpath(folder.path): folder.signature for folder in folders}
        found: dict[str, JobStatus] = {}
        for path, process in _job_processes():
            if path in wanted:
                found.setdefault(wanted[path], JobStatus(str(process.pid), "RUNNING", alive=True))
        return found

    def log_of(self, folder: RunFolder, job_id: str) -> Path:
        return folder.log / f"{job_id}_0_log.out"

    def cancel(self, folder: RunFolder) -> None:
        for process in _processes_of(folder):
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_GRACE_S
        while _processes_of(folder) and time.monotonic() < deadline:
            time.sleep(0.2)
        for process in _processes_of(folder):
            _signal(process, signal.SIGKILL)


def _job_processes() -> list[tuple[str, psutil.Process]]:
    """This user's controllers and ranks, not their loader workers, with the run folder each belongs to.

    A folder may be reached by several paths, through links: each is resolved.
    """
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        if not _MODULES.intersection(command):
            continue
        with contextlib.suppress(psutil.Error):
            run = process.environ().get(RUN_VARIABLE)
            found.append((os.path.realpath(run) if run else "", process))
    return found


def _gpus_taken() -> list[str]:
    """The GPUs of every live trial of this user, whichever driver started it: each as often as it has trials."""
    given: dict[str, str] = {}
    for run, process in _job_processes():
        with contextlib.suppress(psutil.Error):
            given[run] = process.environ().get(GIVEN, "")
    return [gpu for gpus in given.values() for gpu in gpus.split(",") if gpu]


def _processes_of(folder: RunFolder) -> list[psutil.Process]:
    return [process for path, process in _job_processes() if path == os.path.realpath(folder.path)]


def _signal(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


class _DetachedExecutor(LocalExecutor):
    """submitit's local executor, its controller in a session of its own: a Ctrl-C in the driver's terminal is not the
    job's, and the run folder's environment and log are.
    """

    def __init__(self, folder: RunFolder, gpus: Sequence[str]) -> None:
        super().__init__(folder.log)
        self.run, self.gpus = folder, gpus

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
        """What submitit's controller reads (submitit.local.local.Controller), the run folder, and the GPUs.

        Nothing of the job that the driver may run in: a local trial has no part in anybody's allocation.
        """
        gpus = {VISIBLE: ",".join(self.gpus), GIVEN: ",".join(self.gpus)} if self.gpus else {}
        return {
            **on_this_node(),
            **gpus,
            "SUBMITIT_LOCAL_NTASKS": str(ranks),
            "SUBMITIT_LOCAL_COMMAND": command,
            "SUBMITIT_LOCAL_TIMEOUT_S": str(int(60 * self.parameters["timeout_min"])),
            "SUBMITIT_LOCAL_SIGNAL_DELAY_S": "60",
            "SUBMITIT_LOCAL_NODEID": "0",
            "SUBMITIT_LOCAL_JOB_NUM_NODES": "1",
            "SUBMITIT_STDERR_TO_STDOUT": "1",
            "SUBMITIT_EXECUTOR": "local",
            "SUBMITIT_LOCAL_WITH_SHELL": "",
            "SUBMITIT_FOLDER": str(self.folder),
            RUN_VARIABLE: str(self.run.path),
        }
