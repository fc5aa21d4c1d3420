"""The MLflow mirror, on a real SQLite store: no gaps, no duplicates, whatever was interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.utils.validation import _validate_metric_name

from heatmark.pipeline import mirror as mirror_module
from heatmark.pipeline.mirror import Mirror, default_uri
from heatmark.pipeline.mirror_metrics import flat, metric_name
from heatmark.pipeline.mirror_report import LONGEST_NOTE, shortened
from heatmark.workloads.run_folder.epoch import EpochRecord
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.measured import Measured, Measurement
from tests.made_up import finish, made_epoch, made_spec, planned, planned_sweep, start

IPR = {"name": "ipr", "beta": 10.0}
# How the calls begin that change a store.
WRITES = ("log_", "set_", "create_", "update_")


def trial(sweep: Path, method: dict[str, Any] = IPR, seed: int = 0) -> RunFolder:
    """The run folder of one that has not begun."""
    data = {"name": "coco", "fingerprint": "sha256:0", "input_size": [192, 256]}
    spec = made_spec(method, seed, "sbl-r50", data=data)
    return planned(sweep / spec.signature, spec)


def epoch(number: int) -> EpochRecord:
    return made_epoch(number, {"gtbox/AP": 0.1 * number, "gtbox/APL": None})


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = trial(tmp_path / "sweep")
    planned_sweep(tmp_path / "sweep", name="test")
    for number in (0, 1):
        folder.append_epoch(epoch(number))
    return folder


def child_runs(mirror: Mirror) -> list[Any]:
    return [run for run in mirror.client.search_runs([mirror.experiment]) if "signature" in run.data.tags]


def history(mirror: Mirror, name: str) -> list[tuple[int, float]]:
    (run,) = child_runs(mirror)
    return [(point.step, point.value) for point in mirror.client.get_metric_history(run.info.run_id, name)]


def test_what_is_measured_beside_training_arrives_too(folder: RunFolder) -> None:
    """Under its own name, at the epoch of its weights, once, also of a trial that was complete before."""
    mirror = Mirror(folder.path.parent, None)
    mirror.sync()
    for number in (1, 2):
        Measured(
            source="det",
            measurement=Measurement(boxes="det", flip_test=True, detections="sha256:0"),
            epoch=number,
            step=10 * number,
            time="2026-03-04T10:20:00.000Z",
            metrics={"detbox/AP": 0.1 * number, "detbox/APL": None, "short_mass": 0.5},
        ).append(folder.measurements_file)
        mirror.sync()
        mirror.sync()
    steps, values = zip(*history(mirror, "val/detbox/AP"), strict=True)
    assert steps == (1, 2) and values == pytest.approx((0.1, 0.2))
    assert history(mirror, "val/short_mass") == []


def test_a_trial_takes_few_transactions(folder: RunFolder) -> None:
    """Each is a way to a server and back; it has many more parameters than that."""
    mirror = Mirror(folder.path.parent, None)
    store = mirror.client._tracking_client.store
    begun: list[str] = []
    calls = {name: getattr(store, name) for name in dir(store) if name.startswith(WRITES)}
    with pytest.MonkeyPatch.context() as patch:
        for name, call in calls.items():
            patch.setattr(store, name, counted_call(name, call, begun))
        mirror.sync()
    (run,) = child_runs(mirror)
    assert len(run.data.params) > 2 * len(begun) > 0, begun


def counted_call(name: str, call: Callable[..., Any], begun: list[str]) -> Callable[..., Any]:
    def noted(*arguments: Any, **named: Any) -> Any:
        begun.append(name)
        return call(*arguments, **named)

    return noted


def test_every_epoch_arrives_once_over_restarts_and_lost_offsets(folder: RunFolder) -> None:
    sweep = folder.path.parent
    Mirror(sweep, None).sync()
    folder.append_epoch(epoch(2))
    again = Mirror(sweep, None)
    again.sync()
    again.sync()
    assert history(again, "val/gtbox/AP") == [(1, 0.0), (2, pytest.approx(0.1)), (3, pytest.approx(0.2))]
    # Killed between the upload and the writing of its offset: the same rows are sent again.
    (folder.path / "mlflow.json").unlink()
    once_more = Mirror(sweep, None)
    once_more.sync()
    assert [step for step, _ in history(once_more, "val/gtbox/AP")] == [1, 2, 3]
    (run,) = child_runs(once_more)
    assert run.data.params["method.beta"] == "10.0" and run.data.params["data.fingerprint"] == "sha256:0"
    assert run.data.tags["mlflow.parentRunId"] == once_more.parent


def test_states_follow_the_run_folder_and_nothing_is_left_running(folder: RunFolder) -> None:
    mirror = Mirror(folder.path.parent, None)
    start(folder)
    mirror.sync()
    assert child_runs(mirror)[0].info.status == "RUNNING"
    finish(folder)
    mirror.sync()
    mirror.close("FINISHED")
    assert {run.info.status for run in mirror.client.search_runs([mirror.experiment])} == {"FINISHED"}


def test_a_database_that_was_removed_is_filled_again(folder: RunFolder) -> None:
    sweep = folder.path.parent
    Mirror(sweep, None).sync()
    other = f"sqlite:///{(sweep / 'other.db').absolute()}"
    assert other != default_uri(sweep)
    mirror = Mirror(sweep, other)
    mirror.sync()
    assert [step for step, _ in history(mirror, "train/loss")] == [1, 2]


def test_a_run_is_not_left_running_where_artifacts_cannot_be_stored(folder: RunFolder) -> None:
    sweep = folder.path.parent
    (sweep / "report.pdf").write_text("report")
    mirror = Mirror(sweep, None)
    (sweep / "mlartifacts").write_text("a file where the folder should be")
    with pytest.raises(Exception, match="mlartifacts"):
        mirror.close("FINISHED")
    assert mirror.client.get_run(mirror.parent).info.status == "FINISHED"


def test_a_server_that_is_away_is_given_up_in_time_and_gets_everything_later(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mirror_module, "LAST_S", 0.0)
    monkeypatch.setattr(mirror_module, "INTERVAL_S", 0.01)
    sweep = folder.path.parent
    (sweep / "last_words").write_text("FINISHED\n")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    for uri, code in (("http://127.0.0.1:9", 1), (f"sqlite:///{sweep / 'later.db'}", 0)):
        monkeypatch.setattr("sys.stdin", (sweep / "last_words").open())
        started = time.monotonic()
        assert mirror_module.main(sweep, uri) == code
        assert time.monotonic() - started < 60
    assert "MLflow at http://127.0.0.1:9: " in capsys.readouterr().err
    assert [step for step, _ in history(Mirror(sweep, uri), "train/loss")] == [1, 2]


@pytest.mark.parametrize(
    "name", ["gtbox/AP/höhle (a)", "gtbox/AP/a//b", "gtbox/AP/..", "gtbox/AP/argali sheep", "a@b#c"]
)
def test_names_of_categories_are_names_of_metrics(name: str) -> None:
    _validate_metric_name(metric_name(name))  # type: ignore[no-untyped-call]
    assert metric_name("gtbox/PCKh@0.5") == "gtbox/PCKh_0.5"


def test_parameters_are_flat_and_dotted() -> None:
    assert dict(flat({"train": {"lr": 1e-3, "milestones": [90, 120]}, "seed": 0})) == {
        "train.lr": "0.001",
        "train.milestones": "[90, 120]",
        "seed": "0",
    }


def test_the_report_is_on_the_parent_run(folder: RunFolder) -> None:
    sweep = folder.path.parent
    files = ("report.pdf", "report.html", "report/tables/accuracy.csv", "report/predictions/01.jpg")
    for name in (*files, "report/figures/04-Fig.-4.svg"):
        (sweep / name).parent.mkdir(parents=True, exist_ok=True)
        (sweep / name).write_text(name)
    for verdict in ("IPR ahead", "**Verdict** BCIR ahead"):
        (sweep / "report" / "note.md").write_text(verdict)
        mirror = Mirror(sweep, None)
        mirror.sync()
        mirror.close("FINISHED")
    parents = [run for run in mirror.client.search_runs([mirror.experiment]) if run.data.tags.get("kind") == "sweep"]
    (parent,) = parents
    experiment = mirror.client.get_experiment(mirror.experiment)
    assert parent.data.tags["mlflow.note.content"] == "**Verdict** BCIR ahead"
    assert experiment.tags["mlflow.note.content"] == "**Verdict** BCIR ahead"
    listed = {entry.path for name in ("", "/tables", "/predictions", "/figures")
              for entry in mirror.client.list_artifacts(parent.info.run_id, f"report{name}")}  # fmt: skip
    assert {"report/report.pdf", "report/report.html", "report/tables/accuracy.csv"} <= listed
    assert {"report/predictions/01.jpg", "report/figures/04-Fig.-4.svg"} <= listed


def test_a_killed_driver_leaves_no_half_report(folder: RunFolder) -> None:
    sweep = folder.path.parent
    (sweep / "report.pdf").write_text("of an earlier run")
    mirror = Mirror(sweep, None)
    mirror.close("KILLED")
    assert mirror.client.list_artifacts(mirror.parent, "report") == []


def test_a_trial_is_found_by_its_tags_and_has_both_axes(folder: RunFolder) -> None:
    mirror = Mirror(folder.path.parent, None)
    mirror.sync()
    (run,) = child_runs(mirror)
    wanted = {"method": "ipr", "backbone": "sbl-r50", "dataset": "coco", "seed": "0", "beta": "10"}
    assert wanted.items() <= run.data.tags.items()
    assert history(mirror, "samples_seen") == [(1, 100.0), (2, 200.0)]


def test_a_long_note_is_cut_at_a_line() -> None:
    cut = shortened("a line\n" * 1000)
    assert len(cut) <= LONGEST_NOTE and cut.endswith("a line\n\n… the rest is in report.pdf")
    assert shortened("short\n") == "short\n"
