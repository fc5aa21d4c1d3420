"""One writer per run folder: rank 0 of a job holds the folder's lease while it lives."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from heatmark.workloads.run_folder import RunFolder, read_json, utc_now, write_json


class LeaseHeld(RuntimeError):
    """Another live process writes this run folder."""


@contextmanager
def lease(folder: RunFolder, job: str) -> Iterator[None]:
    """Hold a run folder. Raises LeaseHeld while another live process does; a dead holder's lease is taken over."""
    me = psutil.Process()
    content = {"host": socket.gethostname(), "pid": me.pid, "started": me.create_time(), "job": job, "time": utc_now()}
    with folder.lease_file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        holder = live_holder(folder)
        if holder is not None:
            raise LeaseHeld(f"{folder.path} is being written by process {holder['pid']} of job {holder['job']}")
        write_json(folder.lease_file, content)
    try:
        yield
    finally:
        if (read_json(folder.lease_file) or {}).get("pid") == os.getpid():
            folder.lease_file.unlink(missing_ok=True)


def live_holder(folder: RunFolder) -> dict[str, Any] | None:
    """The lease of a process that is alive on this host, or None."""
    content = read_json(folder.lease_file)
    if content is None or content["host"] != socket.gethostname() or content["pid"] == os.getpid():
        return None
    try:
        process = psutil.Process(content["pid"])
        alive = process.create_time() == content["started"] and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return content if alive else None
