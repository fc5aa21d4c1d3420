"""Several people, folders and hosts at one MLflow, and what people do on its pages, on a real SQLite store."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import read_json, write_json
from heatmark.pipeline.mirror import Mirror, _try_sync
from heatmark.pipeline.mirror_identity import FILE, identity_of
from heatmark.pipeline.mlflow_runs import PARENT, SweepRuns
from heatmark.workloads.run_folder.folder import run_folders
from tests.made_up import planned_sweep
from tests.pipeline.test_mirror import epoch, trial


def make_sweep(path: Path, epochs: int = 2) -> Path:
    """Two trials of a sweep named `test`."""
    planned_sweep(path, name="test")
    for seed in (0, 1):
        folder = trial(path, seed=seed)
        for number in range(epochs):
            folder.append_epoch(epoch(number))
    return path


def train_on(sweep: Path, number: int) -> None:
    for folder in run_folders(sweep):
        folder.append_epoch(epoch(number))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without runs: to make its tables takes longer than a test."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def uri(tmp_path: Path, empty_store: Path) -> str:
    return f"sqlite:///{shutil.copy(empty_store, tmp_path / 'shared.db')}"


def synced(sweep: Path, uri: str | None, end: str | None = None, mirror: Mirror | None = None) -> Mirror:
    mirror, well = _try_sync(mirror, sweep, uri, end)
    assert mirror is not None and well
    return mirror


def trials(mirror: Mirror) -> dict[str, list[int]]:
    """The steps of every trial's run that is not deleted, by run id."""
    runs = [run for run in mirror.client.search_runs([mirror.experiment]) if "signature" in run.data.tags]
    return {run.info.run_id: [each.step for each in mirror.client.get_metric_history(run.info.run_id, "train/loss")]
            for run in runs}  # fmt: skip


def parents(mirror: Mirror) -> dict[str, Any]:
    runs = mirror.client.search_runs([mirror.experiment], "tags.kind = 'sweep'")
    return {run.info.run_id: run for run in runs}


def test_two_folders_of_one_name_have_runs_of_their_own(tmp_path: Path, uri: str) -> None:
    first, second = make_sweep(tmp_path / "a" / "test"), make_sweep(tmp_path / "b" / "test", epochs=3)
    ours, theirs = synced(first, uri, "FINISHED"), synced(second, uri, "FAILED")
    assert sorted(map(len, trials(ours).values())) == [2, 2, 3, 3]
    status = {each.data.tags["folder"]: each.info.status for each in parents(ours).values()}
    assert status == {str(first): "FINISHED", str(second): "FAILED"}
    for run_id in trials(theirs):
        tags = ours.client.get_run(run_id).data.tags
        assert {"user", "host", "folder"} <= tags.keys() and tags["mlflow.parentRunId"] in (ours.parent, theirs.parent)


def test_a_copy_with_all_its_files_has_runs_of_its_own_and_a_moved_folder_keeps_its_runs(
    tmp_path: Path, uri: str
) -> None:
    sweep = make_sweep(tmp_path / "test")
    before = set(trials(synced(sweep, uri)))
    copy = Path(shutil.copytree(sweep, tmp_path / "copy" / "test"))
    train_on(copy, 2)
    steps = trials(synced(copy, uri))
    assert {run: steps[run] for run in before} == {key: [1, 2] for key in before}
    assert sorted(map(len, steps.values())) == [2, 2, 3, 3]
    moved = sweep.rename(tmp_path / "moved")
    train_on(moved, 2)
    steps = trials(synced(moved, uri))
    assert len(steps) == 4 and {run: steps[run] for run in before} == {key: [1, 2, 3] for key in before}


def test_a_driver_on_another_node_of_the_cluster_goes_on_in_its_runs(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep(tmp_path / "test")
    before = trials(synced(sweep, uri))
    monkeypatch.setattr(socket, "gethostname", lambda: "login2")
    train_on(sweep, 2)
    after = synced(sweep, uri)
    assert trials(after) == {key: [1, 2, 3] for key in before}
    (parent,) = parents(after).values()
    assert parent.data.tags["host"] == "login2"


def test_a_folder_seen_by_another_path_is_the_same_and_its_copy_on_another_host_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep(tmp_path / "test")
    (tmp_path / "link").symlink_to(tmp_path)
    number = identity_of(sweep).number
    assert identity_of(tmp_path / "link" / "test").number == number
    copy = Path(shutil.copytree(sweep, tmp_path / "copied"))
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert identity_of(copy).number != number
    assert identity_of(sweep).number == number
    (sweep / FILE).write_text("{")
    with pytest.raises(InputError, match=FILE):
        identity_of(sweep)


def test_a_copy_with_a_database_of_its_own_goes_on_in_that(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "test")
    synced(sweep, None)
    copy = Path(shutil.copytree(sweep, tmp_path / "copy" / "test"))
    train_on(copy, 2)
    mirror = synced(copy, None, "FINISHED")
    assert list(trials(mirror).values()) == [[1, 2, 3]] * 2 and len(parents(mirror)) == 1


def forget_identity(mirror: Mirror, sweep: Path) -> None:
    """As an earlier version leaves a sweep: no identity, on no run and in no file."""
    for run_id in [*trials(mirror), *parents(mirror)]:
        for tag in mirror.identity.tags:
            mirror.client.delete_tag(run_id, tag)
    (sweep / FILE).unlink()
    for folder in run_folders(sweep):
        content = read_json(folder.mirror_file) or {}
        state = [content["state"][name] for name in ("state", "job_id", "attempts")]
        earlier = {key: content[key] for key in ("target", "run_id", "offset")}
        write_json(folder.mirror_file, {**earlier, "state": [*map(str, state), "-"]})


def test_a_sweep_of_an_earlier_version_goes_on_in_its_runs(tmp_path: Path, uri: str) -> None:
    sweep = make_sweep(tmp_path / "test")
    mirror = synced(sweep, uri)
    before, parent = trials(mirror), mirror.parent
    forget_identity(mirror, sweep)
    train_on(sweep, 2)
    after = synced(sweep, uri)
    assert trials(after) == {key: [1, 2, 3] for key in before} and list(parents(after)) == [parent]


def delete_trial(mirror: Mirror) -> None:
    mirror.client.delete_run(min(trials(mirror)))


def delete_parent(mirror: Mirror) -> None:
    mirror.client.delete_run(mirror.parent)


def delete_experiment(mirror: Mirror) -> None:
    mirror.client.delete_experiment(mirror.experiment)


def gone_for_good(delete: Callable[[Mirror], None]) -> Callable[[Mirror], None]:
    def purge(mirror: Mirror) -> None:
        delete(mirror)
        store = ["--backend-store-uri", mirror.uri, "--tracking-uri", mirror.uri]
        subprocess.run([sys.executable, "-m", "mlflow", "gc", *store], check=True, cwd=mirror.sweep, timeout=250)

    return purge


DELETIONS = [delete_trial, delete_parent, delete_experiment]


@pytest.mark.parametrize("news", [True, False], ids=["trained-on", "finished"])
@pytest.mark.parametrize("goes_on", [True, False], ids=["while-it-goes-on", "between-drivers"])
@pytest.mark.parametrize("delete", DELETIONS)
def test_what_was_deleted_is_restored(
    delete: Callable[[Mirror], None], goes_on: bool, news: bool, tmp_path: Path, uri: str
) -> None:
    sweep = make_sweep(tmp_path / "test")
    mirror = synced(sweep, uri)
    before, parent = set(trials(mirror)), mirror.parent
    delete(mirror)
    if news:
        train_on(sweep, 2)
    mirror = synced(sweep, uri, None, mirror if goes_on else None)
    if news or not goes_on:
        assert set(trials(mirror)) == before and list(parents(mirror)) == [parent]
    mirror = synced(sweep, uri, "FINISHED", mirror)
    assert trials(mirror) == dict.fromkeys(before, [1, 2, 3] if news else [1, 2])
    assert {run_id: run.info.status for run_id, run in parents(mirror).items()} == {parent: "FINISHED"}


@pytest.mark.slow
@pytest.mark.parametrize("delete", DELETIONS)
def test_what_is_gone_for_good_is_made_anew_with_every_epoch(
    delete: Callable[[Mirror], None], tmp_path: Path, uri: str
) -> None:
    sweep = make_sweep(tmp_path / "test")
    mirror = synced(sweep, uri)
    gone_for_good(delete)(mirror)
    train_on(sweep, 2)
    mirror = synced(sweep, uri, "FINISHED", mirror)
    assert list(trials(mirror).values()) == [[1, 2, 3]] * 2
    (parent,) = parents(mirror)
    children = [mirror.client.get_run(run_id) for run_id in trials(mirror)]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent}
    assert all(run.data.params["method.beta"] == "10.0" for run in children)


def test_a_trial_that_cannot_be_sent_stops_no_other(
    tmp_path: Path, uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = make_sweep(tmp_path / "test")
    bad, good = run_folders(sweep)
    whole = bad.metrics_file.read_bytes()
    bad.metrics_file.write_text("no record\n")
    mirror: Mirror | None = None
    for end in (None, None, "FAILED"):
        mirror, well = _try_sync(mirror, sweep, uri, end)
        assert mirror is not None and not well
    assert mirror is not None and list(trials(mirror).values()) == [[1, 2]]
    assert [run.info.status for run in parents(mirror).values()] == ["FAILED"]
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("MLflow at")]
    assert bad.signature in line and good.signature not in line
    bad.metrics_file.write_bytes(whole)
    assert list(trials(synced(sweep, uri, "FINISHED", mirror)).values()) == [[1, 2]] * 2


def test_a_parent_that_cannot_be_made_stops_no_trial(tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep, make = make_sweep(tmp_path / "test"), SweepRuns.make

    def refuse(self: SweepRuns, signature: str, name: str, tags: dict[str, str], start_ms: int | None) -> str:
        if signature == PARENT:
            raise RuntimeError("no room for a parent")
        return make(self, signature, name, tags, start_ms)

    monkeypatch.setattr(SweepRuns, "make", refuse)
    mirror, well = _try_sync(None, sweep, uri)
    assert mirror is not None and not well and list(trials(mirror).values()) == [[1, 2]] * 2
    monkeypatch.undo()
    mirror = synced(sweep, uri, "FINISHED", mirror)
    children = [mirror.client.get_run(run_id) for run_id in trials(mirror)]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == set(parents(mirror)) == {mirror.parent}
