"""The keeper of a packed job: no place idles while there is work, and nothing is begun twice or forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from heatmark.workloads.job import EXIT_RUN_AGAIN, Interruption
from heatmark.workloads.lease import LeaseLost, hold_lease
from heatmark.workloads.packed.files import PackFolder, PackRecord, Packs, Ticket
from heatmark.workloads.packed.keeper import Keeper
from heatmark.workloads.packed.steps import LocalStep, Step, step_line
from heatmark.workloads.run_folder.folder import RunFolder
from tests.made_up import finish, made_spec, planned, until

RECORD = PackRecord(
    launcher="local", places=2, nodes=1, ranks=1, cpus_per_rank=1, step="true", warned_s=0.3, linger_s=0.2
)


class Scripted(Step):
    """A trial that ends when the test says so."""

    def __init__(self, ticket: Ticket, restart: int, place: int) -> None:
        self.run, self.restart, self.place = RunFolder(Path(ticket.spec).parent), restart, place
        self.signals: list[int] = []
        self.ended: int | None = None
        self.dies_with = 0

    def code(self) -> int | None:
        return self.ended

    def send(self, number: int) -> None:
        self.signals.append(number)
        if self.dies_with or number == signal.SIGTERM:
            self.ended = self.dies_with

    def finish(self) -> None:
        finish(self.run)
        self.ended = 0


class Job:
    """A keeper in a thread, over trials whose steps are scripted."""

    def __init__(self, sweep: Path, name: str = "one", restart: int = 0, record: PackRecord = RECORD) -> None:
        self.packs, self.pack = Packs(sweep), PackFolder(sweep / "packs" / name)
        record.write(self.pack.path / "spec.json")
        self.steps: list[Scripted] = []
        self.interruption = Interruption()
        self.again: bool | None = None
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._keep, args=(record, restart), daemon=True)
        self.thread.start()

    def _keep(self, record: PackRecord, restart: int) -> None:
        try:
            with hold_lease(self.pack.as_run, "job", restart) as lease:
                keeper = Keeper(self.pack, self.packs, record, lease, self._start, self.interruption)
                self.again = keeper.keep()
        except LeaseLost as error:
            self.failure = error

    def _start(self, ticket: Ticket, restart: int, place: int) -> Step:
        self.steps.append(Scripted(ticket, restart, place))
        return self.steps[-1]

    def until(self, ready: Callable[[], object]) -> None:
        until(ready, 20, lambda: f"{[(each.run.signature, each.place, each.ended) for each in self.steps]}")

    def join(self) -> None:
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heatmark.workloads.packed.keeper.POLL_S", 0.01)


def trials(sweep: Path, count: int) -> list[RunFolder]:
    runs = [planned(sweep / f"{number:016x}", made_spec(seed=number)) for number in range(count)]
    Packs(sweep).put(runs)
    return runs


def test_places_take_trial_after_trial_in_the_order_of_the_queue(tmp_path: Path) -> None:
    runs = trials(tmp_path, 5)
    job = Job(tmp_path)
    job.until(lambda: len(job.steps) == 2)
    assert [step.run for step in job.steps] == runs[:2]
    job.steps[1].finish()
    job.until(lambda: len(job.steps) == 3)
    assert job.steps[2].place == 1 and job.steps[2].run == runs[2]
    job.steps[0].ended = 1  # fails: its place goes on
    job.until(lambda: len(job.steps) == 4)
    for step in job.steps[2:]:
        step.finish()
    job.until(lambda: len(job.steps) == 5)
    job.steps[4].finish()
    job.join()
    assert job.again is False and not job.packs.waiting()
    ends = [(event.how, event.code) for event in job.pack.events() if event.what == "ended"]
    assert ends.count(("finished", 0)) == 4 and ends.count(("failed", 1)) == 1


def test_two_jobs_share_one_queue_and_take_each_ticket_once(tmp_path: Path) -> None:
    runs = trials(tmp_path, 12)
    jobs = [Job(tmp_path, "one"), Job(tmp_path, "two")]

    def all_steps() -> list[Scripted]:
        return [step for job in jobs for step in job.steps]

    def finish_those_that_run() -> bool:
        for step in all_steps():
            if step.ended is None:
                step.finish()
        return not any(job.thread.is_alive() for job in jobs)

    until(finish_those_that_run, 30)
    assert sorted(step.run.signature for step in all_steps()) == [run.signature for run in runs]
    assert all(job.steps for job in jobs)


def test_an_interrupted_job_is_run_again_and_begins_with_what_it_had(tmp_path: Path) -> None:
    runs = trials(tmp_path, 4)
    job = Job(tmp_path, record=RECORD.model_copy(update={"warned_s": 60.0}))
    job.until(lambda: len(job.steps) == 2)
    for step in job.steps:  # SLURM warns the steps, not their keeper
        step.ended = EXIT_RUN_AGAIN
    job.join()
    assert job.again is True and len(job.steps) == 2

    again = Job(tmp_path, restart=1)
    again.until(lambda: len(again.steps) == 2)
    assert [(step.run, step.restart) for step in again.steps] == [(runs[0], 1), (runs[1], 1)]
    again.steps[0].finish()
    again.until(lambda: len(again.steps) == 3)
    assert (again.steps[2].run, again.steps[2].restart) == (runs[2], 0)


def test_one_trial_that_is_interrupted_alone_goes_on_in_the_same_job(tmp_path: Path) -> None:
    trials(tmp_path, 2)
    job = Job(tmp_path)
    job.until(lambda: len(job.steps) == 2)
    job.steps[0].ended = EXIT_RUN_AGAIN
    job.until(lambda: len(job.steps) == 3)
    assert (job.steps[2].run, job.steps[2].restart) == (job.steps[0].run, 1)
    for step in job.steps[1:]:
        step.finish()
    job.join()
    assert job.again is False


def test_a_signal_to_the_keeper_reaches_every_trial(tmp_path: Path) -> None:
    trials(tmp_path, 3)
    job = Job(tmp_path)
    job.until(lambda: len(job.steps) == 2)
    job.interruption.signal = signal.SIGTERM
    job.join()
    assert [step.signals for step in job.steps] == [[signal.SIGTERM]] * 2
    assert job.again is True and len(job.packs.waiting()) == 1


def test_what_is_killed_as_its_job_ends_is_not_a_failure_of_its_own(tmp_path: Path) -> None:
    trials(tmp_path, 3)
    job = Job(tmp_path)
    job.until(lambda: len(job.steps) == 2)
    job.steps[0].dies_with = 137
    finish(job.steps[1].run)
    job.steps[1].dies_with = 140
    job.interruption.signal = signal.SIGUSR2
    job.join()
    ends = {event.place: event.how for event in job.pack.events() if event.what == "ended"}
    assert ends == {0: "interrupted", 1: "finished"}
    assert job.again is True


def test_a_trial_is_cancelled_beside_others_and_one_that_has_not_begun_never_is(tmp_path: Path) -> None:
    trials(tmp_path, 2)
    job = Job(tmp_path)
    job.until(lambda: len(job.steps) == 2)
    marker = job.pack.cancel_file(job.pack.taken()[0])
    marker.parent.mkdir()
    marker.touch()
    job.until(lambda: job.steps[0].signals)
    assert job.steps[0].signals == [signal.SIGTERM] and not job.steps[1].signals
    job.steps[1].finish()
    job.join()
    assert [event.how for event in job.pack.events() if event.what == "ended"] == ["cancelled", "finished"]


def test_a_keeper_taken_for_dead_stops_at_once(tmp_path: Path) -> None:
    trials(tmp_path, 2)
    job = Job(tmp_path)
    job.until(lambda: len(job.steps) == 2)
    later = Job(tmp_path, restart=1)  # SLURM ran the job again, though its first processes live
    job.join()
    assert isinstance(job.failure, LeaseLost)
    later.until(lambda: len(later.steps) == 2)
    assert [step.restart for step in later.steps] == [1, 1]


def test_a_ticket_given_to_another_job_is_not_begun_again(tmp_path: Path) -> None:
    trials(tmp_path, 1)
    packs, pack = Packs(tmp_path), PackFolder(tmp_path / "packs" / "one")
    (name,) = packs.waiting()
    assert packs.take(name, pack) and packs.withdraw(name, pack) and pack.taken() == []
    job = Job(tmp_path)
    job.join()
    assert not job.steps


def test_a_step_of_srun_states_every_size(tmp_path: Path) -> None:
    ticket = Ticket(id="pabc", signature="0" * 16, spec=str(tmp_path / "a run" / "spec.json"))
    record = RECORD.model_copy(update={"launcher": "srun", "nodes": 2, "ranks": 3, "places": 4, "cpus_per_rank": 5})
    record = record.model_copy(update={"gpus": "--gpus-per-node=a100:1", "srun": '"--container-image=$IMAGE"'})
    line = step_line(record, ticket, "pabc.0", {"SLURM_MEM_PER_NODE": "8192"})
    for part in ("--exact", "--nodes=2", "--ntasks=6", "--ntasks-per-node=3", "--cpus-per-task=5", "--mem=2048"):
        assert f" {part} " in f" {line} ", line
    assert " --gpus-per-node=a100:1 " in line and '"--container-image=$IMAGE" true' in line
    assert line.endswith(f" '{tmp_path}/a run/spec.json'")
    assert "--mem" not in step_line(record, ticket, "pabc.0", {"SLURM_MEM_PER_CPU": "2048"})


def test_the_first_rank_to_fail_ends_the_others(tmp_path: Path) -> None:
    run = planned(tmp_path / "run")
    ticket = Ticket(id="pabc", signature="run", spec=str(run.spec_file))
    script = "sh -c '[ \"$HEATMARK_RANK\" = 1 ] && exit 3; sleep 60' rank"
    step = LocalStep(RECORD.model_copy(update={"ranks": 2, "step": script}), ticket, 0, (), {})
    until(lambda: step.code() is not None, 20)
    assert step.code() in (3, -signal.SIGKILL)


def test_trials_on_this_machine_end_with_their_keeper(tmp_path: Path) -> None:
    run = planned(tmp_path / "run")
    record = RECORD.model_copy(update={"step": 'sh -c \'echo $$ > "$(dirname "$1")/pid"; exec sleep 60\' trial'})
    program = (
        "import time\nfrom heatmark.workloads.packed.files import *\nfrom heatmark.workloads.packed.steps import *\n"
        f"record = PackRecord.model_validate({record.model_dump()!r})\n"
        f"LocalStep(record, Ticket(id='pabc', signature='run', spec={str(run.spec_file)!r}), 0, (), {{}})\n"
        "time.sleep(60)"
    )
    keeper = subprocess.Popen([sys.executable, "-c", program])
    until(lambda: (run.path / "pid").exists() and (run.path / "pid").read_text().strip(), 30)
    pid = int((run.path / "pid").read_text())
    keeper.kill()
    keeper.wait()

    def is_gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
        return False

    until(is_gone, 20)
