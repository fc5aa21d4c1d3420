"""The decision of a person or of the scheduler against a trial.

cancel.json of the run folder: its job is to end. given_up/<signature>.json of a sweep's folder: this sweep wants the
trial no longer, which ends its job only where no other sweep's driver wants it.
"""

from __future__ import annotations

from typing import Literal

from heatmark.workloads.run_folder.record import Record


class Decision(Record):
    """by: `user` may take it back by running the sweep again; what the `scheduler` stopped stays so."""

    by: Literal["user", "scheduler"]
    reason: str
    time: str
