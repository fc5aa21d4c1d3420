"""The broker: never two jobs for one trial, whatever died before it could be written down."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from heatmark.foundation.clock import utc_now
from heatmark.pipeline.broker import Broker
from heatmark.pipeline.claims import Claims
from heatmark.pipeline.decisions import decide_cancel, reopen
from heatmark.pipeline.submit import UNSEEN, JobStatus, SubmitRefused
from heatmark.workloads.run_folder.ends import EndKind
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.heartbeats import Beat, beat_file
from heatmark.workloads.run_folder.job_record import JobRecord
from heatmark.workloads.run_folder.measured import Measurement, Wanted, WantedPart
from heatmark.workloads.run_folder.spec_file import write_spec
from tests.made_up import fail, finish, job_of, made_spec, planned, start, until


class ScriptedCluster:
    """A cluster whose jobs live until the test ends them. It counts what it is asked."""

    name = "scripted"
    gather_s = 0.005

    def __init__(self) -> None:
        self.waits_for: str | None = None
        self.notes: list[str] = []
        self.live: dict[str, str] = {}
        self.sent: list[str] = []
        self.cancelled: list[str] = []
        self.past: dict[str, JobStatus] = {}
        self.room = 100
        self.down = False

    def submit(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        for folder in folders[: self.room]:
            assert folder.signature not in self.live, "a second job for one trial"
            job = folder.job()
            assert job is not None and job.state == "pending", "a job was sent without a trace"
            self.sent.append(folder.signature)
            self.live[folder.signature] = f"job-{len(self.sent)}"
        return {folder.signature: self.live[folder.signature] for folder in folders[: self.room]}

    def jobs(self, folders: Sequence[RunFolder]) -> dict[str, JobStatus]:
        if self.down:
            raise OSError("no answer")
        ids = {folder.signature: self.live.get(folder.signature) for folder in folders}
        alive = {signature: JobStatus(job_id, "RUNNING", alive=True) for signature, job_id in ids.items() if job_id}
        return self.past | alive

    def log_of(self, folder: RunFolder, job_id: str) -> Path:
        return folder.log / job_id

    def cancel(self, folder: RunFolder) -> None:
        self.cancelled.append(folder.signature)
        self.live.pop(folder.signature, None)


def wait_until_sent(cluster: ScriptedCluster, folder: RunFolder, times: int) -> None:
    until(lambda: len(cluster.sent) == times and job_state(folder) == "submitted", what=f"job {times} was sent")


def wait_until_told(folder: RunFolder, waits: str | None) -> None:
    until(lambda: folder.job() and waits_for(folder) == waits, what=f"it waits for {waits}")


@pytest.fixture
def cluster() -> ScriptedCluster:
    return ScriptedCluster()


@pytest.fixture
def broker(cluster: ScriptedCluster) -> Iterator[Broker]:
    broker = Broker(cluster, retries=1, poll_s=0.01, log=lambda _line: None)
    broker.start()
    yield broker
    broker.close()


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return planned(tmp_path / "0123456789abcdef")


def reason_of(folder: RunFolder) -> str:
    return job_of(folder).reason or ""


def job_state(folder: RunFolder) -> str | None:
    job = folder.job()
    return job.state if job else None


def waits_for(folder: RunFolder) -> str | None:
    job = folder.job()
    return job.waits_for if job else None


def end_job(cluster: ScriptedCluster, folder: RunFolder) -> None:
    cluster.live.pop(folder.signature)


def test_a_wanted_trial_gets_one_job_and_ends_with_its_result(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    time.sleep(0.05)
    finish(folder)
    end_job(cluster, folder)
    broker.wait_until_ended()
    assert cluster.sent == [folder.signature] and job_state(folder) == "finished"


def test_a_live_job_that_was_never_written_down_is_adopted(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    JobRecord.new("scripted").pending().write(folder.job_file)
    cluster.live[folder.signature] = "orphan"
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    assert cluster.sent == [] and job_of(folder).job_id == "orphan"


def test_a_job_lost_without_a_word_is_sent_again_within_its_budget(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    broker.want(folder)
    for sent in (1, 2):
        wait_until_sent(cluster, folder, times=sent)
        end_job(cluster, folder)
    broker.wait_until_ended()
    assert job_state(folder) == "failed" and "after 2 such jobs" in reason_of(folder)


@pytest.mark.parametrize("kind", ["user", "diverged"])
def test_what_another_try_cannot_mend_is_not_tried_again(
    kind: EndKind, broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    fail(folder, kind, "because")
    end_job(cluster, folder)
    broker.wait_until_ended()
    assert len(cluster.sent) == 1 and reason_of(folder).startswith(f"{kind}: because (log in ")


@pytest.mark.parametrize(("state", "sent"), [("OUT_OF_MEMORY", 2), ("TIMEOUT", 4), ("NODE_FAIL", 6)])
def test_each_kind_of_end_has_a_budget_of_its_own(
    state: str, sent: int, broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    cluster.past[folder.signature] = JobStatus("job", state, alive=False)
    broker.want(folder)
    for count in range(1, sent + 1):
        wait_until_sent(cluster, folder, times=count)
        end_job(cluster, folder)
    broker.wait_until_ended()
    assert job_state(folder) == "failed" and f"the job ended as {state}" in reason_of(folder)
    assert len(job_of(folder).submissions) == len(cluster.sent) == sent


def test_a_job_cancelled_outside_is_a_decision_and_not_sent_again(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    cluster.past[folder.signature] = JobStatus("job", "CANCELLED", alive=False)
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    end_job(cluster, folder)
    broker.wait_until_ended()
    assert len(cluster.sent) == 1 and job_state(folder) == "cancelled"


def test_a_job_that_can_never_start_is_cancelled_and_told(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    stuck = JobStatus("job-1", "PENDING", alive=True, stuck="PartitionTimeLimit")
    cluster.jobs = lambda folders: {folder.signature: stuck} if cluster.live else {}  # type: ignore[method-assign]  # noqa: ARG005 - called by name
    broker.wait_until_ended()
    assert reason_of(folder).startswith("user: the job can never start: PartitionTimeLimit")
    assert cluster.cancelled == [folder.signature] and len(cluster.sent) == 1


def test_a_running_job_without_a_sign_of_life_is_ended_and_sent_again(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    write_spec(folder.spec_file, made_spec(runtime={"hang_s": 0.1}))
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    time.sleep(0.1)
    Beat(pid=1, host="elsewhere", step=0, time=utc_now()).write(beat_file(folder.path, 0))
    until(lambda: len(cluster.sent) == 2)
    assert cluster.cancelled[0] == folder.signature
    first = job_of(folder).submissions[0]
    assert first.kind == "hung" and "no sign of life from rank 0" in (first.message or "")


def test_jobs_that_the_cluster_refuses_are_sent_once(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def refuse(folders: Sequence[RunFolder]) -> dict[str, str]:
        asked.append(folders)
        raise SubmitRefused("sbatch: Invalid partition name specified")

    monkeypatch.setattr(cluster, "submit", refuse)
    broker.want(folder)
    until(lambda: job_state(folder) == "failed")
    broker.wait_until_ended()
    assert len(asked) == 1 and broker.open_trials() == []
    assert reason_of(folder) == "user: sbatch: Invalid partition name specified"


def test_trials_wait_while_the_cluster_has_no_room(broker: Broker, cluster: ScriptedCluster, tmp_path: Path) -> None:
    cluster.room = 1
    folders = [planned(tmp_path / name) for name in ("a", "b", "c")]
    for folder in folders:
        broker.want(folder)
    until(lambda: len(cluster.sent) == 3)
    assert sorted(cluster.sent) == ["a", "b", "c"]


def test_a_cluster_that_does_not_answer_loses_nothing(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    cluster.down = True
    time.sleep(0.1)
    cluster.down = False
    time.sleep(0.1)
    assert len(cluster.sent) == 1 and job_state(folder) == "submitted"


def test_a_full_disk_ends_no_driver_and_sends_no_second_job(
    cluster: ScriptedCluster, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    refusals = [True, False, True, True]  # of the trace before the job is sent, and of its id
    whole = JobRecord.write

    def full(job: JobRecord, path: Path) -> None:
        if refusals and refusals.pop(0):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(job, path)

    monkeypatch.setattr(JobRecord, "write", full)
    broker = Broker(cluster, retries=1, poll_s=0.01, log=said.append)
    broker.start()
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    assert broker.is_alive() and len(cluster.sent) == 1
    assert len([line for line in said if "No space left" in line]) == 2  # not once for every try
    broker.close()


def test_only_a_decision_cancels(broker: Broker, cluster: ScriptedCluster, folder: RunFolder) -> None:
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    broker.close()
    assert cluster.cancelled == []
    decide_cancel(folder, by="user", reason="enough")
    again = Broker(cluster, retries=1, poll_s=0.01, log=lambda _line: None)
    again.start()
    again.want(folder)
    again.wait_until_ended()
    again.close()
    assert cluster.cancelled == [folder.signature] and job_state(folder) == "cancelled"


def test_what_is_wanted_again_while_it_ends_stays_wanted(cluster: ScriptedCluster, folder: RunFolder) -> None:
    """Tune takes up a trial that it has just paused."""

    class TakenUp(Claims):
        def tell(self) -> None:
            if job_state(folder) == "cancelled" and len(cluster.sent) == 1:
                reopen(folder, by_user=True)
                own.want(folder)
            super().tell()

    own = Broker(cluster, 1, 0.01, lambda _line: None, TakenUp())
    own.start()
    own.want(folder)
    wait_until_sent(cluster, folder, 1)
    decide_cancel(folder, by="user", reason="enough")
    wait_until_sent(cluster, folder, 2)
    assert own.open_trials() == [folder]
    finish(folder)
    end_job(cluster, folder)
    until(lambda: not own.open_trials())
    own.close()


def test_a_person_may_take_up_what_a_person_cancelled_but_not_what_asha_stopped(folder: RunFolder) -> None:
    decide_cancel(folder, by="user", reason="enough")
    assert reopen(folder, by_user=True) and not folder.cancel_file.exists()
    decide_cancel(folder, by="scheduler", reason="stopped early by ASHA")
    assert not reopen(folder, by_user=True) and folder.cancel_file.exists()


def test_a_finished_trial_of_which_more_is_asked_is_taken_up(folder: RunFolder) -> None:
    finish(folder)
    JobRecord.new("scripted").pending().submitted("7", adopted=False).ended("finished", None).write(folder.job_file)
    measurement = Measurement(boxes="gt", flip_test=True)
    Wanted(measurements=[WantedPart(source="gt-flip", measurement=measurement, file=None)]).write(folder.wanted_file)
    assert reopen(folder, by_user=True)
    assert job_state(folder) == "new" and [each.job_id for each in job_of(folder).earlier] == ["7"]


def test_what_a_trial_waits_for_is_on_record_and_told_unless_every_queue_says_it(
    cluster: ScriptedCluster, folder: RunFolder
) -> None:
    said: list[str] = []
    statuses = [
        JobStatus("job-1", "PENDING", alive=True, waits_for="Priority", usual=True),
        JobStatus("job-1", "PENDING", alive=True, waits_for="QOSMaxCpuPerUserLimit"),
        JobStatus("job-1", "RUNNING", alive=True),
    ]
    shown = [0]
    cluster.jobs = lambda folders: {folder.signature: statuses[shown[0]]} if cluster.live else {}  # type: ignore[method-assign]  # noqa: ARG005 - called by name
    broker = Broker(cluster, retries=1, poll_s=0.01, log=said.append)
    broker.start()
    broker.want(folder)
    for shown[0], status in enumerate(statuses):
        wait_until_told(folder, status.waits_for)
    broker.close()
    assert [line for line in said if "wait" in line] == ["1 trial waits: QOSMaxCpuPerUserLimit"]


def test_what_was_left_out_waits_in_the_clusters_words(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    cluster.room, cluster.waits_for = 0, "sbatch: Requested nodes are busy"
    broker.want(folder)
    until(lambda: waits_for(folder))
    assert waits_for(folder) == "sbatch: Requested nodes are busy"
    cluster.room = 1
    until(lambda: job_state(folder) == "submitted")
    assert waits_for(folder) is None


def test_a_result_counts_and_a_decision_is_carried_out_though_nothing_shows_the_job(
    broker: Broker, cluster: ScriptedCluster, tmp_path: Path
) -> None:
    done, unwanted = folders = [planned(tmp_path / name) for name in ("done", "unwanted")]
    unseen = JobStatus("12_0", UNSEEN, alive=True, waits_for="squeue does not show job 12_0")
    cluster.jobs = lambda folders: dict.fromkeys(cluster.sent, unseen)  # type: ignore[method-assign]  # noqa: ARG005 - called by name
    for folder in folders:
        broker.want(folder)
    until(lambda: all(job_state(folder) == "submitted" for folder in folders))
    time.sleep(0.05)
    assert len(cluster.sent) == 2 and len(broker.open_trials()) == 2
    finish(done)
    decide_cancel(unwanted, by="user", reason="enough")
    broker.wait_until_ended()
    assert (job_state(done), job_state(unwanted)) == ("finished", "cancelled")
    until(lambda: cluster.cancelled == ["unwanted"])


def test_a_job_that_never_began_is_told_by_its_last_words_and_tried_again_only_where_others_began(
    cluster: ScriptedCluster, tmp_path: Path
) -> None:
    first, other, second = [planned(tmp_path / name) for name in ("first", "other", "second")]
    logs = cluster.log_of(first, "job-1"), cluster.log_of(second, "job-2"), cluster.log_of(second, "job-3")
    words = (
        "slurmstepd: error: execve(): sh: No such file or directory\nsrun: error: node1: Exited with exit code 2\n"
        "srun: launch/slurm: _step_signal: Terminating StepId=19.0\n"
    )
    for log in logs:
        log.parent.mkdir(exist_ok=True)
        log.write_text(words)
    broker = Broker(cluster, retries=1, poll_s=0.01, log=lambda _line: None)
    broker.start()
    broker.want(first)
    until(lambda: job_state(first) == "submitted")
    end_job(cluster, first)
    broker.wait_until_ended()
    reason = reason_of(first)
    assert reason.startswith("user: the job ended before the trial began: ") and "execve(): sh: No such file" in reason
    assert cluster.sent == ["first"]

    start(other, "job-9")
    broker.want(second)
    for count in (2, 3):
        wait_until_sent(cluster, second, times=count)
        end_job(cluster, second)
    broker.wait_until_ended()
    broker.close()
    assert reason_of(second).startswith("launch: ") and cluster.sent == ["first", "second", "second"]


def test_trials_that_wait_for_the_same_are_told_in_one_line(cluster: ScriptedCluster, tmp_path: Path) -> None:
    said: list[str] = []
    folders = [planned(tmp_path / f"{number:02}") for number in range(20)]
    broker = Broker(cluster, retries=1, poll_s=0.01, log=said.append)

    def held(folders: Sequence[RunFolder]) -> dict[str, JobStatus]:
        hint = "JobHeldAdmin; release it with: scontrol release"
        return {
            each.signature: JobStatus(job_id, "PENDING", alive=True, waits_for=f"{hint} {job_id}")
            for each in folders
            if (job_id := cluster.live.get(each.signature))
        }

    cluster.jobs = held  # type: ignore[method-assign]
    for folder in folders:
        broker.want(folder)
    broker.start()
    until(lambda: all(waits_for(folder) for folder in folders))
    broker.close()
    (line,) = [line for line in said if "wait" in line]
    assert line.startswith("20 trials wait: JobHeldAdmin; release it with: scontrol release job-")
