"""Trials packed into jobs: a Cluster (submit.py) over the one that runs the jobs.

What is sent is a ticket for each trial, into the sweep's queue, and as many jobs as their places need; the keepers of
the jobs take the tickets (workloads/packed). A job is sent, found again after a fault and followed as a trial's own job
would be: to the cluster below, its folder is a run folder.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heatmark.foundation.files import sync_folder
from heatmark.pipeline.submit import Cluster, JobStatus
from heatmark.workloads.lease import live_holder
from heatmark.workloads.packed.files import (
    PackEnd,
    PackFolder,
    PackRecord,
    Packs,
    PlaceEvent,
    Ticket,
    signature_of,
)
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.job_record import UNKNOWN_JOB, JobRecord

# States of a ticket that no cluster has a word for: its job saved it and ended; its job is gone, and it with it.
INTERRUPTED = "INTERRUPTED"
WAITING = "PENDING"


@dataclass(frozen=True)
class _Place:
    """Where the newest ticket of a trial is: in a job's folder, or in the queue (None)."""

    name: str
    pack: PackFolder | None


class PackedCluster:
    """below: runs the jobs. record: how each shares its nodes out. most: jobs at a time.

    supplies: whether jobs are sent for tickets that wait; without, this only looks, for another sweep's driver.
    """

    def __init__(self, below: Cluster, sweep: Path, record: PackRecord, most: int, supplies: bool = True) -> None:
        self.below, self.packs, self.record, self.most, self.supplies = below, Packs(sweep), record, most, supplies
        self.name, self.gather_s, self.notes = below.name, below.gather_s, below.notes
        self.waits_for: str | None = None
        self._ended: dict[str, str] = {}
        self._events: dict[str, tuple[int, dict[str, PlaceEvent]]] = {}
        self._ids: dict[str, str] = {}
        self._alive: dict[str, JobStatus] = {}

    def submit(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        """A ticket for each, and jobs for them. Raises SubmitRefused where no job will ever be taken."""
        self._withdraw_old(folders)
        ids = self.packs.put(folders)
        self._supply()
        return ids

    def _withdraw_old(self, folders: Sequence[RunFolder]) -> None:
        """What is left of earlier tickets of these trials in jobs that have ended: a job may come back to life."""
        places = self._places({folder.signature for folder in folders})
        for place in places.values():
            if place.pack is None or place.pack.name in self._ended:
                self.packs.withdraw(place.name, place.pack)

    def jobs(self, folders: Sequence[RunFolder]) -> dict[str, JobStatus]:
        self._look_at_packs()
        wanted = {folder.signature: folder for folder in folders}
        places = self._places(set(wanted))
        found = {
            signature: status
            for signature, place in places.items()
            if (status := self._status(place, wanted[signature])) is not None
        }
        if self.supplies and any(place.pack is None for place in places.values()):
            self._supply()
        return found

    def log_of(self, folder: RunFolder, job_id: str) -> Path:
        """The trial's own log, or that of a job that ended before it had begun anything."""
        own = folder.log / f"{job_id}_0_log.out"
        place = self._places({folder.signature}).get(folder.signature)
        if own.exists() or place is None or place.pack is None:
            return own
        job = place.pack.as_run.job()
        return own if job is None or job.job_id is None else self.below.log_of(place.pack.as_run, job.job_id)

    def cancel(self, folder: RunFolder) -> None:
        """Take its ticket out of the queue, or ask the keeper that has it to stop it. It leaves the others alone."""
        place = self._places({folder.signature}).get(folder.signature)
        if place is None or (place.pack is None and self.packs.withdraw(place.name)):
            return
        if place.pack is None:  # a keeper was quicker
            place = self._places({folder.signature}).get(folder.signature)
        if place is not None and place.pack is not None:
            marker = place.pack.cancel_file(place.name)
            marker.parent.mkdir(exist_ok=True)
            marker.touch()

    def _places(self, signatures: set[str]) -> dict[str, _Place]:
        """The newest ticket of each of these trials."""
        found: dict[str, _Place] = {}
        packs: list[PackFolder | None] = [None, *self.packs.folders()]
        for pack in packs:
            for name in pack.taken() if pack else self.packs.waiting():
                signature = signature_of(name)
                if signature in signatures and (signature not in found or found[signature].name < name):
                    found[signature] = _Place(name, pack)
        return found

    def _status(self, place: _Place, folder: RunFolder) -> JobStatus | None:
        """What is known of a ticket. None for one that waits in the queue of a sweep that nobody drives."""
        job_id = self._id_of(place)
        if place.pack is None:
            return self._waiting(place, job_id)
        last = self._last_event(place.name, place.pack)
        if last is not None and last.what == "ended" and last.how != "interrupted":
            return JobStatus(job_id, "COMPLETED" if last.how == "finished" else "FAILED", alive=False)
        status = self._alive.get(place.pack.name)
        if status is not None:
            return JobStatus(job_id, status.state, alive=True, stuck=status.stuck, waits_for=status.waits_for)
        holder = live_holder(folder)
        if holder is not None and holder.job == job_id:  # saving, though its keeper is gone
            return JobStatus(job_id, "RUNNING", alive=True)
        state = self._ended.get(place.pack.name, "GONE")
        saved = last is not None and last.how == "interrupted"
        return JobStatus(job_id, INTERRUPTED if saved or state == "GONE" else state, alive=False)

    def _waiting(self, place: _Place, job_id: str) -> JobStatus | None:
        """In the queue: it waits for what the jobs wait for, or for a place in one that runs."""
        if not self.supplies and not self._alive:
            return None if self.packs.withdraw(place.name) else JobStatus(job_id, WAITING, alive=True)
        pending = [status for status in self._alive.values() if status.state != "RUNNING"]
        if not pending or len(pending) < len(self._alive):
            words = self.waits_for if not self._alive else None
            return JobStatus(job_id, WAITING, alive=True, waits_for=words)
        stuck = next((status.stuck for status in pending if status.stuck), None)
        all_stuck = all(status.stuck for status in pending)
        first = pending[0]
        return JobStatus(
            job_id,
            WAITING,
            alive=True,
            stuck=stuck if all_stuck else None,
            waits_for=first.waits_for,
            usual=first.usual,
        )

    def _id_of(self, place: _Place) -> str:
        if place.name not in self._ids:
            folder = place.pack.tickets if place.pack else self.packs.queue
            ticket = Ticket.read(folder / f"{place.name}.json")
            if ticket is None:
                return UNKNOWN_JOB  # on its way from the queue to a job in this moment
            self._ids[place.name] = ticket.id
        return self._ids[place.name]

    def _last_event(self, name: str, pack: PackFolder) -> PlaceEvent | None:
        """Of a ticket, as of the last look at the packs."""
        return self._events[pack.name][1].get(name) if pack.name in self._events else None

    def _read_events(self, pack: PackFolder) -> None:
        offset, last = self._events.get(pack.name, (0, {}))
        events, offset = PlaceEvent.read_all(pack.events_file, offset)
        self._events[pack.name] = (offset, last | {event.ticket: event for event in events})

    def _look_at_packs(self) -> None:
        """Which jobs live, and what is to be told of those that have ended since."""
        packs = list(self.packs.folders())
        known = [pack for pack in packs if not self._has_ended(pack)]
        statuses = self.below.jobs([pack.as_run for pack in known]) if known else {}
        self._alive = {name: status for name, status in statuses.items() if status.alive}
        for pack in known:
            status = statuses.get(pack.name)
            if pack.name not in self._alive and (status is not None or pack.as_run.job() is not None):
                self._note_end(pack, status.state if status else "GONE")
        for pack in packs:  # after what the cluster says: a job that has ended has written its last
            if pack in known or pack.name not in self._events:
                self._read_events(pack)

    def _has_ended(self, pack: PackFolder) -> bool:
        if pack.name not in self._ended and (end := PackEnd.read(pack.ended_file)) is not None:
            self._ended[pack.name] = end.state
        return pack.name in self._ended

    def _note_end(self, pack: PackFolder, state: str) -> None:
        """One that ended before it had taken anything, though there was work, is the end of what it would have had."""
        self._ended[pack.name] = state
        PackEnd(state=state, time=time.time()).write(pack.ended_file)
        if not pack.events_file.exists() and not pack.taken():
            for name in self.packs.waiting()[: self.record.places]:
                self.packs.take(name, pack)

    def _supply(self) -> None:
        """Send as many jobs as those that wait need beside the places there are. Raises SubmitRefused."""
        known = [pack for pack in self.packs.folders() if not self._has_ended(pack)]
        unsent = [pack for pack in known if pack.name not in self._alive and pack.as_run.job() is None]
        alive = [pack for pack in known if pack.name in self._alive]
        busy = sum(self._open_tickets(pack) for pack in alive)
        needed = min(self.most, math.ceil((busy + len(self.packs.waiting())) / self.record.places)) - len(alive)
        if needed <= 0:
            return
        unsent += [self._new() for _ in range(needed - len(unsent))]
        sent = self.below.submit([pack.as_run for pack in unsent[:needed]])
        self.waits_for = self.below.waits_for
        for pack in unsent:
            if pack.name in sent:
                job = JobRecord.new(self.below.name).pending().submitted(sent[pack.name], adopted=False)
                job.write(pack.as_run.job_file)
                self._alive[pack.name] = JobStatus(sent[pack.name], WAITING, alive=True)
                self.notes.append(f"job {sent[pack.name]} with {self.record.places} places is sent")

    def _open_tickets(self, pack: PackFolder) -> int:
        last = [self._last_event(name, pack) for name in pack.taken()]
        return sum(event is None or event.what == "began" or event.how == "interrupted" for event in last)

    def _new(self) -> PackFolder:
        pack = PackFolder(self.packs.path / f"pack-{time.time_ns() // 1_000_000}-{secrets.token_hex(2)}")
        pack.tickets.mkdir(parents=True)
        self.record.write(pack.path / "spec.json")
        sync_folder(self.packs.path)
        return pack


def packs_for(trials: int, places: int, parallel: int) -> int:
    """How many jobs of so many places are sent for trials of which `parallel` are in flight at a time."""
    return min(math.ceil(trials / places), most_packs(places, parallel))


def most_packs(places: int, parallel: int) -> int:
    """Jobs at a time: so many that no more places than trials in flight are held."""
    return max(1, parallel // places)


def pack_jobs(packs: Sequence[PackFolder]) -> Mapping[str, str]:
    """The ids of their jobs, by the packs' names, of those that were sent."""
    return {pack.name: job.job_id for pack in packs if (job := pack.as_run.job()) is not None and job.job_id}
