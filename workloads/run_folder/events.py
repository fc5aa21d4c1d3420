"""events.jsonl: every start, checkpoint and end of an attempt, appended by rank 0."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import read_lines
from heatmark.workloads.run_folder.record import Record

# `requeue`: saved, and to be run again. `stopped`: saved, as a person asked.
How = Literal["finished", "requeue", "stopped"]


class Event(Record):
    """attempt: counted from 0. time: UTC, ISO 8601."""

    UNNUMBERED: ClassVar[int | None] = 1

    attempt: int
    time: str


class Started(Event):
    """job: its id in the cluster. restart: how often the cluster started that job before."""

    event: Literal["start"] = "start"
    job: str
    restart: int
    ranks: int
    nodes: int


class Saved(Event):
    """A checkpoint is in place."""

    event: Literal["checkpoint"] = "checkpoint"
    step: int


class Ended(Event):
    """An attempt ended in order; one that was killed or failed says nothing."""

    event: Literal["end"] = "end"
    how: How
    step: int


KINDS: Mapping[Any, type[Started | Saved | Ended]] = {"start": Started, "checkpoint": Saved, "end": Ended}


def read_events(path: Path) -> list[Started | Saved | Ended]:
    """What happened to the trial, in order. Raises InputError naming file and key."""
    return [_event(line, str(path)) for line in read_lines(path)[0]]


def _event(line: Any, where: str) -> Started | Saved | Ended:
    kind = KINDS.get(line.get("event")) if isinstance(line, dict) else None
    if kind is None:
        raise InputError(f"{where}: key event: none of {', '.join(KINDS)}; restore the file or remove it")
    return kind.of(line, where)
