"""Two sweeps on a real SLURM that want one trial: one array of one of them has it, whichever driver lives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.pipeline.broker import Broker
from heatmark.pipeline.shared_cluster import SharedCluster
from heatmark.pipeline.slurm_cluster import SlurmCluster
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.store import place_trials
from tests.made_up import planned_sweep, until
from tests.slurm.sent import Sent, prepare

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(1000)]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    Sent.end_all()


@pytest.fixture
def people(tmp_path: Path) -> Path:
    write_coco(tmp_path / "drawn", SyntheticCoco(people_train=128, people_val=24, seed=1))
    return tmp_path / "drawn"


def sweep_of(runs: Path, name: str, people: Path, epochs: int) -> Path:
    """With one trial, the same for every name."""
    spec = prepare(runs / "planning", people, epochs).spec()
    place_trials(runs / name, [spec.signature])
    planned_sweep(runs / name, [spec], cluster={"executor": "slurm", "nodes": 2, "timeout_min": 10})
    return runs / name


@pytest.mark.usefixtures("live")
def test_the_job_of_a_driver_that_is_gone_is_another_sweeps(tmp_path: Path, people: Path) -> None:
    runs = tmp_path / "runs"
    first = Sent(sweep_of(runs, "first", people, 6), people, epochs=6)
    first.until_epoch(1)
    second = Sent(sweep_of(runs, "second", people, 6), people, epochs=6)  # its own cluster alone sends nothing either
    until(lambda: any("waits for sweep first" in line for line in second.lines), 60, second.story)
    second.broker.close()
    assert second.cluster.jobs([second.run]) == {}, "the array is in the other sweep's folder"
    shared, lines = SharedCluster(second.cluster, second.sweep), list[str]()
    second.broker = Broker(shared, retries=2, poll_s=1.0, log=lines.append)
    second.broker.start()
    second.broker.want(second.run)
    until(lambda: any("waits for sweep first" in line for line in lines), 60, second.story)
    assert first.run.result() is None, "the trial is too short for this test"
    first.broker.close()
    until(lambda: any("this one does" in line for line in lines), 60, second.story)
    status = shared.jobs([second.run])[second.run.signature]
    assert status.job_id == first.job_id and status.state in ("RUNNING", "COMPLETING", "COMPLETED")
    second.until_ended()
    assert second.job.state == "finished", second.story()
    assert len(second.run.attempts()) == 1 and len(second.job.submissions) == 1
    assert shared.log_of(second.run, first.job_id) == first.sweep / "log" / f"{first.job_id}_0_log.out"
    assert not list((second.sweep / "arrays").glob("*.json")), "nothing was sent from here"


@pytest.mark.usefixtures("live")
def test_a_sweep_cancels_the_job_that_another_sent(tmp_path: Path, people: Path) -> None:
    runs = tmp_path / "runs"
    first = Sent(sweep_of(runs, "first", people, 200), people, epochs=200)
    first.until_epoch(1)
    first.broker.close()
    folder = RunFolder(sweep_of(runs, "second", people, 200) / first.run.signature)
    shared = SharedCluster(SlurmCluster(first.cluster.settings, runs / "second"), runs / "second")
    assert shared.jobs([folder])[folder.signature].alive
    shared.cancel(folder)
    until(lambda: not shared.jobs([folder])[folder.signature].alive, 120, first.story, every_s=1)
