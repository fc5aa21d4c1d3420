"""heartbeats/rank-<r>.json: the last sign of life of every rank."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from heatmark.workloads.run_folder.record import Record


class Beat(Record):
    """step: optimizer steps taken. time: UTC, ISO 8601; how old the beat is, the file's own time says."""

    UNNUMBERED: ClassVar[int | None] = 1

    pid: int
    host: str
    step: int
    time: str


def beat_file(folder: Path, rank: int) -> Path:
    """folder: the run folder."""
    return folder / "heartbeats" / f"rank-{rank}.json"


def beats(folder: Path) -> Iterator[tuple[int, Beat, float]]:
    """Rank, beat and its age in seconds, of every rank that has given one."""
    for path in sorted((folder / "heartbeats").glob("rank-*.json")):
        try:
            age_s = time.time() - path.stat().st_mtime
            beat = Beat.read(path)
        except OSError:
            continue
        if beat is not None:
            yield int(path.stem.removeprefix("rank-")), beat, age_s


def clear_beats(folder: Path) -> None:
    """Those of an earlier attempt, which may have had more ranks."""
    for path in (folder / "heartbeats").glob("rank-*.json"):
        path.unlink(missing_ok=True)
