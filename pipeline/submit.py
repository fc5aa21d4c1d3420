"""What the broker needs of a cluster, and the command line of a job."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from heatmark.pipeline.cluster_section import SlurmKeys
from heatmark.workloads.run_folder.folder import RunFolder

# A warning that comes while Python is still starting would end it: it is held back (coreutils 8.31 or newer) until the
# job has its handlers (Interruption.listen), and then delivered.
HOLD_SIGNALS = (
    "env --block-signal=USR2 --block-signal=TERM true 2>/dev/null"
    ' && exec env --block-signal=USR2 --block-signal=TERM "$@"; exec "$@"'
)


# A job that was sent and that nothing knows of now; one that may have been sent.
UNSEEN, UNANSWERED = "UNSEEN", "UNANSWERED"


@dataclass(frozen=True)
class JobStatus:
    """The newest job of a trial. alive: it may still work on the trial, or will. state: the cluster's own word for it.

    stuck: why the job can never start, in the cluster's words, where that is so. waits_for: why it does not run yet,
    in the cluster's words. usual: whether that is said of every job in a queue. cluster: where a site has several.
    name: of the job in the queue.
    """

    job_id: str
    state: str
    alive: bool
    stuck: str | None = None
    waits_for: str | None = None
    usual: bool = False
    cluster: str | None = None
    name: str = ""

    @property
    def is_seen(self) -> bool:
        """Whether the cluster itself says that the job lives; otherwise nobody said that it has ended."""
        return self.state not in (UNSEEN, UNANSWERED)


class SubmitRefused(RuntimeError):
    """The cluster will not take these jobs however often it is asked: an invalid partition, account or size."""


class Cluster(Protocol):
    """Jobs of trials, by their run folders.

    gather_s: how long to wait for further trials before those at hand are sent. waits_for: why the last `submit` left
    some out, in the cluster's words. notes: what a person should know; taken out as it is told.
    """

    name: str
    gather_s: float
    waits_for: str | None
    notes: list[str]

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


def job_command(argument: Path, array: bool = False, keys: SlurmKeys | None = None) -> str:
    """The command line of a job: a trial's spec, or the list of them for an array. keys: see node_command."""
    return node_command("heatmark.workloads.job", [*(["--array"] if array else []), str(argument)], keys)


def node_command(module: str, arguments: Sequence[str], keys: SlurmKeys | None = None) -> str:
    """The command line of a module of heatmark's on a node.

    keys: with the launcher in front of python, which the shell takes as it stands, and with another python.
    """
    python = keys.python if keys and keys.python else sys.executable
    launcher = f"{keys.launcher} " if keys and keys.launcher else ""
    command = [python, "-u", "-m", module, *arguments]
    return f"{shlex.join(['sh', '-c', HOLD_SIGNALS, 'job'])} {launcher}{shlex.join(command)}"
