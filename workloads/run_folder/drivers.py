"""Which sweeps' drivers look after a trial: drivers.json of its run folder and open.json of a sweep's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from heatmark.workloads.run_folder.record import Record


class Drivers(Record):
    """sweeps: the names of those whose drivers have looked after the trial, the newest last: any may have sent a job.

    Whether one does so now, the lock beside it says (driver.lock).
    """

    sweeps: Sequence[str]


class OpenTrials(Record):
    """signatures: what the driver of a sweep still wants. Of no meaning where no driver holds the sweep's lock."""

    signatures: Sequence[str]


def open_file(sweep: Path) -> Path:
    """Where a sweep's driver writes down what it wants."""
    return sweep / "open.json"


def driver_lock(folder: Path) -> Path:
    """Of a sweep or of a run folder: held as long as a driver works on it, and it says which."""
    return folder / "driver.lock"
