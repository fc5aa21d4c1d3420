"""How many jobs SLURM takes now: what it tells of its limits, and what sbatch's refusals showed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heatmark.pipeline.cluster_section import SlurmKeys
from heatmark.pipeline.slurm_client import ALIVE, Limits, QueuedJob, SlurmClient
from heatmark.pipeline.submit import SubmitRefused

# How long a refusal for want of room holds although no job of ours has left: others' jobs count in some limits.
FULL_S = 60.0


class Later(Exception):
    """Nothing can be sent now; the message says why."""


class Room:
    """The room for one sweep's jobs. environment: what sbatch gets of the user's own settings."""

    def __init__(self, client: SlurmClient, keys: SlurmKeys, environment: Mapping[str, str]) -> None:
        self.client, self.keys = client, keys
        self.account = keys.account or environment.get("SBATCH_ACCOUNT")
        self.partition = keys.partition or environment.get("SBATCH_PARTITION")
        self.qos = keys.qos or environment.get("SBATCH_QOS")
        self._limits: Limits | None = None
        self._queue: Sequence[QueuedJob] = ()
        self._sent_since = 0
        self._full: _Full | None = None

    def seen(self, queue: Sequence[QueuedJob]) -> None:
        """What squeue shows now of this user's jobs."""
        self._queue, self._sent_since = queue, 0

    def taken(self, count: int) -> None:
        """So many jobs were accepted."""
        self._full = None
        self._sent_since += count

    def refused(self, said: str, is_array: bool) -> Later:
        """Not even one job was accepted: why, and what follows. is_array: it was refused as an array."""
        if is_array and self.takes_arrays:
            self._limits = Limits(self._known_limits().cluster, 0)
            return Later(f"{said}; every trial is sent as a job of its own from now on")
        self._full = _Full(self._in_queue(), said, time.monotonic())
        return Later(said)

    @property
    def takes_arrays(self) -> bool:
        """Whether trials are sent as arrays, of one if need be. Raises CommandFailed."""
        return self.keys.arrays is not False and self._known_limits().largest_array > 0

    def for_an_array(self, wanted: int) -> int:
        """How many elements the next array may have, at least 1.

        Raises Later where nothing can be sent now, SubmitRefused where nothing ever can, CommandFailed.
        """
        if self._full is not None and self._full.holds(self._in_queue()):
            raise Later(self._full.words)
        largest = self._known_limits().largest_array if self.takes_arrays else 1
        return max(1, min(wanted, largest, self._told(wanted)))

    def _in_queue(self) -> int:
        """How many jobs of this user's count against a limit."""
        return sum(job.state in ALIVE for job in self._queue) + self._sent_since

    def _known_limits(self) -> Limits:
        self._limits = self._limits or self.client.limits()
        return self._limits

    def _told(self, default: int) -> int:
        """What MaxSubmitJobs of the association and the QOS in use leaves, where accounting tells it.

        Raises Later, SubmitRefused.
        """
        room = default
        limit = self.client.submit_limit(self._known_limits().cluster, self.account, self.partition)
        if limit is not None:
            account, most = limit
            mine = sum(job.state in ALIVE and job.account == account for job in self._queue)
            room = min(room, self._left(f"AssocMaxSubmitJobLimit: MaxSubmitJobs of account {account}", most, mine))
        of_qos = self.client.qos_limit(self.qos) if self.qos else None
        if of_qos is not None:
            mine = sum(job.state in ALIVE and job.qos == self.qos for job in self._queue)
            words = f"QOSMaxSubmitJobPerUserLimit: MaxSubmitJobsPerUser of QOS {self.qos}"
            room = min(room, self._left(words, of_qos, mine))
        return room

    def _left(self, limit: str, most: int, mine: int) -> int:
        """How many jobs a limit still takes; it is named as SLURM would.

        Raises Later where none now, SubmitRefused where none ever.
        """
        if most == 0:
            raise SubmitRefused(f"{limit} is 0: no job may be sent under it; give another account or QOS")
        mine += self._sent_since
        if mine >= most:
            raise Later(f"{limit} is {most}, and {mine} jobs are in the queue")
        return most - mine


@dataclass(frozen=True)
class _Full:
    """A refusal for want of room: how many jobs were in the queue then, sbatch's words, and when."""

    jobs: int
    words: str
    since: float

    def holds(self, jobs: int) -> bool:
        """Until one of our jobs has left, and not for ever: other people's count in some limits."""
        return jobs >= self.jobs and time.monotonic() - self.since < FULL_S
