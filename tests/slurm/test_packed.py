"""Jobs of four trials each on a real SLURM: what happens to one trial, or one job, is no matter to the others."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.pipeline.broker import Broker
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.clusters import make_cluster
from heatmark.pipeline.decisions import decide_cancel
from heatmark.pipeline.packed_accounting import account_packs
from heatmark.workloads.packed.files import PackFolder, Packs, signature_of
from heatmark.workloads.packed.keeper import POLL_S
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.heartbeats import Beat, beat_file
from tests.made_up import job_of, until
from tests.slurm.sent import TIMES, prepare

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(3000)]
TRIALS, PLACES, EPOCHS = 12, 4, 6


class Sweep:
    """Twelve trials in a folder, looked after by a broker without Ray above it."""

    def __init__(self, folder: Path, people: Path, **cluster: Any) -> None:
        self.folder, self.lines = folder, list[str]()
        self.runs = [prepare(folder, people, EPOCHS, seed, threads=1, hang_s=600.0) for seed in range(TRIALS)]
        settings = ClusterSection(executor="slurm", poll_s=1.0, signal_s=45, timeout_min=30, memory_gb=8, **cluster)
        self.broker = Broker(make_cluster(settings, folder), 2, 1.0, self.lines.append)
        self.broker.start()
        self.broker.want(*self.runs)

    def until_ended(self, timeout_s: float) -> None:
        until(lambda: not self.broker.open_trials(), timeout_s, self.story, every_s=0.5)
        self.broker.close()

    def numbers(self) -> list[list[dict[str, Any]]]:
        return [
            [{key: value for key, value in record.plain().items() if key not in TIMES} for record in run.epochs()]
            for run in self.runs
        ]

    def packs(self) -> list[PackFolder]:
        return list(Packs(self.folder).folders())

    def pack_of(self, run: RunFolder) -> PackFolder:
        return next(pack for pack in self.packs() if run.signature in map(signature_of, pack.taken()))

    def job_id(self, pack: PackFolder) -> str:
        return str(job_of(pack.as_run).job_id)

    def story(self) -> str:
        logs = "".join(path.read_text()[-3000:] for path in sorted((self.folder / "log").glob("*.out")))
        events = "".join(pack.events_file.read_text() for pack in self.packs() if pack.events_file.exists())
        return json.dumps(self.lines, indent=1) + logs + events


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "drawn"
    write_coco(root, SyntheticCoco(people_train=64, people_val=16, seed=1))
    return root


@pytest.fixture
def ended() -> Iterator[list[Sweep]]:
    """What a test leaves behind when it fails does not disturb the next one."""
    sweeps: list[Sweep] = []
    yield sweeps
    for sweep in sweeps:
        sweep.broker.close()
        subprocess.run(["scancel", *map(sweep.job_id, sweep.packs())], check=False)


def answer(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def idle_gaps(sweep: Sweep) -> Iterator[float]:
    """How long a place stood free between two trials while a ticket waited, where its job was not being stopped."""
    events = [(pack.name, event) for pack in sweep.packs() for event in pack.events()]
    first_began = {event.ticket: event.time for _, event in reversed(events) if event.what == "began"}
    for name, event in events:
        if event.what != "ended" or event.how not in ("finished", "failed"):
            continue
        same = (each.time for pack, each in events if (pack, each.place, each.what) == (name, event.place, "began"))
        following = min((moment for moment in same if moment >= event.time), default=math.inf)
        # Until it was filled, or the last of those that waited had a place.
        waited_until = max((at for ticket, at in first_began.items() if _since(ticket) < event.time), default=0.0)
        yield min(following, waited_until) - event.time


def _since(ticket: str) -> float:
    return int(ticket.partition("-")[0]) / 1e9


def preempt(sweep: Sweep, pack: PackFolder) -> None:
    node = answer("squeue", "-h", "-j", sweep.job_id(pack), "-o", "%N")
    options = ["-p", "urgent", f"--nodelist={node}", "--exclusive", "-o", "/dev/null"]
    answer("sbatch", "--parsable", *options, "--wrap", "sleep 4")


def shorten(sweep: Sweep, pack: PackFolder) -> None:
    """A time limit a little more than a minute from now."""
    job = sweep.job_id(pack)
    elapsed_s = _seconds(answer("squeue", "-h", "-j", job, "-o", "%M"))
    answer("scontrol", "update", f"JobId={job}", f"TimeLimit={math.ceil((elapsed_s + 70) / 60)}")


def _seconds(text: str) -> int:
    """Of SLURM's `1-02:03:04`."""
    days, _, clock = text.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    seconds = 0
    for part in parts:
        seconds = 60 * seconds + part
    return 86400 * int(days or 0) + seconds


def attempts_of(runs: Sequence[RunFolder]) -> list[int]:
    return [len(run.attempts()) for run in runs]


@pytest.mark.usefixtures("live")
def test_packed_trials_outlive_a_rank_a_preemption_and_a_time_limit(
    people: Path, tmp_path: Path, ended: list[Sweep]
) -> None:
    sweep = Sweep(tmp_path / "packed", people, trials_per_job=PLACES, parallel=2 * PLACES)
    ended.append(sweep)
    until(lambda: len([run for run in sweep.runs if run.epochs()]) >= 2 * PLACES, 400, sweep.story, every_s=0.2)
    first, second = sweep.packs()
    assert len(sweep.packs()) == 2, sweep.story()
    running = [run for run in sweep.runs if run.epochs() and not run.finished]
    victim = next(run for run in running if sweep.pack_of(run) == first)
    os.kill(_pid(victim), signal.SIGKILL)
    preempt(sweep, second)
    until(lambda: len(job_of(victim).submissions) == 2, 120, sweep.story, every_s=0.2)
    shorten(sweep, first)
    sweep.until_ended(900)

    alone = Sweep(tmp_path / "alone", people, parallel=TRIALS)
    alone.until_ended(600)
    assert all(run.result() for run in [*sweep.runs, *alone.runs]), sweep.story()
    assert sweep.numbers() == alone.numbers(), sweep.story()
    assert [record.epoch for record in victim.epochs()] == list(range(EPOCHS))

    # Only the one whose rank was killed was sent again: the jobs brought back what they had not finished.
    assert [len(job_of(run).submissions) for run in sweep.runs] == [1 + (run == victim) for run in sweep.runs]
    assert job_of(victim).submissions[0].kind in ("lost", "crash"), sweep.story()
    restarts = {pack: max(event.restart for event in pack.events()) for pack in (first, second)}
    assert restarts[second] >= 1, sweep.story()
    assert max(idle_gaps(sweep)) <= POLL_S + 2.0, (sorted(idle_gaps(sweep)), sweep.story())
    states = answer("sacct", "-X", "-D", "-n", "-P", "-j", sweep.job_id(second), "-o", "State").split()
    assert states[0] in ("REQUEUED", "PREEMPTED"), states

    until(lambda: not answer("squeue", "-h", "-t", "R", "-j", ",".join(map(sweep.job_id, sweep.packs()))), 60)
    told: list[str] = []
    account_packs(sweep.runs, sweep.folder, told.append)
    costs = [run.cost() for run in sweep.runs]
    assert all(cost is not None and cost.cpu_hours > 0 for cost in costs), told
    assert any("stood idle for" in line for line in told), told


def _pid(run: RunFolder) -> int:
    beat = Beat.read(beat_file(run.path, 0))
    assert beat is not None
    return beat.pid


@pytest.mark.usefixtures("live")
def test_one_that_is_cancelled_leaves_the_others_alone(people: Path, tmp_path: Path, ended: list[Sweep]) -> None:
    sweep = Sweep(tmp_path / "packed", people, trials_per_job=PLACES, parallel=PLACES)
    ended.append(sweep)
    until(lambda: all(run.epochs() for run in sweep.runs[:PLACES]), 300, sweep.story, every_s=0.2)
    running, waiting = sweep.runs[0], sweep.runs[-1]
    for run in (running, waiting):
        decide_cancel(run, by="user", reason="not wanted")
    began = time.monotonic()
    until(lambda: job_of(running).has_ended and job_of(waiting).has_ended, 120, sweep.story, every_s=0.2)
    assert time.monotonic() - began < 60
    assert job_of(running).state == job_of(waiting).state == "cancelled", sweep.story()
    assert not waiting.attempts() and not running.finished
    assert all(attempts_of([run]) == [1] for run in sweep.runs[1:PLACES])
    for run in sweep.runs:
        if not job_of(run).has_ended:
            decide_cancel(run, by="user", reason="enough seen")
    sweep.until_ended(200)
    assert {job_of(run).state for run in sweep.runs} <= {"finished", "cancelled"}
    assert not any(run.failure() for run in sweep.runs), sweep.story()
