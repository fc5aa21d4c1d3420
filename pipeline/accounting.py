"""What a trial cost, from SLURM's accounting: CPU-hours, GPU-hours, and those wasted after the last checkpoint.

A requeued job keeps its id, and sacct shows all its attempts only with --duplicates.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from heatmark.foundation.clock import moment, utc_now
from heatmark.foundation.command import CommandFailed, run_command
from heatmark.workloads.run_folder.cost import Cost
from heatmark.workloads.run_folder.events import Saved
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.slurm_environment import for_questions

FIELDS = "JobID,State,Start,End,ElapsedRaw,AllocCPUS,AllocTRES"
# slurmdbd writes the end of a job down a little later; this long after it, sacct is asked again for what it lacks.
LAG_S, WAIT_S = 60.0, 2.0
SWITCHED_OFF = "accounting storage is disabled"


@dataclass(frozen=True)
class Attempt:
    """One line of sacct: a run of a job, from its start to its end in seconds since 1970."""

    job_id: str
    state: str
    start: float
    end: float
    elapsed_s: float
    cpus: float
    gpus: float


def parse_attempts(out: str) -> list[Attempt]:
    """The runs in sacct's answer that have started and ended. Raises CommandFailed for what is no answer of sacct's."""
    attempts = []
    for line in out.splitlines():
        try:
            job_id, state, start, end, elapsed, cpus, tres = line.split("|")
            if "Unknown" in (start, end) or "None" in (start, end):
                continue
            word = state.split()[0]
            attempts.append(Attempt(job_id, word, _utc(start), _utc(end), float(elapsed), int(cpus or 0), _gpus(tres)))
        except (ValueError, IndexError) as error:
            raise CommandFailed(["sacct"], 0, f"no line of sacct: {line[:80]!r}") from error
    return attempts


def _utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def _gpus(tres: str) -> int:
    for part in tres.split(","):
        name, _, count = part.partition("=")
        if name == "gres/gpu":
            return int(count)
    return 0


def cost(attempts: Sequence[Attempt], checkpoints: Sequence[float]) -> Cost:
    """Hours of all attempts of a trial, and those of the time between its last checkpoint and a bad end.

    checkpoints: times in seconds since 1970.
    """
    wasted_s = {attempt: _lost_s(attempt, checkpoints) for attempt in attempts}
    return Cost(
        attempts=len(attempts),
        states=[attempt.state for attempt in attempts],
        cpu_hours=sum(attempt.elapsed_s * attempt.cpus for attempt in attempts) / 3600,
        gpu_hours=sum(attempt.elapsed_s * attempt.gpus for attempt in attempts) / 3600,
        wasted_cpu_hours=sum(wasted_s[attempt] * attempt.cpus for attempt in attempts) / 3600,
        wasted_gpu_hours=sum(wasted_s[attempt] * attempt.gpus for attempt in attempts) / 3600,
    )


def _lost_s(attempt: Attempt, checkpoints: Sequence[float]) -> float:
    if attempt.state == "COMPLETED":
        return 0.0
    saved = [moment for moment in checkpoints if attempt.start <= moment <= attempt.end]
    return attempt.end - max(saved, default=attempt.start)


def account(folders: Sequence[RunFolder], log: Callable[[str], None], clusters: str | None = None) -> int:
    """Write accounting.json into every run folder whose jobs sacct knows. Returns how many; 0 without slurmdbd.

    What sacct does not know yet is told, with the way to fill it in. What an earlier call knew and sacct has forgotten
    since is kept. clusters: as for sacct's `-M`.
    """
    ids = {folder: own for folder in folders if (own := _job_ids(folder))}
    if not ids:
        return 0
    try:
        attempts, missing = ask(sorted(set().union(*ids.values())), max(map(ended_at, ids)) + LAG_S, clusters)
    except CommandFailed as error:
        log(f"no CPU-hours, as accounting does not answer: {error.said}")
        return 0
    if missing:
        log(f"accounting lacks the end of jobs {', '.join(missing)}; the same sweep, run again, fills it in")
    known = 0
    for folder, own in ids.items():
        found = [attempt for attempt in attempts if attempt.job_id in own]
        earlier = folder.cost()
        if len(found) > (earlier.attempts if earlier else 0):
            cost(found, checkpoint_times(folder)).write(folder.accounting_file)
        known += bool(found)
    return known


def _job_ids(folder: RunFolder) -> set[str]:
    job = folder.job()
    return job.job_ids if job else set()


def ended_at(folder: RunFolder) -> float:
    """When the trial's job changed its state last, in seconds since 1970."""
    job = folder.job()
    return moment(job.time if job and job.time else utc_now())


def checkpoint_times(folder: RunFolder) -> list[float]:
    """Of every checkpoint of a trial, in seconds since 1970."""
    return [moment(event.time) for event in folder.events() if isinstance(event, Saved)]


def ask(job_ids: Sequence[str], until: float, clusters: str | None) -> tuple[list[Attempt], list[str]]:
    """The attempts of these jobs that have ended, and the jobs of which one is missing still. Raises CommandFailed.

    until: how long to ask again for those, in seconds since 1970.
    """
    where = ["-M", clusters] if clusters else []
    command = ["sacct", *where, "-X", "-D", "-n", "-P", "-j", ",".join(job_ids), "-o", FIELDS]
    while True:
        last = time.time() > until
        try:
            out = run_command(command, environment={**for_questions(), "TZ": "UTC"})
        except CommandFailed as error:
            if last or error.code is None or SWITCHED_OFF in error.said:
                raise
        else:
            attempts = parse_attempts(out)
            told = Counter(line.split("|")[0] for line in out.splitlines())
            ended = Counter(attempt.job_id for attempt in attempts)
            missing = [job_id for job_id in job_ids if ended[job_id] < max(told[job_id], 1)]
            if last or not missing:
                return attempts, missing
        time.sleep(WAIT_S)
