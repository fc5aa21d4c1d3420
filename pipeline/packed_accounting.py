"""What trials cost that ran in packed jobs: their shares of the jobs' hours, and the hours that places stood idle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from heatmark.foundation.command import CommandFailed
from heatmark.pipeline.accounting import LAG_S, Attempt, ask, checkpoint_times, cost, ended_at
from heatmark.pipeline.packed_cluster import pack_jobs
from heatmark.workloads.packed.files import PackFolder, Packs, PlaceEvent, signature_of
from heatmark.workloads.run_folder.folder import RunFolder


@dataclass(frozen=True)
class Shares:
    """of_trials: their runs in places, by signature. total, idle: CPU-hours and GPU-hours of the jobs."""

    of_trials: Mapping[str, Sequence[Attempt]]
    total: tuple[float, float]
    idle: tuple[float, float]


def shares(runs: Mapping[str, Sequence[Attempt]], packs: Sequence[PackFolder]) -> Shares:
    """Share out what the packs' jobs took. runs: of each job, by the pack's name: a requeued job has several."""
    of_trials: dict[str, list[Attempt]] = {}
    total, used = [0.0, 0.0], [0.0, 0.0]
    for pack in packs:
        record = pack.record()
        places = record.places if record else 1
        attempts = runs.get(pack.name, ())
        for attempt in attempts:
            _add(total, attempt, attempt.elapsed_s)
        for begun, ended in _spans(pack.events()):
            whole = next((each for each in attempts if each.start - 1 <= begun.time <= each.end), None)
            if whole is None:
                continue  # accounting has not heard of it yet
            end = min(ended.time, whole.end) if ended else whole.end
            good = ended is not None and ended.how in ("finished", "cancelled")
            part = replace(
                whole,
                state="COMPLETED" if good else whole.state if ended is None else "FAILED",
                start=begun.time,
                end=max(end, begun.time),
                elapsed_s=max(0.0, end - begun.time),
                cpus=whole.cpus / places,
                gpus=whole.gpus / places,
            )
            of_trials.setdefault(signature_of(begun.ticket), []).append(part)
            _add(used, part, part.elapsed_s)
    idle = (max(0.0, total[0] - used[0]), max(0.0, total[1] - used[1]))
    return Shares(of_trials, (total[0], total[1]), idle)


def _add(hours: list[float], attempt: Attempt, seconds: float) -> None:
    hours[0] += seconds * attempt.cpus / 3600
    hours[1] += seconds * attempt.gpus / 3600


def _spans(events: Sequence[PlaceEvent]) -> list[tuple[PlaceEvent, PlaceEvent | None]]:
    """Every run of a ticket, with its end where the keeper saw it."""
    ends = {(event.ticket, event.restart): event for event in events if event.what == "ended"}
    return [(event, ends.get((event.ticket, event.restart))) for event in events if event.what == "began"]


def account_packs(
    folders: Sequence[RunFolder], sweep: Path, log: Callable[[str], None], clusters: str | None = None
) -> frozenset[str]:
    """Write accounting.json of the trials that ran in the sweep's packed jobs, and tell the idle hours.

    Returns the signatures of those trials. clusters: as for sacct's `-M`.
    """
    packs = list(Packs(sweep).folders())
    jobs = pack_jobs(packs)
    taken = frozenset(signature_of(name) for pack in packs for name in pack.taken())
    own = [folder for folder in folders if folder.signature in taken]
    if not jobs or not own:
        return frozenset()
    until = max(ended_at(folder) for folder in own) + LAG_S
    try:
        attempts, missing = ask(sorted(jobs.values()), until, clusters)
    except CommandFailed as error:
        log(f"no CPU-hours, as accounting does not answer: {error.said}")
        return taken
    if missing:
        log(f"accounting lacks the end of jobs {', '.join(missing)}; the same sweep, run again, fills it in")
    runs = {name: [each for each in attempts if each.job_id == job_id] for name, job_id in jobs.items()}
    found = shares(runs, packs)
    for folder in own:
        parts = found.of_trials.get(folder.signature, ())
        earlier = folder.cost()
        if len(parts) > (earlier.attempts if earlier else 0):
            cost(parts, checkpoint_times(folder)).write(folder.accounting_file)
    _tell(found, len(jobs), log)
    return taken


def _tell(found: Shares, jobs: int, log: Callable[[str], None]) -> None:
    for total, idle, what in zip(found.total, found.idle, ("CPU", "GPU"), strict=True):
        if total:
            log(
                f"packed jobs: {total:.2f} {what}-hours in {jobs} job{'s' if jobs > 1 else ''}, of which places stood "
                f"idle for {idle:.2f} ({idle / total:.0%})"
            )
