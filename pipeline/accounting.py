"""What a trial cost, from SLURM's accounting: CPU-hours, GPU-hours, and those wasted after the last checkpoint.

A requeued job keeps its id, and sacct shows all its attempts only with --duplicates.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from heatmark.workloads.command import CommandFailed, run_command
from heatmark.workloads.run_folder import Record, RunFolder, write_json

FIELDS = "JobID,State,Start,End,ElapsedRaw,AllocCPUS,AllocTRES"
# slurmdbd writes the end of a job down a little later.
TRIES, WAIT_S = 5, 2.0


@dataclass(frozen=True)
class Attempt:
    """One line of sacct: a run of a job, from its start to its end in seconds since 1970."""

    job_id: str
    state: str
    start: float
    end: float
    elapsed_s: float
    cpus: int
    gpus: int


def parse_attempts(out: str) -> list[Attempt]:
    """The runs in sacct's answer that have started and ended."""
    attempts = []
    for line in out.splitlines():
        job_id, state, start, end, elapsed, cpus, tres = line.split("|")
        if "Unknown" in (start, end) or "None" in (start, end):
            continue
        word = state.split()[0]
        attempts.append(Attempt(job_id, word, _utc(start), _utc(end), float(elapsed), int(cpus or 0), _gpus(tres)))
    return attempts


def _utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def _gpus(tres: str) -> int:
    for part in tres.split(","):
        name, _, count = part.partition("=")
        if name == "gres/gpu":
            return int(count)
    return 0


def cost(attempts: Sequence[Attempt], checkpoints: Sequence[float]) -> Record:
    """Hours of all attempts of a trial, and those of the time between its last checkpoint and a bad end.

    checkpoints: times in seconds since 1970.
    """
    wasted_s = {attempt: _lost_s(attempt, checkpoints) for attempt in attempts}
    return {
        "schema_version": 1,
        "attempts": len(attempts),
        "states": [attempt.state for attempt in attempts],
        "cpu_hours": sum(attempt.elapsed_s * attempt.cpus for attempt in attempts) / 3600,
        "gpu_hours": sum(attempt.elapsed_s * attempt.gpus for attempt in attempts) / 3600,
        "wasted_cpu_hours": sum(wasted_s[attempt] * attempt.cpus for attempt in attempts) / 3600,
        "wasted_gpu_hours": sum(wasted_s[attempt] * attempt.gpus for attempt in attempts) / 3600,
    }


def _lost_s(attempt: Attempt, checkpoints: Sequence[float]) -> float:
    if attempt.state == "COMPLETED":
        return 0.0
    saved = [moment for moment in checkpoints if attempt.start <= moment <= attempt.end]
    return attempt.end - max(saved, default=attempt.start)


def account(folders: Sequence[RunFolder]) -> int:
    """Write accounting.json into every run folder whose jobs sacct knows. Returns how many; 0 without slurmdbd."""
    ids = {folder: _job_ids(folder) for folder in folders}
    wanted = sorted({job_id for own in ids.values() for job_id in own})
    attempts = _ask(wanted) if wanted else []
    done = 0
    for folder, own in ids.items():
        found = [attempt for attempt in attempts if attempt.job_id in own]
        if found:
            write_json(folder.accounting_file, cost(found, _checkpoint_times(folder)))
            done += 1
    return done


def _job_ids(folder: RunFolder) -> set[str]:
    job = folder.job() or {"submissions": []}
    return {each["job_id"] for each in [*job.get("earlier", []), *job["submissions"]] if each["job_id"] != "unknown"}


def _checkpoint_times(folder: RunFolder) -> list[float]:
    times = [event["time"] for event in folder.events() if event["event"] == "checkpoint"]
    return [datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() for text in times]


def _ask(job_ids: Sequence[str]) -> list[Attempt]:
    command = ["sacct", "-X", "-D", "-n", "-P", "-j", ",".join(job_ids), "-o", FIELDS]
    attempts: list[Attempt] = []
    for attempt in range(TRIES):
        try:
            out = run_command(command, environment={**os.environ, "TZ": "UTC"})
        except CommandFailed:
            return attempts
        attempts = parse_attempts(out)
        if len(attempts) == len(out.splitlines()) and {each.job_id for each in attempts} >= set(job_ids):
            break
        if attempt < TRIES - 1:
            time.sleep(WAIT_S)
    return attempts
