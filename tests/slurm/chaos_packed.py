"""Trials in places of packed jobs, as the faults and the verdict see them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from heatmark.workloads.packed.files import Packs, Ticket, signature_of


def is_packed(sweep: Path) -> bool:
    return Packs(sweep).path.is_dir()


def waiting_in(sweep: Path, pending: Iterable[str]) -> dict[str, list[str]]:
    """The trials that no keeper has now, by the job that will: `pending` jobs, or the queue (empty name)."""
    packs = Packs(sweep)
    names = set(pending)
    found = {pack.name: [signature_of(name) for name in pack.unfinished()] for pack in packs.folders()}
    return {"": [signature_of(name) for name in packs.waiting()]} | {
        name: signatures for name, signatures in found.items() if name in names
    }


def tickets(sweep: Path) -> dict[str, list[str]]:
    """The ids of all tickets that there ever were, by trial."""
    found: dict[str, list[str]] = {}
    for path in sorted(Packs(sweep).path.glob("**/*.json")):
        if path.parent.name in ("queue", "withdrawn", "tickets") and (ticket := Ticket.read(path)) is not None:
            found.setdefault(ticket.signature, []).append(ticket.id)
    return found


def begun(sweep: Path) -> dict[str, set[str]]:
    """Those that a keeper began, by trial."""
    ids: dict[str, set[str]] = {}
    for pack in Packs(sweep).folders():
        for name in {event.ticket for event in pack.events() if event.what == "began"}:
            for folder in (pack.tickets, Packs(sweep).path / "withdrawn"):
                if (ticket := Ticket.read(folder / f"{name}.json")) is not None:
                    ids.setdefault(ticket.signature, set()).add(ticket.id)
    return ids


def tickets_on_record(sweep: Path, recorded: dict[str, list[str]]) -> list[str]:
    """What job.json says was sent, against the tickets. recorded: ids by trial."""
    known, started = tickets(sweep), begun(sweep)
    wrong = []
    for signature, ids in recorded.items():
        if lacking := started.get(signature, set()) - set(ids):
            wrong.append(f"{signature}: began and not on record: {', '.join(sorted(lacking))}")
        if invented := set(ids) - set(known.get(signature, [])):
            wrong.append(f"{signature}: on record without a ticket: {', '.join(sorted(invented))}")
        if len(ids) != len(set(ids)):
            wrong.append(f"{signature}: on record twice: {ids}")
    return wrong
