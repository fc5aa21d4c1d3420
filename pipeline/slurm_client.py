"""What SLURM's own commands say, parsed. The states are two explicit sets: alive, and ended."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass

from heatmark.workloads.command import CommandFailed, run_command

# fmt: off
ALIVE = frozenset({
    "PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD",
    "SPECIAL_EXIT", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING",
})
ENDED = frozenset({
    "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "PREEMPTED",
    "REVOKED", "LAUNCH_FAILED",
})
# Reasons for which a job waits for ever, whatever becomes free (squeue.1, JOB REASON CODES).
NEVER = frozenset({
    "AccountNotAllowed", "AssocMaxCpuPerJobLimit", "AssocMaxNodePerJobLimit", "AssocMaxWallDurationPerJobLimit",
    "BadConstraints", "DependencyNeverSatisfied", "InvalidAccount", "InvalidQOS", "PartitionInactive",
    "PartitionNodeLimit", "PartitionTimeLimit", "QOSMaxCpuPerJobLimit", "QOSMaxNodePerJobLimit",
    "QOSMaxWallDurationPerJobLimit", "QOSNotAllowed",
})
# fmt: on
# What sbatch says when there is no room now, and when it did not reach the controller (seen on 22.05).
NO_ROOM = ("job submit limit", "MaxSubmitJobLimit", "MaxJobsPerAccount", "QOSMaxSubmitJob")
NOT_REACHED = (
    "Unable to contact slurm controller",
    "Socket timed out",
    "Connection refused",
    "Zero Bytes",
    "try again",
)
QUEUE_FORMAT = "%i|%F|%K|%T|%r|%j"


@dataclass(frozen=True)
class QueuedJob:
    """A line of squeue. index: of an element of an array, 0 for a job of its own."""

    job_id: str
    index: int
    state: str
    reason: str
    name: str


def queue() -> list[QueuedJob]:
    """Every job of this user that SLURM still remembers, in one question. Raises CommandFailed."""
    jobs = []
    command = ["squeue", "-h", "-r", "-u", getpass.getuser(), "-t", "all", "-o", QUEUE_FORMAT]
    for line in run_command(command).splitlines():
        job_id, _, index, state, reason, name = line.split("|", 5)
        jobs.append(QueuedJob(job_id, int(index) if index.isdigit() else 0, state, reason, name))
    return jobs


def past_states(job_ids: Sequence[str]) -> dict[str, str]:
    """The last state of jobs that squeue has forgotten, from accounting; without slurmdbd, none."""
    try:
        out = run_command(["sacct", "-X", "-n", "-P", "-j", ",".join(job_ids), "-o", "JobID,State"])
    except CommandFailed:
        return {}
    # "CANCELLED by 0": the first word is the state.
    return {job_id: state.split()[0] for job_id, state in (line.split("|") for line in out.splitlines()) if state}


def largest_array() -> int:
    """How many elements an array may have: MaxArraySize - 1 is the largest index."""
    for line in run_command(["scontrol", "show", "config"]).splitlines():
        if line.startswith("MaxArraySize"):
            return int(line.split("=")[1])
    return 1001


def failed_nodes() -> dict[str, int]:
    """How often each node failed under this user's jobs of the last day."""
    counts: dict[str, int] = {}
    try:
        command = ["sacct", "-X", "-D", "-n", "-P", "-S", "now-1days", "-s", "NODE_FAIL", "-o", "NodeList"]
        out = run_command([*command, "-u", getpass.getuser()])
    except CommandFailed:
        return counts
    for nodes in out.splitlines():
        counts[nodes] = counts.get(nodes, 0) + 1
    return counts


def cancel(job_id: str) -> None:
    """scancel; a job that has ended already is no error."""
    run_command(["scancel", job_id])
