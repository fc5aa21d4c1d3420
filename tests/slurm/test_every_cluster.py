"""SLURM is held to what every cluster is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.clusters import make_cluster
from heatmark.pipeline.submit import JobStatus
from heatmark.workloads.run_folder.folder import RunFolder
from tests.cluster_conformance import (
    Bench,
    check_description,
    check_lost,
    check_refused,
    check_submit_adopt_cancel,
    trial_of_hours,
)

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(1000), pytest.mark.usefixtures("live")]
SETTINGS = ClusterSection(executor="slurm", threads=1, timeout_min=10)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    write_coco(tmp_path / "drawn", SyntheticCoco(people_train=16, people_val=8, seed=1))
    trials = trial_of_hours(tmp_path, tmp_path / "drawn", 0), trial_of_hours(tmp_path, tmp_path / "drawn", 1)
    nowhere = SETTINGS.model_copy(update={"partition": "nowhere"})
    yield Bench(lambda: make_cluster(SETTINGS, tmp_path), trials, _end, lambda: make_cluster(nowhere, tmp_path), 240)
    for trial in trials:
        make_cluster(SETTINGS, tmp_path).cancel(trial)


def _end(_trial: RunFolder, status: JobStatus) -> None:
    subprocess.run(["scancel", "--signal=KILL", "--full", status.job_id], check=True, timeout=60)


def test_it_says_what_it_is(bench: Bench) -> None:
    check_description(bench.make(), "slurm")


def test_a_job_is_found_by_every_driver_and_ends_when_it_is_told_to(bench: Bench) -> None:
    check_submit_adopt_cancel(bench)


def test_a_lost_job_is_known_to_be_gone(bench: Bench) -> None:
    check_lost(bench)


def test_a_partition_that_is_not_there_fails_at_once(bench: Bench) -> None:
    check_refused(bench)
