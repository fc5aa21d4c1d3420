"""What the broker needs of a cluster, and which cluster a sweep file asks for."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from heatmark.pipeline.sweep import ClusterSection
from heatmark.workloads.run_folder import RunFolder

# A warning that comes while Python is still starting would end it: it is held back (coreutils 8.31 or newer) until the
# job has its handlers (Interruption.listen), and then delivered.
HOLD_SIGNALS = (
    "env --block-signal=USR2 --block-signal=TERM true 2>/dev/null"
    ' && exec env --block-signal=USR2 --block-signal=TERM "$@"; exec "$@"'
)


@dataclass(frozen=True)
class JobStatus:
    """The newest job of a trial. alive: it may still work on the trial, or will. state: the cluster's own word for it.

    stuck: why the job can never start, in the cluster's words, where that is so.
    """

    job_id: str
    state: str
    alive: bool
    stuck: str | None = None


class SubmitRefused(RuntimeError):
    """The cluster will not take these jobs however often it is asked: an invalid partition, account or size."""


class Cluster(Protocol):
    """Jobs of trials, by their run folders."""

    name: str
    # How long to wait for further trials before those at hand are sent.
    gather_s: float

    def submit(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        """Send the jobs of trials: signature -> job id. Those there is no room for are left out; ask again later.

        Raises SubmitRefused.
        """

    def jobs(self, folders: Sequence[RunFolder]) -> dict[str, JobStatus]:
        """The jobs that are known of, by signature. One question for all of them."""

    def log_of(self, folder: RunFolder, job_id: str) -> Path:
        """What rank 0 of a job printed."""

    def cancel(self, folder: RunFolder) -> None:
        """Ask the job of a trial to save and stop, and end it if it does not."""


def job_command(argument: Path, array: bool = False) -> str:
    """The command line of a job: a trial's spec, or the list of them for an array."""
    option = ["--array"] if array else []
    command = [sys.executable, "-u", "-m", "heatmark.workloads.job", *option, str(argument)]
    return shlex.join(["sh", "-c", HOLD_SIGNALS, "job", *command])


def make_cluster(settings: ClusterSection, sweep: Path) -> Cluster:
    """The cluster a sweep file asks for. sweep: the sweep's folder."""
    if settings.executor == "slurm":
        from heatmark.pipeline.slurm_cluster import SlurmCluster

        return SlurmCluster(settings, sweep)
    from heatmark.pipeline.local_cluster import LocalCluster

    return LocalCluster(settings)
