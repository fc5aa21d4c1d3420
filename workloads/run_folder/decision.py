"""cancel.json: the decision to cancel a trial, of a person or of the scheduler."""

from __future__ import annotations

from typing import Literal

from heatmark.workloads.run_folder.record import Record


class Decision(Record):
    """by: `user` may take it back by running the sweep again; what the `scheduler` stopped stays so."""

    by: Literal["user", "scheduler"]
    reason: str
    time: str
