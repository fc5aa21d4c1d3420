"""One writer per run folder: rank 0 of a job holds the folder's lease, and looks at it again before every write.

A job that SLURM runs again after a node failure may find its own first attempt still at work: where only the node's
daemon died, its processes live on. The later attempt takes the lease, and the earlier one stops at its next write.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from heatmark.foundation.clock import utc_now
from heatmark.foundation.file_lock import locked
from heatmark.workloads.heartbeat import LONGEST_PAUSE_S
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.lease_record import LeaseRecord

# A holder on another host is seen by the time of its last heartbeat only.
STALE_S = 4 * LONGEST_PAUSE_S


class LeaseHeld(RuntimeError):
    """Another live process writes this run folder."""


class LeaseLost(RuntimeError):
    """A later attempt has taken this run folder over."""


@dataclass(frozen=True)
class Lease:
    """Proof of being the writer of a run folder."""

    folder: RunFolder
    content: LeaseRecord

    def check(self) -> None:
        """Raises LeaseLost. To be called before every write."""
        held = LeaseRecord.read(self.folder.lease_file)
        if held != self.content:
            by = "nobody" if held is None else f"job {held.job}, attempt {held.restart}"
            raise LeaseLost(f"{self.folder.path} is now written by {by}; this attempt stops")

    def renew(self) -> None:
        """Show other hosts that the holder lives."""
        if LeaseRecord.read(self.folder.lease_file) == self.content:
            os.utime(self.folder.lease_file)


@contextmanager
def hold_lease(folder: RunFolder, job: str, restart: int) -> Iterator[Lease]:
    """Hold a run folder. Raises LeaseHeld while another live process does, but for an earlier attempt of the job."""
    me = psutil.Process()
    mine = LeaseRecord(
        host=socket.gethostname(), pid=me.pid, started=me.create_time(), job=job, restart=restart, time=utc_now()
    )
    lease = Lease(folder, mine)
    with locked(folder.lease_file.with_suffix(".lock")):
        holder = live_holder(folder)
        if holder is not None and not (holder.job == job and holder.restart < restart):
            by = f"process {holder.pid} on {holder.host}, job {holder.job}"
            raise LeaseHeld(f"{folder.path} is written by {by}")
        lease.content.write(folder.lease_file)
    try:
        yield lease
    finally:
        if LeaseRecord.read(folder.lease_file) == lease.content:
            folder.lease_file.unlink(missing_ok=True)


def live_holder(folder: RunFolder) -> LeaseRecord | None:
    """The lease of a process that lives, or None."""
    content = LeaseRecord.read(folder.lease_file)
    if content is None:
        return None
    if content.host != socket.gethostname():
        age_s = time.time() - folder.lease_file.stat().st_mtime
        return content if age_s < STALE_S else None
    if content.pid == os.getpid():
        return None  # on this host alone: in containers of two nodes the numbers are often the same
    try:
        process = psutil.Process(content.pid)
        alive = process.create_time() == content.started and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return content if alive else None


def is_held_by(folder: RunFolder, job: str) -> bool:
    """Whether a process of this job holds the folder and lives."""
    holder = live_holder(folder)
    return holder is not None and holder.job == job
