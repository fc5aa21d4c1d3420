"""What a packed job executes: it keeps its places filled with the trials of the sweep's queue.

python -m heatmark.workloads.packed.keeper PACK/spec.json
python -m heatmark.workloads.packed.keeper --array ARRAY.json   the job of this element of a SLURM array
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from heatmark.foundation.clock import utc_now
from heatmark.foundation.command import print_in_any_locale
from heatmark.workloads.job import EXIT_FAILED, EXIT_RUN_AGAIN, EXIT_USER_ERROR, Interruption
from heatmark.workloads.launch import VISIBLE
from heatmark.workloads.lease import Lease, LeaseHeld, LeaseLost, hold_lease
from heatmark.workloads.packed.files import How, PackFolder, PackRecord, Packs, PlaceEvent, Ticket
from heatmark.workloads.packed.steps import LocalStep, SlurmStep, Step, own_job
from heatmark.workloads.requeue import requeue
from heatmark.workloads.run_folder.array_record import ArrayRecord
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.shared_stream.serving import serving

POLL_S = 0.5
# A trial that was asked to stop saves its state first.
STOP_GRACE_S = 60.0
Start = Callable[[Ticket, int, int], Step]


@dataclass(frozen=True)
class Turn:
    """A ticket, by its name, in a place. restart: how often it had begun before."""

    name: str
    ticket: Ticket
    place: int
    restart: int


@dataclass
class Running:
    """A turn's trial at work. asked_at: when it was asked to stop; killed: whether that was not enough."""

    turn: Turn
    step: Step
    asked_at: float | None = None
    killed: bool = False


@dataclass
class Keeper:
    """One packed job. start: begins a ticket's trial in a place, for the n-th time."""

    pack: PackFolder
    packs: Packs
    record: PackRecord
    lease: Lease
    start: Start
    interruption: Interruption
    running: dict[int, Running] = field(default_factory=dict)
    # Tickets to be started before any of the queue, with how often each has begun; and from when on.
    own: dict[str, int] = field(default_factory=dict)
    not_before: dict[str, float] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    told: bool = False
    interrupted: bool = False

    def keep(self) -> bool:
        """Until there is nothing left to do. Returns whether the job is to be run again for what it was stopped at."""
        self.own = self.pack.unfinished()
        idle_since = time.monotonic()
        while True:
            self.lease.check()
            self._look_after_running()
            if self.interruption():
                self._pass_on()
            else:
                self._fill()
            if self.running:
                idle_since = time.monotonic()
            elif self.own and (self.interrupted or self.interruption()):
                return True
            elif self.interruption() or self._is_idle(time.monotonic() - idle_since):
                return False
            self.lease.renew()
            time.sleep(POLL_S)

    def _is_idle(self, since_s: float) -> bool:
        return not self.own and not self.packs.waiting() and since_s >= self.record.linger_s

    def _fill(self) -> None:
        """Every free place with a trial of its own list, or else with the next of the queue."""
        for place in range(self.record.places):
            if place in self.running:
                continue
            name = self._next()
            if name is None:
                return
            self._begin(name, place)

    def _next(self) -> str | None:
        now = time.monotonic()
        for name in self.own:
            if self.not_before.get(name, 0.0) <= now:
                self.interrupted = False
                return name
        if self.interrupted:  # the whole job may have been warned: nothing new is begun before that is known
            return None
        # Over NFS a name that was just taken may still be listed.
        waiting = (name for name in self.packs.waiting() if name not in self.begun)
        return next((name for name in waiting if self.packs.take(name, self.pack)), None)

    def _begin(self, name: str, place: int) -> None:
        restart = self.own.pop(name, 0)
        self.begun.add(name)
        ticket = Ticket.read(self.pack.tickets / f"{name}.json")
        if ticket is None:
            return  # given to another job, as this one was taken for dead
        turn = Turn(name, ticket, place, restart)
        self._note(PlaceEvent(ticket=name, what="began", time=time.time(), place=place, restart=restart))
        if self.pack.cancel_file(name).exists():
            self._end(turn, "cancelled", None)
            return
        try:
            step = self.start(ticket, restart, place)
        except OSError as error:
            say(f"place {place}: cannot start {ticket.signature}: {error}")
            self._end(turn, "failed", None)
            return
        say(f"place {place}: {ticket.signature} begins as {ticket.id}")
        self.running[place] = Running(turn, step)

    def _look_after_running(self) -> None:
        for place, each in list(self.running.items()):
            code = each.step.code()
            if code is None:
                self._stop_if_asked(each)
                continue
            del self.running[place]
            how = self._how(each, code)
            turn = each.turn
            self._end(turn, how, code)
            if how == "interrupted":
                self.own[turn.name] = turn.restart + 1
                self.not_before[turn.name] = time.monotonic() + self.record.warned_s
                self.interrupted = True

    def _how(self, each: Running, code: int) -> How:
        if RunFolder(Path(each.turn.ticket.spec).parent).finished:
            return "finished"  # a signal may have reached it as it left
        if each.asked_at is not None:
            return "cancelled"
        if code in (0, EXIT_RUN_AGAIN) or (self.interruption() and code not in (EXIT_FAILED, EXIT_USER_ERROR)):
            return "interrupted"
        return "failed"

    def _end(self, turn: Turn, how: How, code: int | None) -> None:
        say(f"place {turn.place}: {turn.ticket.signature} {how}" + (f" (exit code {code})" if code else ""))
        self._note(
            PlaceEvent(
                ticket=turn.name,
                what="ended",
                time=time.time(),
                place=turn.place,
                restart=turn.restart,
                how=how,
                code=code,
            )
        )

    def _stop_if_asked(self, each: Running) -> None:
        if each.asked_at is None:
            if self.pack.cancel_file(each.turn.name).exists():
                each.asked_at = time.monotonic()
                each.step.send(signal.SIGTERM)
        elif not each.killed and time.monotonic() - each.asked_at > STOP_GRACE_S:
            each.killed = True
            each.step.send(signal.SIGKILL)

    def _pass_on(self) -> None:
        """A signal to this process, once, to all its trials: they save and end."""
        if not self.told and self.interruption.signal is not None:
            self.told = True
            for each in self.running.values():
                each.step.send(self.interruption.signal)

    def _note(self, event: PlaceEvent) -> None:
        self.lease.check()
        event.append(self.pack.events_file)


def say(line: str) -> None:
    """In the job's own log."""
    print(f"{utc_now()} {line}", flush=True)


def starter(record: PackRecord, environment: Mapping[str, str], shared: Mapping[str, str]) -> Start:
    """How this job begins a trial. shared: variables for all of them."""
    if record.launcher == "srun":
        return lambda ticket, restart, _place: SlurmStep(record, ticket, restart, shared)
    gpus = [name for name in environment.get(VISIBLE, "").split(",") if name]

    def start(ticket: Ticket, restart: int, place: int) -> Step:
        first = place * record.ranks
        own = tuple(gpus[(first + rank) % len(gpus)] for rank in range(record.ranks)) if gpus else ()
        return LocalStep(record, ticket, restart, own, shared)

    return start


def _stream(record: PackRecord) -> AbstractContextManager[dict[str, str]]:
    """The variables by which the trials of this node find the one that makes their batches."""
    if record.stream_makers and record.nodes == 1:
        return serving(record.stream_makers)
    return nullcontext({})


def run_pack(spec_file: Path) -> int:
    """Keep the places of a packed job. Returns the exit code: 0, 144 to be run again, 1 where another has the job."""
    interruption = Interruption()
    interruption.listen()
    pack = PackFolder(spec_file.parent)
    record = pack.record()
    if record is None:
        print(f"{spec_file}: gone; the sweep was removed", file=sys.stderr)
        return 1
    in_slurm = record.launcher == "srun"
    job = own_job(os.environ) if in_slurm else f"local-{os.getpid()}"
    restart = int(os.environ.get("SLURM_RESTART_COUNT", "0")) if in_slurm else 0
    try:
        with hold_lease(pack.as_run, job, restart) as lease, _stream(record) as shared:
            start = starter(record, os.environ, shared)
            again = Keeper(pack, Packs(pack.path.parent.parent), record, lease, start, interruption).keep()
    except (LeaseHeld, LeaseLost) as error:
        print(error, file=sys.stderr)
        return 1
    if again and in_slurm:
        requeue(job)
    return EXIT_RUN_AGAIN if again and interruption.signal == signal.SIGUSR2 else 0


def main(arguments: list[str]) -> int:
    """The command of a packed job."""
    print_in_any_locale()
    if arguments[0] == "--array":
        array = ArrayRecord.read(Path(arguments[1]))
        assert array is not None, f"no array file {arguments[1]}"
        index = int(os.environ.get("SLURM_ARRAY_TASK_ID", "0")) if array.array else 0
        return run_pack(Path(array.specs[index]))
    return run_pack(Path(arguments[0]))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
