"""What is in <sweep>/packs: the queue of tickets, and a folder for every packed job.

    queue/<ticket>.json            a trial that waits for a place; the first in order of names is the next
    withdrawn/<ticket>.json        one that is no longer wanted there
    <pack>/spec.json               how the job shares its nodes out (PackRecord)
    <pack>/job.json                the job it was sent as (run_folder/job_record.py)
    <pack>/tickets/<ticket>.json   those that the job has taken
    <pack>/events.jsonl            when it began and ended each of them (PlaceEvent), appended by its keeper
    <pack>/cancel/<ticket>         asks the keeper to stop that one
    <pack>/lease.json              the keeper, as a trial's rank 0 has one (lease_record.py)
    <pack>/ended.json              seen to have ended, by a driver

A ticket is never changed, only moved, by a rename that one process wins: it is in one place at any time.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from heatmark.foundation.files import sync_folder
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.record import Record

# interrupted: to be started again, by this job or another.
How = Literal["finished", "failed", "cancelled", "interrupted"]


class PackRecord(Record):
    """How a job shares its nodes out.

    launcher: of a place's processes, `srun` or `local`. places: trials side by side. nodes, ranks, cpus_per_rank: of
    each trial, ranks on each node. step: the shell text of a trial's command, to which the path of its spec is added.
    srun: options of srun's own, as shell text. gpus: srun's option for the GPUs of one place. warned_s: how long before
    its end a job is warned. linger_s: how long an idle job waits for more. stream_makers: processes that make batches
    for all its trials (workloads/shared_stream), 0 where each trial makes its own.
    """

    launcher: Literal["srun", "local"]
    places: int
    nodes: int
    ranks: int
    cpus_per_rank: int
    step: str
    srun: str = ""
    gpus: str | None = None
    warned_s: float
    linger_s: float
    stream_makers: int = 0


class Ticket(Record):
    """A trial that is to be run once. id: what the trial's job is called. spec: its file."""

    id: str
    signature: str
    spec: str


class PlaceEvent(Record):
    """A trial began or ended in a place of a job, counted from 0. time: seconds since 1970.

    restart: how often this ticket had begun before. code: what its process ended with.
    """

    ticket: str
    what: Literal["began", "ended"]
    time: float
    place: int
    restart: int
    how: How | None = None
    code: int | None = None


class PackEnd(Record):
    """A job that a driver has seen end, in the cluster's word for it."""

    state: str
    time: float


@dataclass(frozen=True)
class PackFolder:
    """One packed job."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def as_run(self) -> RunFolder:
        """For what handles jobs by their run folders: spec, job and lease have the same names here."""
        return RunFolder(self.path)

    @property
    def tickets(self) -> Path:
        return self.path / "tickets"

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    def cancel_file(self, ticket: str) -> Path:
        """Where it is, the keeper stops that ticket's trial."""
        return self.path / "cancel" / ticket

    @property
    def ended_file(self) -> Path:
        return self.path / "ended.json"

    def record(self) -> PackRecord | None:
        return PackRecord.read(self.path / "spec.json")

    def events(self) -> list[PlaceEvent]:
        return PlaceEvent.read_all(self.events_file)[0]

    def taken(self) -> list[str]:
        """The names of the tickets that it has, the oldest first."""
        return _names_in(self.tickets)

    def unfinished(self) -> dict[str, int]:
        """The tickets it has to bring to an end, with how often each has begun."""
        begun: dict[str, int] = {}
        ended: set[str] = set()
        for event in self.events():
            if event.what == "began":
                begun[event.ticket] = event.restart + 1
            elif event.how != "interrupted":
                ended.add(event.ticket)
        return {name: begun.get(name, 0) for name in self.taken() if name not in ended}


@dataclass(frozen=True)
class Packs:
    """All of a sweep."""

    sweep: Path

    @property
    def path(self) -> Path:
        return self.sweep / "packs"

    @property
    def queue(self) -> Path:
        return self.path / "queue"

    def waiting(self) -> list[str]:
        """The names of the tickets that no job has taken, the next one first."""
        return _names_in(self.queue)

    def folders(self) -> Iterator[PackFolder]:
        """Every job's folder."""
        for path in sorted(self.path.glob("*/spec.json")):
            yield PackFolder(path.parent)

    def put(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        """Tickets for trials, in this order, behind those that wait. Returns the tickets' ids, by signature."""
        now = time.time_ns()
        ids: dict[str, str] = {}
        for position, folder in enumerate(folders):
            ids[folder.signature] = f"p{secrets.token_hex(4)}"
            ticket = Ticket(id=ids[folder.signature], signature=folder.signature, spec=str(folder.spec_file))
            ticket.write(self.queue / f"{now:020d}-{position:05d}-{folder.signature}.json")
        return ids

    def take(self, name: str, pack: PackFolder) -> bool:
        """Move a ticket from the queue to a job. False where another job was quicker, or it was withdrawn."""
        return _move(self.queue / f"{name}.json", pack.tickets / f"{name}.json")

    def withdraw(self, name: str, pack: PackFolder | None = None) -> bool:
        """Move a ticket out of the queue or of a job that has ended. False where it is there no longer."""
        source = pack.tickets if pack else self.queue
        return _move(source / f"{name}.json", self.path / "withdrawn" / f"{name}.json")


def signature_of(name: str) -> str:
    """The trial of a ticket, by the ticket's name."""
    return name.rpartition("-")[2]


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(path.stem for path in folder.iterdir() if path.suffix == ".json" and path.name[0] != ".")
    except FileNotFoundError:
        return []


def _move(source: Path, target: Path) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except FileNotFoundError:
        # Over NFS a rename whose answer was lost is asked again, and fails the second time.
        return target.exists() and not source.exists()
    sync_folder(target.parent)
    return True
