"""Which driver looks after a trial that several sweeps want: one at a time, by a lock in its run folder.

The lock dies with its holder, on whatever node that runs (foundation/file_lock.py): another driver that wants the trial
gets it then, finds its job by the sweeps that may have sent one (drivers.json), and goes on with it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from heatmark.foundation.clock import utc_now
from heatmark.foundation.file_lock import Held, hold, holder_of
from heatmark.pipeline.wanted_measurements import planned_again
from heatmark.workloads.run_folder.drivers import Drivers, OpenTrials, driver_lock, open_file
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.spec_file import write_spec
from heatmark.workloads.spec import TrialSpec


class Claims:
    """The trials that one driver looks after. trials: what is written into their run folders as they are taken."""

    def __init__(self, trials: Sequence[TrialSpec] = ()) -> None:
        self._trials = {trial.signature: trial for trial in trials}
        self._held: dict[str, IO[str]] = {}
        self._open: dict[str, RunFolder] = {}
        self._untold: set[Path] = set()

    def want(self, folders: Iterable[RunFolder]) -> None:
        """Tell other sweeps that these are wanted here until they are let go, though they may not have begun."""
        self._open = {folder.signature: folder for folder in folders}
        self._untold = {folder.path.parent for folder in self._open.values()}
        self.tell()

    def tell(self) -> None:
        """Write down what is wanted still, if that has changed: once for all that were let go in the meantime."""
        for sweep in self._untold.copy():
            OpenTrials(signatures=sorted(self._open)).write(open_file(sweep))
            self._untold.discard(sweep)

    def take(self, folder: RunFolder) -> str | None:
        """Look after a trial from now on. Returns who does so instead, in words, or None."""
        if folder.signature in self._held:
            return None
        try:
            self._held[folder.signature] = hold(driver_lock(folder.path), this_driver(folder.path.parent))
        except Held as held:
            return str(held)
        if folder.signature in self._trials:
            write_spec(folder.spec_file, planned_again(folder.spec(), self._trials[folder.signature]))
        if not _has_ended_well(folder):
            _note_driver(folder)
        return None

    @contextmanager
    def for_a_moment(self, folder: RunFolder) -> Iterator[bool]:
        """Whether nobody looks after a trial, and nobody can begin to until this is left."""
        try:
            file = hold(driver_lock(folder.path), this_driver(folder.path.parent))
        except Held:
            yield False
            return
        with file:
            yield True

    def let_go(self, folder: RunFolder) -> None:
        """The trial has ended here, or is left to another sweep: the others hear of it with the next `tell`."""
        if self._open.pop(folder.signature, None) is not None:
            self._untold.add(folder.path.parent)
        file = self._held.pop(folder.signature, None)
        if file is not None:
            file.close()

    def close(self) -> None:
        """Leave all trials to whoever wants them."""
        while self._held:
            self._held.popitem()[1].close()


def this_driver(sweep: Path) -> str:
    """Who holds a lock, for those who find it held."""
    return f"sweep {sweep.name}, process {os.getpid()} on {socket.gethostname()} since {utc_now()}"


def is_looked_after(folder: RunFolder) -> bool:
    """Whether any driver looks after the trial now."""
    return holder_of(driver_lock(folder.path)) is not None


def is_sent_from_here(folder: RunFolder) -> bool:
    """Whether no other sweep's driver has looked after the trial later than this one's."""
    return folder.drivers()[-1:] in ([], [folder.path.parent.name])


def wanted_by_others(folder: RunFolder) -> list[str]:
    """The names of other sweeps whose drivers live and want the trial."""
    own = folder.path.parent
    found = []
    for path in sorted(own.parent.glob(f"*/{open_file(own).name}")):
        other = RunFolder(path.parent / folder.signature)
        if other.path.parent.name == own.name or other.given_up() is not None:
            continue
        wanted = OpenTrials.read(path)
        is_wanted = wanted is not None and folder.signature in wanted.signatures
        if is_wanted and _is_same(folder, other) and holder_of(driver_lock(path.parent)) is not None:
            found.append(path.parent.name)
    return found


def _is_same(folder: RunFolder, other: RunFolder) -> bool:
    try:
        return folder.path.samefile(other.path)
    except FileNotFoundError:
        return False


def _has_ended_well(folder: RunFolder) -> bool:
    """Whether nothing is left to do: the sweep that had it trained goes on accounting for it."""
    job = folder.job()
    return job is not None and job.state == "finished" and folder.finished


def _note_driver(folder: RunFolder) -> None:
    """Before anything is sent, so that whoever comes next knows where to ask for its job."""
    own, known = folder.path.parent.name, folder.drivers()
    if known[-1:] != [own]:
        Drivers(sweeps=[*(name for name in known if name != own), own]).write(folder.drivers_file)
