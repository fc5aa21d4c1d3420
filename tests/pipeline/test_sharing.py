"""Two drivers that want one trial: it is sent once, and the other goes on with it whatever becomes of the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from heatmark.foundation.errors import InputError
from heatmark.foundation.file_lock import hold
from heatmark.pipeline import shared_cluster
from heatmark.pipeline.broker import Broker
from heatmark.pipeline.claims import Claims, is_looked_after, is_sent_from_here, wanted_by_others
from heatmark.pipeline.decisions import decide_cancel, reopen
from heatmark.pipeline.driver import cancel_sweep
from heatmark.pipeline.mirror import Mirror
from heatmark.pipeline.plan_view import There, in_words
from heatmark.pipeline.relay import TrialFailed, follow
from heatmark.pipeline.shared_cluster import SharedCluster
from heatmark.pipeline.submit import UNANSWERED, JobStatus
from heatmark.pipeline.trial_status import trial_statuses
from heatmark.workloads.lease import hold_lease
from heatmark.workloads.run_folder.drivers import driver_lock
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.job_record import JobRecord
from heatmark.workloads.run_folder.lease_record import LeaseRecord
from heatmark.workloads.run_folder.store import place_trials
from tests.made_up import fail, finish, job_of, made_epoch, made_spec, planned, planned_sweep, start, until
from tests.pipeline.test_broker import ScriptedCluster

SPEC = made_spec()


class Driver:
    """As `heatmark sweep run` has it, without Ray: a sweep's lock, its claims and its broker."""

    alive: list[Driver] = []  # noqa: RUF012 (of the whole file's tests)

    def __init__(self, sweep: Path, cluster: Any, retries: int = 0) -> None:
        place_trials(sweep, [SPEC.signature])
        planned_sweep(sweep, [SPEC])
        self.folder = planned(sweep / SPEC.signature, SPEC)
        self.said: list[str] = []
        self.lock = hold(driver_lock(sweep), "me")
        self.claims = Claims([SPEC])
        if not is_looked_after(self.folder):
            reopen(self.folder, by_user=True)
        self.claims.want([self.folder])
        self.broker = Broker(cluster, retries, 0.01, self.said.append, self.claims)
        self.broker.start()
        self.broker.want(self.folder)
        Driver.alive.append(self)

    @property
    def ended(self) -> bool:
        return not self.broker.open_trials()

    @property
    def waits(self) -> bool:
        return any("waits for sweep" in line for line in self.said)

    def die(self) -> None:
        """What the end of a process does to its locks."""
        self.broker.close()
        self.lock.close()


@pytest.fixture
def cluster() -> Iterator[ScriptedCluster]:
    """One cluster for all sweeps; it refuses a second job for a trial."""
    yield ScriptedCluster()
    for driver in Driver.alive:
        driver.die()
    Driver.alive.clear()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def owner_and_other(runs: Path, cluster: ScriptedCluster, **options: Any) -> tuple[Driver, Driver]:
    """The first has sent the trial, the second waits for it."""
    first = Driver(runs / "a", cluster, **options)
    until(lambda: cluster.sent and job_of(first.folder).state == "submitted")
    second = Driver(runs / "b", cluster, **options)
    until(lambda: second.waits)
    return first, second


def test_a_trial_that_two_drivers_want_is_sent_once_and_both_get_its_result(
    runs: Path, cluster: ScriptedCluster
) -> None:
    first, second = owner_and_other(runs, cluster)
    finish(first.folder)
    cluster.live.clear()
    until(lambda: first.ended and second.ended)
    assert cluster.sent == [SPEC.signature] and job_of(second.folder).state == "finished"
    assert second.folder.drivers() == ["a"] and is_sent_from_here(first.folder)
    assert not is_sent_from_here(second.folder), "its costs are the first sweep's to account"
    late = Claims()
    assert late.take(second.folder) is None and second.folder.drivers() == ["a"], "nothing is left to look after"
    late.close()


def test_drivers_that_begin_at_once_send_it_once(runs: Path, cluster: ScriptedCluster) -> None:
    drivers = [Driver(runs / name, cluster) for name in "abcd"]
    until(lambda: sum(driver.waits for driver in drivers) == 3)
    assert cluster.sent == [SPEC.signature]
    finish(drivers[0].folder)
    cluster.live.clear()
    until(lambda: all(driver.ended for driver in drivers))
    assert cluster.sent == [SPEC.signature]


def test_a_failure_is_that_of_all_that_wait_for_it(runs: Path, cluster: ScriptedCluster) -> None:
    first, second = owner_and_other(runs, cluster)
    fail(first.folder, "diverged", "the loss is nan")
    cluster.live.clear()
    until(lambda: first.ended and second.ended)
    assert cluster.sent == [SPEC.signature]
    with pytest.raises(TrialFailed, match="the loss is nan"):
        list(follow(second.folder, 0.01))


def test_the_next_goes_on_with_the_job_of_a_driver_that_died(runs: Path, cluster: ScriptedCluster) -> None:
    first, second = owner_and_other(runs, cluster)
    first.die()
    until(lambda: any("this one does" in line for line in second.said))
    assert cluster.sent == [SPEC.signature] and second.folder.drivers() == ["a", "b"]
    # And sends another where that one is lost.
    cluster.live.clear()
    second.broker.retries = 1
    until(lambda: len(cluster.sent) == 2)
    finish(second.folder)
    cluster.live.clear()
    until(lambda: second.ended)
    assert is_sent_from_here(second.folder) and not is_sent_from_here(first.folder)


def test_a_job_that_was_about_to_be_sent_by_a_driver_that_died_is_sent(runs: Path, cluster: ScriptedCluster) -> None:
    cluster.room = 0
    first = Driver(runs / "a", cluster)
    until(lambda: (job := first.folder.job()) and job.state == "pending")
    second = Driver(runs / "b", cluster)
    until(lambda: second.waits)
    first.die()
    cluster.room = 1
    until(lambda: cluster.sent == [SPEC.signature])


@pytest.fixture
def cancel(monkeypatch: pytest.MonkeyPatch, cluster: ScriptedCluster) -> Callable[[Path], tuple[int, list[str]]]:
    monkeypatch.setattr("heatmark.pipeline.driver.make_cluster", lambda *_, **__: cluster)
    monkeypatch.setattr(shared_cluster, "make_cluster", lambda *_, **__: cluster)

    def cancelled(sweep: Path) -> tuple[int, list[str]]:
        said: list[str] = []
        return cancel_sweep(sweep, said.append), said

    return cancelled


@pytest.mark.parametrize("which", ["owner", "other"])
def test_a_cancelled_sweep_leaves_what_another_wants(
    which: str, runs: Path, cluster: ScriptedCluster, cancel: Callable[[Path], tuple[int, list[str]]]
) -> None:
    first, second = owner_and_other(runs, cluster)
    leaving, staying = (first, second) if which == "owner" else (second, first)
    count, said = cancel(leaving.folder.path.parent)
    assert count == 1 and f"left to sweep {staying.folder.path.parent.name}" in said[0]
    until(lambda: leaving.ended)
    assert list(follow(leaving.folder, 0.01)) == [], "Tune is done with it"
    until(lambda: is_looked_after(staying.folder) and staying.folder.drivers()[-1] == staying.folder.path.parent.name)
    assert cluster.cancelled == [] and cluster.live and not staying.ended
    (status,) = trial_statuses(leaving.folder.path.parent)
    assert (status.state, status.reason) == ("cancelled", "left to other sweeps that want it")
    assert trial_statuses(staying.folder.path.parent)[0].state == "submitted"
    # The last one that wants it cancels it.
    assert cancel(staying.folder.path.parent)[0] == 1
    until(lambda: staying.ended)
    assert cluster.cancelled and job_of(staying.folder).state == "cancelled"
    # A sweep that is run again takes it up, whoever cancelled it.
    leaving.die()
    staying.die()
    again = Driver(leaving.folder.path.parent, cluster)
    until(lambda: len(cluster.sent) == 2)
    finish(again.folder)


def test_what_a_sweep_without_a_driver_wanted_is_cancelled(
    runs: Path, cluster: ScriptedCluster, cancel: Callable[[Path], tuple[int, list[str]]]
) -> None:
    first, second = owner_and_other(runs, cluster)
    second.die()
    cancel(runs / "a")
    until(lambda: first.ended)
    assert job_of(first.folder).state == "cancelled"


def test_what_asha_stopped_in_one_sweep_goes_on_in_another(runs: Path, cluster: ScriptedCluster) -> None:
    first, second = owner_and_other(runs, cluster)
    assert decide_cancel(first.folder, by="scheduler", reason="stopped early by ASHA") == ["b"]
    until(lambda: first.ended)
    assert cluster.cancelled == [] and not second.ended
    first.die()
    assert not reopen(first.folder, by_user=True), "in its own sweep it stays stopped"
    # Stopped where nobody else wanted it then, it is taken up by a sweep that asks for it later.
    assert decide_cancel(second.folder, by="scheduler", reason="stopped early by ASHA") == []
    until(lambda: second.ended)
    third = Driver(runs / "c", cluster)
    until(lambda: len(cluster.sent) == 2)
    finish(third.folder)
    cluster.live.clear()
    until(lambda: third.ended)


def test_a_cancellation_under_way_is_waited_for_and_then_taken_up(runs: Path, cluster: ScriptedCluster) -> None:
    """The second sweep comes while the first one's job, which was told to end, is still saving."""
    cluster.cancel = lambda folder: cluster.cancelled.append(folder.signature)  # type: ignore[method-assign]
    first = Driver(runs / "a", cluster)
    until(lambda: cluster.sent and job_of(first.folder).state == "submitted")
    decide_cancel(first.folder, by="user", reason="enough")
    until(lambda: cluster.cancelled)
    second = Driver(runs / "b", cluster)
    until(lambda: second.waits)
    assert second.folder.decision() is not None and not first.ended
    followed = follow(second.folder, 0.01)
    cluster.live.clear()
    until(lambda: first.ended)
    until(lambda: len(cluster.sent) == 2)
    assert second.folder.decision() is None and list(cluster.live) == [SPEC.signature]
    second.folder.append_epoch(made_epoch(0))
    assert next(followed).epoch == 0, "Tune follows the trial beyond the other sweep's cancellation"
    finish(second.folder)
    cluster.live.clear()
    until(lambda: second.ended)


def test_others_hear_once_a_turn_what_is_wanted_no_longer(runs: Path) -> None:
    for name in "ab":
        place_trials(runs / name, [SPEC.signature])
        planned_sweep(runs / name, [SPEC])
    planned(runs / "a" / SPEC.signature, SPEC)
    first, second = (RunFolder(runs / name / SPEC.signature) for name in "ab")
    claims = Claims()
    claims.want([first])
    with hold(driver_lock(runs / "a"), "sweep a"):
        assert wanted_by_others(second) == ["a"]
        claims.let_go(first)
        assert wanted_by_others(second) == ["a"]
        claims.tell()
        assert wanted_by_others(second) == []


class Elsewhere(ScriptedCluster):
    """Another sweep's cluster: what it knows of is in its own books alone."""

    name = "slurm"


def taken_over(runs: Path, state: str = "submitted", executor: str = "slurm") -> RunFolder:
    """A trial of sweep b, of which sweep a's driver wrote down last that its job 7 was sent."""
    for name in "ab":
        place_trials(runs / name, [SPEC.signature])
        planned_sweep(runs / name, [SPEC], cluster={"executor": executor})
    folder = planned(runs / "a" / SPEC.signature, SPEC)
    Claims().take(folder)
    Claims().take(folder)
    record = JobRecord.new(executor).pending()
    (record.submitted("7", adopted=False) if state == "submitted" else record).write(folder.job_file)
    return RunFolder(runs / "b" / SPEC.signature)


def test_a_job_is_found_at_the_cluster_of_the_sweep_that_sent_it(
    runs: Path, cluster: ScriptedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, theirs = taken_over(runs), Elsewhere()
    theirs.live[SPEC.signature] = "7"
    theirs.notes.append("a note of theirs")
    asked: list[Path] = []

    def made(_settings: object, sweep: Path, supplies: bool = True) -> Elsewhere:
        assert not supplies, "another sweep's jobs are asked for, never sent"
        asked.append(sweep)
        return theirs

    monkeypatch.setattr(shared_cluster, "make_cluster", made)
    both = SharedCluster(cluster, runs / "b")
    found = both.jobs([folder])
    assert found[SPEC.signature].job_id == "7" and found[SPEC.signature].alive and asked == [runs / "a"]
    assert both.notes == ["a note of theirs"] and both.name == "scripted"
    both.cancel(folder)
    assert theirs.cancelled == [SPEC.signature]
    # One of its own that lives is the one that counts.
    cluster.live[SPEC.signature] = "8"
    theirs.past[SPEC.signature] = JobStatus("7", "CANCELLED", alive=False)
    assert both.jobs([folder])[SPEC.signature].job_id == "8"
    # Of two that ended, the one on record.
    cluster.live.clear()
    cluster.past[SPEC.signature] = JobStatus("6", "COMPLETED", alive=False)
    assert both.jobs([folder])[SPEC.signature].state == "CANCELLED"


@pytest.mark.parametrize("state", ["pending", "submitted"])
def test_a_job_at_a_cluster_that_cannot_be_asked_is_not_sent_again(
    state: str, runs: Path, cluster: ScriptedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = taken_over(runs, state)

    def absent(*_: object, **__: object) -> ScriptedCluster:
        raise InputError("there is no SLURM on this machine")

    monkeypatch.setattr(shared_cluster, "make_cluster", absent)
    status = SharedCluster(cluster, runs / "b").jobs([folder])[SPEC.signature]
    assert status.alive and status.state == UNANSWERED and "no SLURM on this machine" in (status.waits_for or "")
    finish(folder)
    JobRecord.new("slurm").write(folder.job_file)
    assert SharedCluster(cluster, runs / "b").jobs([folder]) == {}


def test_a_process_of_another_machine_that_trains_is_waited_for(
    runs: Path, cluster: ScriptedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = taken_over(runs, executor="local")
    monkeypatch.setattr(shared_cluster, "make_cluster", lambda *_, **__: ScriptedCluster())
    both = SharedCluster(cluster, runs / "b")
    assert both.jobs([folder]) == {}
    with hold_lease(folder, "7", 0) as lease:
        assert both.jobs([folder]) == {}, "on this machine the processes themselves are seen"
        away = LeaseRecord(**{**lease.content.model_dump(), "host": "login2"})
        away.write(folder.lease_file)
        assert "on login2 trains it" in (both.jobs([folder])[SPEC.signature].waits_for or "")


def test_a_trial_of_another_kind_of_cluster_begins_a_new_record(runs: Path, cluster: ScriptedCluster) -> None:
    folder = taken_over(runs, executor="local")
    driver = Driver(runs / "b", cluster, retries=1)
    until(lambda: cluster.sent and job_of(folder).state == "submitted")
    assert job_of(folder).executor == "scripted" and [job_of(folder).job_id] == ["job-1"]
    assert [each.job_id for each in job_of(folder).submissions] == ["job-1"], "a process is no job of SLURM's"
    finish(driver.folder)


def test_each_sweep_mirrors_a_trial_that_they_share_as_its_own(runs: Path) -> None:
    for name in "ab":
        place_trials(runs / name, [SPEC.signature])
        planned_sweep(runs / name, [SPEC])
    folder = planned(runs / "a" / SPEC.signature, SPEC)
    start(folder)
    for number in range(3):
        folder.append_epoch(made_epoch(number, {"gtbox/AP": 0.1 * number}))
    finish(folder)
    mirrors = [Mirror(runs / name, None) for name in "ab"]
    for mirror in [*mirrors, *mirrors]:
        mirror.sync()
    for mirror, name in zip(mirrors, "ab", strict=True):
        (child,) = [run for run in mirror.client.search_runs([mirror.experiment]) if "signature" in run.data.tags]
        history = mirror.client.get_metric_history(child.info.run_id, "val/gtbox/AP")
        assert [point.step for point in history] == [1, 2, 3] and child.info.status == "FINISHED"
        assert child.data.tags["sweep"] == name and child.data.tags["mlflow.parentRunId"] == mirror.parent
    assert not (folder.path / "mlflow.json").exists()
    # Neither has forgotten what it sent because the other has sent it too.
    states = [RunFolder(runs / name / SPEC.signature).mirror_file.stat().st_mtime_ns for name in "ab"]
    for mirror in mirrors:
        mirror.sync()
    assert [RunFolder(runs / name / SPEC.signature).mirror_file.stat().st_mtime_ns for name in "ab"] == states


def test_a_plan_says_what_is_there() -> None:
    there = {
        "1": There("finished", ("demo", "other")),
        "2": There("running", ("other",)),
        "3": There("begun", ("demo",)),
        "4": There("", ()),
    }
    assert [str(each) for each in there.values()] == ["finished (demo, other)", "running (other)", "begun (demo)", ""]
    assert in_words(there) == "Of 4 trials 1 finished, 1 running, 1 begun; 2 to be trained."


def names(folders: Sequence[RunFolder]) -> list[str]:
    return [folder.signature for folder in folders]


def test_status_follows_the_links(runs: Path, cluster: ScriptedCluster) -> None:
    driver = Driver(runs / "a", cluster)
    assert names(list(run_folders(runs / "a"))) == [SPEC.signature] == [s.signature for s in trial_statuses(runs / "a")]
    finish(driver.folder)
