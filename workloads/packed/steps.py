"""The processes of one trial in a place of a packed job: a step of SLURM's, or processes of this machine."""

from __future__ import annotations

import ctypes
import os
import shlex
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

from heatmark.foundation.command import CommandFailed, run_command
from heatmark.workloads.job import EXIT_RUN_AGAIN
from heatmark.workloads.launch import GIVEN, IN_PLACE, RUN_VARIABLE, VISIBLE
from heatmark.workloads.packed.files import PackRecord, Ticket
from heatmark.workloads.slurm_environment import on_own_cluster, on_this_node

_PR_SET_PDEATHSIG = 1


class Step(ABC):
    """A trial at work."""

    @abstractmethod
    def code(self) -> int | None:
        """What it ended with, None while it runs. The first rank to fail ends the others."""

    @abstractmethod
    def send(self, number: int) -> None:
        """A signal to all its ranks."""


def environment_of(ticket: Ticket, restart: int, launcher: str) -> dict[str, str]:
    """What tells a trial's ranks which job they are (launch.py), and others whose they are."""
    run = str(Path(ticket.spec).parent)
    return {IN_PLACE: ticket.id, "HEATMARK_RESTART": str(restart), "HEATMARK_LAUNCHER": launcher, RUN_VARIABLE: run}


def log_of(ticket: Ticket, rank: int | str) -> Path:
    """What a rank prints: named as those of other jobs."""
    return Path(ticket.spec).parent / "log" / f"{ticket.id}_{rank}_log.out"


class SlurmStep(Step):
    """`srun --exact`: it has the cores, memory and GPUs of one place and cannot take another's."""

    def __init__(self, record: PackRecord, ticket: Ticket, restart: int, shared: Mapping[str, str]) -> None:
        self.job, self.name = own_job(os.environ), f"{ticket.id}.{restart}"
        environment = {**os.environ, **environment_of(ticket, restart, "srun"), **shared}
        log_of(ticket, 0).parent.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            ["sh", "-c", step_line(record, ticket, self.name, os.environ)],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def code(self) -> int | None:
        return self.process.poll()

    def send(self, number: int) -> None:
        """By scancel: srun takes SIGTERM for an order to kill."""
        try:
            lines = run_command(["squeue", "-h", "-s", "-j", self.job, "-o", "%i %j"], environment=on_own_cluster())
            for step in (line.split()[0] for line in lines.splitlines() if line.split()[1:] == [self.name]):
                run_command(["scancel", f"--signal={number}", step], environment=on_own_cluster())
        except CommandFailed as error:
            print(f"cannot signal {self.name}: {error}", flush=True)


def own_job(environment: Mapping[str, str]) -> str:
    """This job's id, of an element of an array `A_i`: SLURM_JOB_ID of the last element names the whole array."""
    array, index = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array and index else environment.get("SLURM_JOB_ID", "")


def step_line(record: PackRecord, ticket: Ticket, name: str, environment: Mapping[str, str]) -> str:
    """The shell line of a step. Every size is stated: srun would take what is not from the whole job's."""
    options = [
        "--unbuffered",
        "--exact",
        "--kill-on-bad-exit=1",
        "--export=ALL",
        "--open-mode=append",
        f"--job-name={name}",
        f"--output={log_of(ticket, '%t')}",
        f"--nodes={record.nodes}",
        f"--ntasks={record.nodes * record.ranks}",
        f"--ntasks-per-node={record.ranks}",
        f"--cpus-per-task={record.cpus_per_rank}",
    ]
    if record.gpus:
        options.append(record.gpus)
    node_mb = environment.get("SLURM_MEM_PER_NODE", "")
    if node_mb.isdigit() and int(node_mb):
        options.append(f"--mem={int(node_mb) // record.places}")
    return " ".join(["exec srun", shlex.join(options), record.srun, record.step, shlex.quote(ticket.spec)])


class LocalStep(Step):
    """Processes of this machine, one for each rank, with GPUs of their own. They end when their keeper does."""

    def __init__(
        self, record: PackRecord, ticket: Ticket, restart: int, gpus: tuple[str, ...], shared: Mapping[str, str]
    ) -> None:
        given = {VISIBLE: ",".join(gpus), GIVEN: ",".join(gpus)} if gpus else {}
        environment = {**on_this_node(), **environment_of(ticket, restart, "local"), **given, **shared}
        log_of(ticket, 0).parent.mkdir(parents=True, exist_ok=True)
        self.ranks = [self._start(record, ticket, rank, environment) for rank in range(record.ranks)]

    def _start(
        self, record: PackRecord, ticket: Ticket, rank: int, environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        own = {"HEATMARK_RANK": str(rank), "HEATMARK_RANKS": str(record.ranks)}
        with log_of(ticket, rank).open("ab") as log:
            return subprocess.Popen(
                ["sh", "-c", f"exec {record.step} {shlex.quote(ticket.spec)}"],
                env={**environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with(os.getpid()),
            )

    def code(self) -> int | None:
        codes = [rank.poll() for rank in self.ranks]
        bad = next((code for code in codes if code), None)
        if bad is not None and None in codes:
            if bad != EXIT_RUN_AGAIN:  # the others save as well
                self.send(signal.SIGKILL)
            return None
        return None if None in codes else (bad or 0)

    def send(self, number: int) -> None:
        for rank in self.ranks:
            if rank.poll() is None:
                rank.send_signal(number)


def _end_with(keeper: int) -> Callable[[], None]:
    """Before a rank's command: a keeper that is killed takes its trials with it, and they save first."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != keeper:
            os._exit(1)

    return prepare
