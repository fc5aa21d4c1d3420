"""Processes of a sweep, found by the mark that its driver's environment carries: every job and helper inherits it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heatmark.workloads.launch import IN_PLACE

MARK = "HEATMARK_CHAOS"


@dataclass(frozen=True)
class Rank:
    """A process that trains. job_id: `A_i` as squeue has it."""

    pid: int
    signature: str
    rank: int
    job_id: str
    node: str


def marked(mark: str) -> Iterator[tuple[int, list[str], dict[str, str]]]:
    """Process id, command line and environment of every process with this mark."""
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            raw = (folder / "environ").read_bytes()
            if wanted not in raw.split(b"\0"):
                continue
            arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except OSError:
            continue
        pairs = (item.partition("=") for item in raw.decode(errors="replace").split("\0"))
        if arguments:  # a zombie has none
            yield int(folder.name), arguments, {name: value for name, _, value in pairs}


def ranks(mark: str) -> list[Rank]:
    """Every rank that lives now."""
    found = []
    for pid, arguments, environment in marked(mark):
        if "python" not in Path(arguments[0]).name or "heatmark.workloads.job" not in arguments:
            continue
        index = int(environment.get("SLURM_ARRAY_TASK_ID", "0"))
        number = environment.get("SLURM_ARRAY_JOB_ID", environment.get("SLURM_JOB_ID", "?"))
        in_place = IN_PLACE in environment
        try:
            path = Path(arguments[-1])
            signature = path.parent.name if in_place else json.loads(path.read_text())["signatures"][index]
        except (OSError, ValueError, LookupError):
            continue
        node = environment.get("SLURMD_NODENAME", "?")
        found.append(Rank(pid, signature, int(environment.get("SLURM_PROCID", "0")), f"{number}_{index}", node))
    return sorted(found, key=lambda each: (each.signature, each.rank))


def mirrors(mark: str) -> list[int]:
    return [pid for pid, arguments, _ in marked(mark) if "heatmark.pipeline.mirror" in arguments]
