"""SLURM's commands, asked for one user, with the formats they are parsed by. The states are two explicit sets."""

from __future__ import annotations

import os
import pwd
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from heatmark.foundation.command import CommandFailed, run_command
from heatmark.workloads.slurm_environment import for_questions

# fmt: off
ALIVE = frozenset({
    "PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD",
    "SPECIAL_EXIT", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING",
})
ENDED = frozenset({
    "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "PREEMPTED",
    "REVOKED", "LAUNCH_FAILED",
})
# fmt: on
# Of a number that the controller does not know, and of an element that it has forgotten before others of its array.
UNKNOWN_JOB = re.compile(r"Invalid job id|Job \d+_\d+ not found")
# The last column is empty: a line that was cut off is none.
QUEUE_FORMAT = "%i|%F|%K|%T|%r|%a|%q|%j|"
_LINE = re.compile(r"([^|]+)\|\d+\|([^|]*)\|([A-Z_]+)\|([^|]*)\|([^|]*)\|([^|]*)\|(.*)\|")


@dataclass(frozen=True)
class QueuedJob:
    """A line of squeue. index: of an element of an array, 0 for a job of its own."""

    job_id: str
    index: int
    state: str
    reason: str
    account: str
    qos: str
    name: str


@dataclass(frozen=True)
class Limits:
    """What a cluster says of itself. largest_array: elements of an array; 0 where it takes none."""

    cluster: str
    largest_array: int


class SlurmClient:
    """One user's view of SLURM. clusters: for all commands, as in their option `-M`; None is the default one."""

    def __init__(self, clusters: str | None) -> None:
        self.clusters = clusters

    def run(self, program: str, *arguments: str, clusters: str | None = None, timeout_s: float = 60) -> str:
        """What a command of SLURM prints. Raises CommandFailed."""
        chosen = clusters or self.clusters
        where = ["-M", chosen] if chosen else []
        return run_command([program, *where, *arguments], timeout_s, for_questions())

    def queue(self) -> list[QueuedJob]:
        """Every job of this user that SLURM still remembers, in one question. Raises CommandFailed.

        An answer that is not squeue's is no answer: jobs are not lost because a line of theirs cannot be read.
        """
        jobs = []
        for line in self.run(
            "squeue", "-h", "-r", "-u", str(os.getuid()), "-t", "all", "-o", QUEUE_FORMAT
        ).splitlines():
            if not line.strip() or line.startswith("CLUSTER:"):
                continue
            found = _LINE.fullmatch(line)
            if found is None:
                raise CommandFailed(["squeue"], 0, f"no line of squeue: {line[:80]!r}")
            job_id, index, *rest = found.groups()
            jobs.append(QueuedJob(job_id, int(index) if index.isdigit() else 0, *rest))
        return jobs

    def past_states(self, job_ids: Sequence[str], clusters: str | None = None) -> dict[str, tuple[str, str]]:
        """Last state and name of jobs that squeue has forgotten, from accounting; without slurmdbd, none."""
        try:
            columns = "JobID,State,JobName"
            out = self.run("sacct", "-X", "-n", "-P", "-j", ",".join(job_ids), "-o", columns, clusters=clusters)
        except CommandFailed:
            return {}
        found = {}
        for job_id, state, name in (line.split("|", 2) for line in out.splitlines() if line.count("|") >= 2):
            if state:
                found[job_id] = (state.split()[0], name)  # "CANCELLED by 0": the first word is the state
        return found

    def id_of_name(self, name: str) -> str | None:
        """The number of a job or array that accounting has under this name. Raises CommandFailed."""
        out = self.run("sacct", "-X", "-n", "-P", "-S", "now-30days", f"--name={name}", "-o", "JobID")
        return out.split()[0].partition("_")[0] if out.split() else None

    def is_only_cluster(self) -> bool:
        """Whether accounting knows a single cluster, so that sbatch can have sent nothing elsewhere."""
        try:
            return len(self._ask_accounting("show", "cluster", "format=Cluster").split()) == 1
        except CommandFailed:
            return False

    def known_job(self, job_id: str, clusters: str | None = None) -> tuple[str, str] | None:
        """Name and state that the controller has of a job; None where it says that there is no such job (any more).

        Raises CommandFailed where it says neither.
        """
        try:
            out = self.run("scontrol", "-o", "show", "job", job_id, clusters=clusters)
        except CommandFailed as error:
            if UNKNOWN_JOB.search(error.said):
                return None
            raise
        found = {key: value for key, _, value in (word.partition("=") for word in out.split())}
        return found.get("JobName", ""), found.get("JobState", "")

    def limits(self) -> Limits:
        """Of the (first) cluster. Raises CommandFailed."""
        first = self.clusters.split(",")[0] if self.clusters else None
        values = {}
        for line in self.run("scontrol", "show", "config", clusters=first).splitlines():
            name, equals, value = line.partition("=")
            if equals:
                values[name.strip()] = value.strip()
        largest = int(values.get("MaxArraySize", "1001"))
        tasks = re.search(r"max_array_tasks=(\d+)", values.get("SchedulerParameters", ""))
        return Limits(values.get("ClusterName", ""), min(largest, int(tasks[1])) if tasks else largest)

    def submit_limit(self, cluster: str, account: str | None, partition: str | None) -> tuple[str, int] | None:
        """MaxSubmitJobs of the association that jobs are sent under, and its account; None where none is told."""
        try:
            user = pwd.getpwuid(os.getuid()).pw_name
            where = ["where", f"user={user}", *([f"cluster={cluster}"] if cluster else [])]
            used = account or self._default_account(user)
            out = self._ask_accounting("show", "assoc", *where, "format=Account,Partition,MaxSubmitJobs")
        except (CommandFailed, KeyError):
            return None
        rows = [line.split("|") for line in out.splitlines() if line.count("|") == 2]
        own = [row for row in rows if row[0] == used and row[1] in ("", partition or "")]
        # The association of a partition comes before that of all partitions.
        for row in sorted(own, key=lambda row: row[1] == ""):
            if row[2].isdigit():
                return row[0], int(row[2])
        return None

    def qos_limit(self, qos: str) -> int | None:
        """How many jobs of one user a QOS takes; None where it does not say."""
        try:
            told = self._ask_accounting("show", "qos", qos, "format=MaxSubmitJobsPerUser").strip()
        except CommandFailed:
            return None
        return int(told) if told.isdigit() else None

    def _default_account(self, user: str) -> str:
        return self._ask_accounting("show", "user", user, "format=DefaultAccount").strip()

    def _ask_accounting(self, *words: str) -> str:
        return run_command(["sacctmgr", "-n", "-P", *words], 20, for_questions())

    def failed_nodes(self) -> dict[str, int]:
        """How often each node failed under this user's jobs of the last day: nodes, not lists of them."""
        wanted = ("-S", "now-1days", "-s", "NODE_FAIL", "-o", "NodeList", "-u", str(os.getuid()))
        try:
            lines = self.run("sacct", "-X", "-D", "-n", "-P", *wanted).splitlines()
            lists = [line for line in lines if line and line != "None assigned"]
            return dict(Counter(self.nodes_of(",".join(lists)))) if lists else {}
        except CommandFailed:
            return {}

    def nodes_of(self, node_list: str) -> list[str]:
        """`node[1-2],node1` -> node1, node2, node1. Raises CommandFailed."""
        return run_command(["scontrol", "show", "hostnames", node_list], 60, for_questions()).split()

    def partition_nodes(self, partition: str | None) -> set[str]:
        """The nodes of a partition, or all; none where SLURM does not say."""
        try:
            chosen = ["-p", partition] if partition else []
            return set(self.run("sinfo", "-h", "-N", *chosen, "-o", "%N").split())
        except CommandFailed:
            return set()

    def cancel(self, job_id: str, name: str, clusters: str | None = None) -> None:
        """scancel of a job of this name; one that has ended already is no error. Raises CommandFailed.

        A controller that lost its memory gives numbers out again: without its name another's job might be meant.
        """
        try:
            self.run("scancel", f"--jobname={name}", job_id, clusters=clusters)
        except CommandFailed as error:
            if UNKNOWN_JOB.search(error.said) is None:
                raise
