"""lease.json: the process that holds the run folder. How it is held: workloads/lease.py."""

from __future__ import annotations

from typing import ClassVar

from heatmark.workloads.run_folder.record import Record


class LeaseRecord(Record):
    """started: of the process, in seconds since 1970. job, restart: as in events.jsonl. time: when it was taken."""

    UNNUMBERED: ClassVar[int | None] = 1

    host: str
    pid: int
    started: float
    job: str
    restart: int
    time: str
