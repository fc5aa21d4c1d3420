"""What MLflow has of a trial as one of a sweep's, written by the sweep's mirror (pipeline/mirror.py) alone.

mlflow.json of a run folder that is the sweep's own, mirrored/<signature>.json of the sweep's folder where it is a link.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from heatmark.workloads.run_folder.record import Part, Record


class SentState(Part):
    """state: of job.json, or `finished`. attempts: starts of the trial's jobs. costed: whether its hours were there."""

    state: str
    job_id: str | None
    attempts: int
    costed: bool


def _first_version_of(values: dict[str, Any]) -> dict[str, Any]:
    """The first had no number, its state as four texts, and in the beginning neither identity nor parent."""
    state = values["state"]
    if state is not None:
        name, job_id, attempts, *costed = state
        values["state"] = {
            "state": name,
            "job_id": None if job_id == "None" else job_id,
            "attempts": int(attempts),
            "costed": costed == ["costed"],
        }
    return {"identity": None, "parent": None, **values}


class Mirrored(Record):
    """target: the database that it was sent to. run_id: the trial's run there. offset: bytes of metrics.jsonl sent,
    measured: of measurements.jsonl.

    identity: of the sweep's folder, None where an earlier version wrote none down. parent: the sweep's own run.
    """

    VERSION: ClassVar[int] = 3
    UNNUMBERED: ClassVar[int | None] = 1
    UPGRADES: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {
        1: _first_version_of,
        2: lambda values: {**values, "measured": 0},
    }

    target: str
    run_id: str
    offset: int
    measured: int
    state: SentState | None
    identity: str | None
    parent: str | None

    @property
    def place(self) -> tuple[str, str, int] | None:
        """The database's URI, the experiment in it and when that was made; None where an earlier version wrote less."""
        uri, *rest = self.target.rsplit(" ", 2)
        return (uri, rest[0], int(rest[1])) if len(rest) == 2 and rest[1].isdigit() else None
