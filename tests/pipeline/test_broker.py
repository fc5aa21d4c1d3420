"""The broker: never two jobs for one trial, whatever died before it could be written down."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heatmark.pipeline.broker import Broker, decide_cancel, reopen
from heatmark.workloads.run_folder import RunFolder, write_json


class ScriptedCluster:
    """A cluster whose jobs live until the test ends them. It counts what it is asked."""

    name = "scripted"

    def __init__(self) -> None:
        self.jobs: dict[str, str] = {}
        self.sent: list[str] = []
        self.cancelled: list[str] = []
        self.down = False

    def submit(self, folder: RunFolder) -> str:
        assert folder.signature not in self.jobs, "a second job for one trial"
        job = folder.job()
        assert job is not None and job["state"] == "pending", "a job was sent without a trace"
        self.sent.append(folder.signature)
        self.jobs[folder.signature] = f"job-{len(self.sent)}"
        return self.jobs[folder.signature]

    def alive(self, folders: Iterable[RunFolder]) -> dict[str, str]:
        if self.down:
            raise OSError("no answer")
        return {folder.signature: self.jobs[folder.signature] for folder in folders if folder.signature in self.jobs}

    def cancel(self, folder: RunFolder) -> None:
        self.cancelled.append(folder.signature)
        self.jobs.pop(folder.signature, None)


@pytest.fixture
def cluster() -> ScriptedCluster:
    return ScriptedCluster()


@pytest.fixture
def broker(cluster: ScriptedCluster) -> Iterator[Broker]:
    broker = Broker(cluster, retries=1, poll_s=0.01, log=lambda line: None)
    broker.start()
    yield broker
    broker.close()


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "0123456789abcdef")
    write_json(folder.spec_file, {})
    return folder


def until(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def job_state(folder: RunFolder) -> Any:
    return (folder.job() or {}).get("state")


def end_job(cluster: ScriptedCluster, folder: RunFolder, **failure: Any) -> None:
    if failure:
        write_json(folder.failure_file, failure)
    cluster.jobs.pop(folder.signature)


def test_a_wanted_trial_gets_one_job_and_ends_with_its_result(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    time.sleep(0.05)
    write_json(folder.result_file, {"state": "finished"})
    end_job(cluster, folder)
    broker.wait_until_ended()
    assert cluster.sent == [folder.signature] and job_state(folder) == "finished"


def test_a_live_job_that_was_never_written_down_is_adopted(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    pending = {"schema_version": 1, "state": "pending", "job_id": None, "reason": None, "submissions": []}
    write_json(folder.job_file, pending)
    cluster.jobs[folder.signature] = "orphan"
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    assert cluster.sent == [] and (folder.job() or {})["job_id"] == "orphan"


def test_a_job_lost_without_a_word_is_sent_again_within_its_budget(
    broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    broker.want(folder)
    for sent in (1, 2):
        until(lambda sent=sent: len(cluster.sent) == sent and job_state(folder) == "submitted")
        end_job(cluster, folder)
    broker.wait_until_ended()
    job = folder.job()
    assert job is not None and job["state"] == "failed" and "after 2 jobs" in job["reason"]


@pytest.mark.parametrize("kind", ["user", "diverged"])
def test_what_another_try_cannot_mend_is_not_tried_again(
    kind: str, broker: Broker, cluster: ScriptedCluster, folder: RunFolder
) -> None:
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    end_job(cluster, folder, kind=kind, message="because")
    broker.wait_until_ended()
    assert len(cluster.sent) == 1 and (folder.job() or {})["reason"] == f"{kind}: because"


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


def test_only_a_decision_cancels(broker: Broker, cluster: ScriptedCluster, folder: RunFolder) -> None:
    broker.want(folder)
    until(lambda: job_state(folder) == "submitted")
    broker.close()
    assert cluster.cancelled == []
    decide_cancel(folder, by="user", reason="enough")
    again = Broker(cluster, retries=1, poll_s=0.01, log=lambda line: None)
    again.start()
    again.want(folder)
    again.wait_until_ended()
    again.close()
    assert cluster.cancelled == [folder.signature] and job_state(folder) == "cancelled"


def test_a_person_may_take_up_what_a_person_cancelled_but_not_what_asha_stopped(folder: RunFolder) -> None:
    decide_cancel(folder, by="user", reason="enough")
    assert reopen(folder, by_user=True) and not folder.cancel_file.exists()
    decide_cancel(folder, by="scheduler", reason="stopped early by ASHA")
    assert not reopen(folder, by_user=True) and folder.cancel_file.exists()
