"""Trials on a real SLURM meet every end a job can have; each finishes with the numbers of an undisturbed one.

The broker and the cluster are the driver's own, without Ray above them; a job is two nodes with one rank each.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads.run_folder.events import Ended
from tests.made_up import until
from tests.slurm.sent import Sent, prepare

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(1000)]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "drawn"
    write_coco(root, SyntheticCoco(people_train=128, people_val=24, seed=1))
    return root


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    Sent.end_all()


@pytest.fixture(scope="module")
def undisturbed(live: str, tmp_path_factory: pytest.TempPathFactory, people: Path) -> Sent:  # noqa: ARG001 - usefixtures does nothing for a fixture
    sent = Sent(tmp_path_factory.mktemp("undisturbed"), people)
    sent.until_ended()
    assert sent.job.state == "finished" and len(sent.run.attempts()) == 1, sent.story()
    return sent


def kill_a_rank(sent: Sent) -> None:
    sent.until_epoch(1)
    os.kill(sent.pid_of(1), signal.SIGKILL)


def kill_rank_0_while_it_saves(sent: Sent) -> None:
    sent.until_epoch(1)
    pid = sent.pid_of(0)
    until(lambda: list(sent.run.checkpoints.glob(".step-*.tmp")), what="rank 0 saves", every_s=0)
    os.kill(pid, signal.SIGKILL)


def stop_a_rank(sent: Sent) -> None:
    sent.until_epoch(1)
    os.kill(sent.pid_of(1), signal.SIGSTOP)


def stop_every_rank(sent: Sent) -> None:
    sent.until_epoch(1)
    for rank in (0, 1):
        os.kill(sent.pid_of(rank), signal.SIGSTOP)


FAULTS: dict[str, tuple[Callable[[Sent], None], str]] = {
    "a rank killed": (kill_a_rank, "lost"),
    "rank 0 killed while it saves": (kill_rank_0_while_it_saves, "lost"),
    "a rank stopped": (stop_a_rank, "hung"),
    "every rank stopped": (stop_every_rank, "hung"),
}


@pytest.mark.usefixtures("live")
def test_a_trial_outlives_its_processes(people: Path, undisturbed: Sent, tmp_path: Path) -> None:
    """All faults at once, each on a trial of its own: the cluster is as busy as a real one."""
    sent = {name: Sent(tmp_path / name.replace(" ", "-"), people) for name in FAULTS}
    threads = [threading.Thread(target=fault, args=(sent[name],)) for name, (fault, _) in FAULTS.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, (_, kind) in FAULTS.items():
        each = sent[name]
        each.until_ended()
        assert each.job.state == "finished", (name, each.story())
        assert each.job.submissions[0].kind in (kind, "crash"), (name, each.story())
        assert len(each.job.submissions) == 2, (name, each.story())
        assert each.numbers() == undisturbed.numbers(), (name, each.story())
    stacks = list(sent["a rank stopped"].run.log.glob("hang-rank*.txt"))
    assert stacks and any("train.py" in path.read_text() for path in stacks)
    assert "rank 1" in (sent["a rank stopped"].job.submissions[0].message or "")


@pytest.mark.usefixtures("live")
def test_scancel_by_hand_is_a_decision(people: Path, tmp_path: Path) -> None:
    sent = Sent(tmp_path, people, epochs=50)
    sent.until_epoch(1)
    subprocess.run(["scancel", sent.job_id], check=True)
    sent.until_ended()
    assert sent.job.state == "cancelled" and len(sent.job.submissions) == 1, sent.story()
    assert sent.run.result() is None and len(sent.run.attempts()) == 1


@pytest.mark.usefixtures("live")
def test_an_urgent_job_preempts_a_trial_that_resumes_with_the_same_numbers(
    people: Path, undisturbed: Sent, tmp_path: Path
) -> None:
    sent = Sent(tmp_path, people)
    sent.until_epoch(1)
    urgent = subprocess.run(
        ["sbatch", "--parsable", "-p", "urgent", "-N4", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 4"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    ).stdout.strip()
    sent.until_ended()
    assert sent.job.state == "finished", sent.story()
    assert sent.numbers() == undisturbed.numbers(), sent.story()
    # SLURM ran the same job again: it was sent once.
    assert len(sent.job.submissions) == 1 and len(sent.run.attempts()) == 2, sent.story()
    assert [event.restart for event in sent.run.attempts()] == [0, 1]
    assert [event.how for event in sent.run.events() if isinstance(event, Ended)] == ["requeue", "finished"]
    states = subprocess.run(["sacct", "-X", "-n", "-P", "-j", urgent, "-o", "State"], capture_output=True, text=True)
    assert states.stdout.strip() == "COMPLETED"
    # It put itself back, unless SLURM was sooner.
    sent.until(lambda: sent.accounted() in (["REQUEUED", "COMPLETED"], ["PREEMPTED", "COMPLETED"]), timeout_s=30)


@pytest.mark.timeout(1400)
@pytest.mark.usefixtures("live")
def test_a_trial_longer_than_its_time_limit_finishes_by_itself(people: Path, undisturbed: Sent, tmp_path: Path) -> None:
    """SLURM looks at limits every 30 s, and warns up to 30 s too soon: of a limit of 120 s with its warning 60 s before
    an attempt has 30 to 60 s. It shares them with a trial as long, so that one attempt is too short for 50 s of epochs.
    """
    epochs = math.ceil(50 / undisturbed.epoch_s())
    limited = Sent(tmp_path / "limited", people, epochs=epochs, timeout_min=2, signal_s=60)
    free = Sent(tmp_path / "free", people, epochs=epochs)
    for sent in (free, limited):
        sent.until_ended(timeout_s=400)
        assert sent.job.state == "finished" and len(sent.job.submissions) == 1, sent.story()
    assert len(limited.run.attempts()) >= 2, limited.story()
    assert [record.epoch for record in limited.run.epochs()] == list(range(epochs))
    assert free.numbers() == limited.numbers()


COUNTING_SBATCH = """#!/bin/bash
echo "$@" >> {log}
exec {sbatch} "$@"
"""
# A driver without Ray that dies at one point: {point} is called instead of writing.
DYING_DRIVER = """
import os, sys, time
from pathlib import Path
from heatmark.pipeline import broker, slurm_cluster
from heatmark.pipeline.sweep import ClusterSection
from heatmark.workloads.run_folder.array_record import ArrayRecord
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.job_record import JobRecord

sweep, signature, point = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
whole = ArrayRecord.write

def write(array, path):
    if point == "before the array's id is written" and array.job_id is not None:
        os._exit(9)
    whole(array, path)
    if point == "before sbatch":
        os._exit(9)

ArrayRecord.write = write
if point == "before the trial's job is written":
    JobRecord.submitted = lambda *arguments, **options: os._exit(9)
cluster = slurm_cluster.SlurmCluster(ClusterSection(executor="slurm", nodes=2, timeout_min=10), sweep)
driver = broker.Broker(cluster, 2, 1.0, print)
driver.start()
driver.want(RunFolder(sweep / signature))
driver.wait_until_ended()
"""
POINTS = ["before sbatch", "before the array's id is written", "before the trial's job is written"]


@pytest.mark.usefixtures("live")
def test_a_driver_that_dies_while_it_sends_never_makes_two_jobs(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, sbatch = tmp_path / "calls", shutil.which("sbatch")
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin" / "sbatch"
    wrapper.write_text(COUNTING_SBATCH.format(log=calls, sbatch=sbatch))
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    monkeypatch.setattr("heatmark.pipeline.slurm_missing.UNANSWERED_S", 3.0)
    for number, point in enumerate(POINTS):
        sweep = tmp_path / f"point{number}"
        signature = prepare(sweep, people, epochs=1).signature
        calls.write_text("")
        command = [sys.executable, "-c", DYING_DRIVER, str(sweep), signature, point]
        assert subprocess.run(command, timeout=60).returncode == 9
        sent_by_dead = len(calls.read_text().splitlines())
        assert sent_by_dead == (0 if point == "before sbatch" else 1)
        follower = Sent(sweep, people, epochs=1)
        follower.until_ended()
        total = len(calls.read_text().splitlines())
        assert total == 1, (point, calls.read_text(), follower.story())
        assert follower.job.state == "finished" and len(follower.run.attempts()) == 1, (point, follower.story())
        assert follower.job.submissions[0].adopted == (point != "before sbatch")
