"""What holds for every kind of cluster there is, and its jobs where there is such a cluster here: SLURM's are sent in
tests/slurm.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.foundation.errors import InputError
from heatmark.foundation.files import read_json, write_json
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.clusters import CLUSTERS, ClusterKind, make_cluster, register
from heatmark.pipeline.local_cluster import _processes_of
from heatmark.pipeline.submit import Cluster, JobStatus, SubmitRefused
from heatmark.workloads.run_folder.folder import RunFolder
from tests.cluster_conformance import (
    Bench,
    check_description,
    check_lost,
    check_refused,
    check_submit_adopt_cancel,
    trial_of_hours,
)


class Sleepers:
    """Jobs that sleep; what was sent is in the sweep's folder, as an own cluster may have it."""

    name = "sleepers"
    gather_s = 0.01

    def __init__(self, settings: ClusterSection, sweep: Path) -> None:
        self.settings, self.file = settings, sweep / "sleepers.json"
        self.waits_for: str | None = None
        self.notes: list[str] = []

    def submit(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        if self.settings.partition == "none":
            raise SubmitRefused("there is no partition none")
        sent = {folder.signature: str(subprocess.Popen(["sleep", "600"]).pid) for folder in folders}
        write_json(self.file, (read_json(self.file) or {}) | sent)
        return sent

    def jobs(self, folders: Sequence[RunFolder]) -> dict[str, JobStatus]:
        sent = read_json(self.file) or {}
        known = {folder.signature: sent[folder.signature] for folder in folders if folder.signature in sent}
        return {signature: JobStatus(job, "RUNNING", alive=True) for signature, job in known.items() if _lives(job)}

    def log_of(self, folder: RunFolder, job_id: str) -> Path:
        return folder.log / job_id

    def cancel(self, folder: RunFolder) -> None:
        for status in self.jobs([folder]).values():
            os.kill(int(status.job_id), signal.SIGTERM)


def _lives(job_id: str) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(int(job_id)).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture(autouse=True)
def sleepers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of cluster that is registered as anyone's is."""
    list(CLUSTERS)
    monkeypatch.setattr(CLUSTERS, "_items", dict(CLUSTERS._items))

    @register
    class SleepersKind(ClusterKind):
        name = "sleepers"

        def make(self, settings: ClusterSection, sweep: Path) -> Cluster:
            return Sleepers(settings, sweep)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "drawn"
    write_coco(root, SyntheticCoco(people_train=16, people_val=8, seed=1))
    return root


# SLURM is held to the same on a live one (tests/slurm/test_every_cluster.py).
@pytest.fixture(params=[*(name for name in CLUSTERS if name != "slurm"), "sleepers"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, people: Path) -> Iterator[Bench]:
    """Two trials on a cluster of each kind."""
    settings = ClusterSection(executor=request.param, threads=1)
    trials = trial_of_hours(tmp_path, people, 0), trial_of_hours(tmp_path, people, 1)
    none = ClusterSection(executor=request.param, partition="none")
    refusing = (lambda: make_cluster(none, tmp_path)) if request.param == "sleepers" else None
    bench = Bench(lambda: make_cluster(settings, tmp_path), trials, _end, refusing)
    yield bench
    for trial in trials:
        for status in bench.make().jobs([trial]).values():
            _end(trial, status)


def _end(trial: RunFolder, status: JobStatus) -> None:
    """With all that it started, however the kind goes about it."""
    for process in [*_processes_of(trial), psutil.Process(int(status.job_id))]:
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in [*process.children(recursive=True), process]:
                each.kill()


@pytest.mark.parametrize("name", [*CLUSTERS, "sleepers"])
def test_a_kind_says_what_it_takes(name: str, tmp_path: Path) -> None:
    kind, settings = CLUSTERS[name], ClusterSection(executor=name, parallel=1)
    assert settings.kind is kind and kind.name == name and type(kind).__doc__ is not ClusterKind.__doc__
    assert kind.poll_s > 0 and settings.interval_s == kind.poll_s
    assert ClusterSection(executor=name, poll_s=7).interval_s == 7
    assert kind.most_nodes is None or kind.most_nodes >= 1
    assert kind.threads_per_rank(settings) >= 1
    script = kind.preview(settings, tmp_path / "sweep", 3)
    assert script is None or (kind.sender and script)
    try:
        cluster = kind.make(settings, tmp_path / "sweep")
    except InputError as error:
        assert f"cluster.executor: {name}: " in str(error)
    else:
        check_description(cluster, name)


def test_a_job_is_found_by_every_driver_and_ends_when_it_is_told_to(bench: Bench) -> None:
    check_submit_adopt_cancel(bench)


def test_a_lost_job_is_known_to_be_gone(bench: Bench) -> None:
    check_lost(bench)


def test_what_a_cluster_will_never_take_fails_at_once(bench: Bench) -> None:
    check_refused(bench)
