"""What the broker counts on of every cluster: a job is found by whoever asks, ends when it is told to, and is not made
up once it is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from heatmark.pipeline.broker import Broker
from heatmark.pipeline.submit import Cluster, JobStatus, SubmitRefused
from heatmark.workloads.run_folder.folder import RunFolder
from tests.made_up import job_of, made_spec, planned, until


def trial_of_hours(sweep: Path, people: Path, seed: int = 0) -> RunFolder:
    """A trial that ends only when it is told to. people: the root of a drawn COCO set."""
    spec = made_spec(seed=seed, train={"epochs": 100_000, "eval_every": 1000}, runtime={"data_root": str(people)})
    return planned(sweep / spec.signature, spec)


@dataclass
class Bench:
    """make: the cluster of a sweep, as a driver makes it; called again it is another driver's. refusing: one that will
    not have these jobs, None where there is no such thing. end: kills the job of a trial without a word to the cluster.
    """

    make: Callable[[], Cluster]
    trials: tuple[RunFolder, RunFolder]
    end: Callable[[RunFolder, JobStatus], None]
    refusing: Callable[[], Cluster] | None = None
    patience_s: float = 120.0

    def until(self, condition: Callable[[], object], what: str) -> None:
        until(condition, self.patience_s, what, every_s=0.2)

    def alive(self, cluster: Cluster, trial: RunFolder) -> JobStatus | None:
        status = cluster.jobs([trial]).get(trial.signature)
        return status if status is not None and status.alive else None

    def sent(self, cluster: Cluster, trial: RunFolder) -> JobStatus:
        """The status of a job that was just sent and that the cluster has seen."""
        assert set(cluster.submit([trial])) == {trial.signature} and cluster.waits_for is None
        self.until(lambda: (job := self.alive(cluster, trial)) is not None and job.is_seen, "the job is seen")
        status = self.alive(cluster, trial)
        assert status is not None and status.job_id and status.state
        return status


def check_description(cluster: Cluster, name: str) -> None:
    assert cluster.name == name and cluster.gather_s > 0
    assert isinstance(cluster.notes, list)


def check_submit_adopt_cancel(bench: Bench) -> None:
    """One trial's job is that trial's alone; another driver sees it as the first does, and may end it."""
    first, (trial, other) = bench.make(), bench.trials
    assert first.jobs([trial, other]) == {}, "nothing was sent"
    status = bench.sent(first, trial)
    assert isinstance(first.log_of(trial, status.job_id), Path)
    second = bench.make()
    bench.until(lambda: bench.alive(second, trial), "another driver sees the job")
    adopted = bench.alive(second, trial)
    assert adopted is not None and adopted.job_id == status.job_id
    assert bench.alive(second, other) is None
    second.cancel(other)  # of a trial without a job: nothing happens
    second.cancel(trial)
    for driver in (first, second):
        bench.until(lambda driver=driver: bench.alive(driver, trial) is None, "the job is gone")  # type: ignore[misc]
    assert trial.result() is None


def check_lost(bench: Bench) -> None:
    """A job that ends without a result is not alive any more, and its trial can be sent again."""
    cluster, (trial, _) = bench.make(), bench.trials
    first = bench.sent(cluster, trial)
    bench.end(trial, first)
    bench.until(lambda: bench.alive(cluster, trial) is None, "the cluster knows that the job is gone")
    again = bench.sent(cluster, trial)
    assert again.job_id != first.job_id
    cluster.cancel(trial)
    bench.until(lambda: bench.alive(cluster, trial) is None, "the job is gone")


def check_refused(bench: Bench) -> None:
    """What a cluster will never take is said once, and the broker does not ask again."""
    if bench.refusing is None:
        pytest.skip("this cluster takes every job")
    cluster, (trial, _) = bench.refusing(), bench.trials
    with pytest.raises(SubmitRefused):
        cluster.submit([trial])
    broker = Broker(cluster, retries=2, poll_s=0.1, log=lambda _line: None)
    broker.start()
    try:
        broker.want(trial)
        bench.until(lambda: not broker.open_trials(), "the trial has failed")
    finally:
        broker.close()
    job = job_of(trial)
    assert job.state == "failed" and str(job.reason).startswith("user: ") and not job.submissions
