"""The field: a sweep that runs, what may be done to it, and what must be undone later."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from heatmark.foundation.clock import utc_now
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from tests.slurm.chaos_driver import Driver
from tests.slurm.chaos_packed import is_packed, waiting_in
from tests.slurm.chaos_processes import Rank, ranks
from tests.slurm.chaos_programs import Programs
from tests.slurm.chaos_slurm import ALIVE, Element, Slurm, SlurmFailed

LOOK_S = 2.0
# An administrator looks after nodes that SLURM took out of service.
MEND_S = 15.0
UNDO_TRIES = 20


@dataclass
class Undo:
    """What ends a fault. takes: what no other fault may touch until then."""

    due: float
    takes: str
    deed: Callable[[], object]
    said: str
    tries: int = 0


class Field:
    """Everything a fault needs. Its findings are what no fault may cause."""

    def __init__(self, sweep: Path, mark: str, driver: Driver, slurm: Slurm, programs: Programs, seed: int) -> None:
        self.sweep, self.mark, self.driver, self.slurm, self.programs = sweep, mark, driver, slurm, programs
        self.rng = random.Random(seed)
        self.findings: list[str] = []
        self.undos: list[Undo] = []
        self.log_file = sweep.parent.parent / "chaos.log"
        self._looked = self._mended = 0.0
        self._known: set[str] = set()

    def log(self, kind: str, target: str, deed: str) -> None:
        line = f"{utc_now()}  {kind:24}  {target:28}  {deed}"
        print(line, flush=True)
        with self.log_file.open("a") as file:
            file.write(line + "\n")

    def find(self, what: str) -> None:
        """Something that must not happen did."""
        self.findings.append(what)
        self.log("FINDING", "-", what)

    def is_free(self, names: Iterable[str]) -> bool:
        taken = {undo.takes for undo in self.undos}
        return not any(name in taken for name in names)

    def later(self, seconds: float, takes: str, deed: Callable[[], object], said: str) -> None:
        self.undos.append(Undo(time.monotonic() + seconds, takes, deed, said))

    def some_time(self, low: float, high: float) -> float:
        return round(self.rng.uniform(low, high), 1)

    def trials(self) -> list[RunFolder]:
        return list(run_folders(self.sweep))

    def is_done(self) -> bool:
        folders = self.trials()
        return bool(folders) and all(folder.result_file.exists() for folder in folders)

    def progress(self) -> float:
        """The part of all epochs that is on record."""
        folders = self.trials()
        if not folders:
            return 0.0
        epochs = int(json.loads(folders[0].spec_file.read_text())["train"]["epochs"])
        return sum(len(folder.epochs()) for folder in folders) / (epochs * len(folders))

    def elements(self) -> list[Element]:
        """Of trials without a result; none while the controller is away."""
        with contextlib.suppress(SlurmFailed):
            return [
                element
                for element in self.slurm.elements(self.sweep)
                if not (self.sweep / element.signature / "result.json").exists()
            ]
        return []

    def ranks(self) -> list[Rank]:
        return ranks(self.mark)

    def training(self) -> list[Rank]:
        """Ranks of trials that take steps: every rank of theirs shows a heartbeat of its own."""
        found = []
        for rank in self.ranks():
            folder = RunFolder(self.sweep / rank.signature)
            beat = folder.path / "heartbeats" / f"rank-{rank.rank}.json"
            with contextlib.suppress(OSError, ValueError):
                if json.loads(beat.read_text())["pid"] == rank.pid and folder.result() is None:
                    found.append(rank)
        return found

    def waiting(self) -> list[tuple[Element, RunFolder]]:
        """Trials whose job waits in the queue, and of which no process lives."""
        alive = {rank.signature for rank in self.ranks()}
        if is_packed(self.sweep):
            pending = {element.signature: element for element in self.elements() if element.state == "PENDING"}
            return [
                (pending[name], RunFolder(self.sweep / signature))
                for name, signatures in waiting_in(self.sweep, pending).items()
                for signature in signatures
                if name in pending and signature not in alive
            ]
        return [
            (element, RunFolder(self.sweep / element.signature))
            for element in self.elements()
            if element.state == "PENDING" and element.signature not in alive
        ]

    def kill(self, rank: Rank, number: signal.Signals = signal.SIGKILL) -> bool:
        """False where the process has gone in the meantime."""
        if rank not in self.ranks():
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(rank.pid, number)
            return True
        return False

    def so_that_one_is_sent(self) -> str:
        """A rank is killed, so that the driver has something to send now."""
        alive = self.training()
        if alive and self.kill(chosen := self.rng.choice(alive)):
            return f"; rank {chosen.rank} of {chosen.signature} killed, so that it is sent"
        return ""

    def breathe(self, seconds: float) -> None:
        """Let the sweep go on, with an eye on it: ends of faults, the driver, two jobs of one trial."""
        until = time.monotonic() + seconds
        while True:
            self._undo_due()
            if time.monotonic() - self._looked >= LOOK_S:
                self._look()
                self._looked = time.monotonic()
            if time.monotonic() >= until:
                return
            time.sleep(0.2)

    def _undo_due(self) -> None:
        for undo in [each for each in self.undos if each.due <= time.monotonic()]:
            try:
                undo.deed()
            except SlurmFailed as error:
                undo.tries, undo.due = undo.tries + 1, time.monotonic() + 3
                if undo.tries < UNDO_TRIES:
                    continue
                self.find(f"cannot undo: {undo.said}: {error}")
            self.undos.remove(undo)
            self.log("(end)", undo.takes, undo.said)

    def undo_all(self) -> None:
        """End every fault now."""
        for undo in self.undos:
            undo.due = 0.0
        while self.undos:
            self._undo_due()
            time.sleep(0.5)

    def _look(self) -> None:
        if self.is_free(["slurmctld"]):
            self._look_for_two_jobs()
            if time.monotonic() - self._mended >= MEND_S:
                self._mended = time.monotonic()
                self._mend_nodes()
        self._look_at_driver()
        for folder in self.trials():
            job = folder.job()
            if job is not None and job.state in ("failed", "cancelled"):
                what = f"trial {folder.signature} is {job.state}: {job.reason}"
                self._once(what, what)

    def _look_for_two_jobs(self) -> None:
        by_trial: dict[str, set[str]] = {}
        with contextlib.suppress(SlurmFailed):
            for element in self.slurm.elements(self.sweep):
                if element.state in ALIVE and element.state != "COMPLETING":  # its processes are being ended
                    by_trial.setdefault(element.signature, set()).add(f"{element.job_id} {element.state}")
        for signature, jobs in by_trial.items():
            names = {job.split()[0] for job in jobs}
            if len(names) > 1:
                self._once(f"{signature} {sorted(names)}", f"trial {signature} has two jobs: {', '.join(sorted(jobs))}")

    def _look_at_driver(self) -> None:
        if self.driver.process is None or self.driver.runs or not self.is_free(["driver"]) or self.is_done():
            return
        words = " / ".join(self.driver.said().strip().splitlines()[-3:])
        self.find(f"the driver ended by itself, exit code {self.driver.code}: {words[-600:]}")
        self.start_driver()

    def start_driver(self) -> None:
        self.log("(driver)", "driver", f"started with {self.driver.start(self.rng)}")

    def _once(self, key: str, what: str) -> None:
        if key not in self._known:
            self._known.add(key)
            self.find(what)

    def _mend_nodes(self) -> None:
        with contextlib.suppress(SlurmFailed):
            for line in self.slurm.ask("sinfo", "-h", "-N", "-p", "normal", "-o", "%N|%T|%E").splitlines():
                node, state, reason = line.split("|", 2)
                if self.is_free([node]) and state.rstrip("*").startswith(("drain", "down")) and "*" not in state:
                    self.slurm.ask("scontrol", "update", f"nodename={node}", "state=resume")
                    self.log("(administrator)", node, f"was {state} ({reason}), resumed")
