"""What the mirror writes for MLflow's pages beside metrics, and the addresses that `heatmark ui` prints."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from heatmark.foundation.errors import InputError
from heatmark.pipeline.mirror import Mirror
from heatmark.pipeline.mirror_summary import epochs_to_80, summary
from heatmark.pipeline.mirror_times import begun_ms, ended_ms
from heatmark.pipeline.mlflow_links import links, tracked
from heatmark.pipeline.mlflow_view import LONGEST_TAG, TAG, as_tag, view_of
from heatmark.pipeline.pages import show_pages
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.machine_use import MachineUse
from tests.made_up import fail, finish, made_epoch, made_spec, planned, planned_sweep, start
from tests.pipeline.test_mirror import child_runs

BEGUN, ENDED = "2026-01-01T00:00:00.000Z", "2026-01-01T00:30:00.000Z"
BEGUN_MS = 1767225600000


def trained(sweep: Path, method: dict[str, Any], seed: int, values: tuple[float, ...]) -> RunFolder:
    """A finished trial with these values of AP after its epochs."""
    data = {"name": "coco", "fingerprint": f"sha256:{'ab' * 32}", "input_size": [192, 256]}
    folder = planned(sweep / made_spec(method, seed, data=data).signature, made_spec(method, seed, data=data))
    start(folder, when=BEGUN)
    for number, value in enumerate(values):
        folder.append_epoch(made_epoch(number, {"gtbox/AP": value, "gtbox/EPE": 9.0}))
    finish(folder, {"gtbox/AP": values[-1], "gtbox/EPE": 9.0}, finished=ENDED)
    return folder


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """BCIR with two seeds, IPR with one, and a trial that has not begun."""
    sweep = tmp_path / "sweep"
    bcir = {"name": "bcir", "beta": 10.0}
    folders = [trained(sweep, bcir, seed, (0.1, 0.5, 0.6 + 0.02 * seed)) for seed in (0, 1)]
    folders.append(trained(sweep, {"name": "ipr", "beta": 10.0}, 0, (0.55, 0.5)))
    waiting = made_spec("detection", 5)
    folders.append(planned(sweep / waiting.signature, waiting))
    planned_sweep(sweep, [folder.spec() for folder in folders])
    return sweep


def test_the_addresses_are_those_that_unfold_and_rank_trials(sweep: Path) -> None:
    Mirror(sweep, None).sync()
    found = tracked(sweep)
    assert found is not None and len(found.runs) == 3
    ranked, charts, columns, chosen, compared = links(found, "http://127.0.0.1:5000")
    assert ranked.address == (
        f"http://127.0.0.1:5000/#/experiments/{found.experiment}/runs?workflowType=machine_learning"
        "&orderByKey=metrics.%60val%2Fgtbox%2FAP%60&orderByAsc=false"
    )
    assert charts.address == f"{ranked.address}&compareRunsMode=CHART"
    assert "viewStateShareKey=heatmark" in columns.address and "orderByKey" not in columns.address
    assert chosen.address == f"{columns.address}&compareRunsMode=CHART"
    assert all(run in compared.address for run in found.runs.values())


def test_of_two_databases_the_newer_is_shown(sweep: Path, tmp_path: Path) -> None:
    Mirror(sweep, None).sync()
    newer = f"sqlite:///{tmp_path / 'newer.db'}"
    Mirror(sweep, newer).sync()
    found = tracked(sweep)
    assert found is not None and found.uri == newer


def test_a_sweep_that_was_not_run_has_no_pages(sweep: Path) -> None:
    assert tracked(sweep) is None
    with pytest.raises(InputError, match=r"no mlflow\.db"):
        show_pages(sweep, 5000, opened=False)


def test_a_sweep_on_a_server_has_its_links_there(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Mirror(sweep, None).sync()
    found = tracked(sweep)
    assert found is not None
    for path in sweep.glob("*/mlflow.json"):
        text = path.read_text().replace(found.uri, "https://me:secret@mlflow.example/prefix")
        path.write_text(text)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    show_pages(sweep, 5000, opened=True)
    printed = capsys.readouterr().out
    assert "secret" not in printed and "https://mlflow.example/prefix/#/experiments/" in printed
    assert len(opened) == 5 and all(address in printed for address in opened)


def test_the_view_is_stored_as_mlflow_stores_one(sweep: Path) -> None:
    mirror = Mirror(sweep, None)
    mirror.sync()
    tag = mirror.client.get_experiment(mirror.experiment).tags[TAG]
    stored = json.loads(tag)
    assert len(tag) <= LONGEST_TAG and stored["name"] and stored["createdAt"] == stored["updatedAt"]
    header, packed = stored["state"].split(";")
    state = json.loads(zlib.decompress(base64.b64decode(packed)))
    assert header == "deflate" and state["orderByKey"] == "metrics.`val/gtbox/AP`" and state["orderByAsc"] is False
    wanted = ["tags.`method`", "tags.`beta`", "tags.`backbone`", "tags.`dataset`", "tags.`seed`"]
    wanted += ["metrics.`val/gtbox/AP`", "metrics.`val/gtbox/EPE`", "metrics.`epochs_to_80`", "metrics.`hours`"]
    assert state["selectedColumns"] == wanted
    drawn = [(chart["metricKey"], chart["selectedXAxisMetricKey"]) for chart in state["compareRunCharts"]]
    assert drawn == [
        ("val/gtbox/AP", ""),
        ("val/gtbox/EPE", ""),
        ("train/loss", ""),
        ("val/gtbox/AP", "samples_seen"),
        ("val/gtbox/EPE", "samples_seen"),
        ("val/gtbox/AP", "hours"),
    ]
    sections = {section["uuid"] for section in state["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in state["compareRunCharts"]} <= sections


def test_a_view_of_many_data_sets_still_fits_a_tag() -> None:
    specs = [
        made_spec(data={"name": f"set{number}", "bbox_source": source})
        for number in range(30)
        for source in ("gt", "det")
    ]
    assert len(as_tag(view_of(specs), BEGUN_MS)) <= LONGEST_TAG


def test_a_run_has_the_times_of_its_trial_and_is_there_once_it_has_begun(sweep: Path) -> None:
    mirror = Mirror(sweep, None)
    mirror.sync()
    runs = child_runs(mirror)
    assert len(runs) == 3
    assert {(run.info.start_time, run.info.end_time) for run in runs} == {(BEGUN_MS, BEGUN_MS + 30 * 60 * 1000)}
    (waiting,) = [path.parent for path in sweep.glob("*/spec.json") if not (path.parent / "result.json").exists()]
    start(RunFolder(waiting), when=ENDED)
    mirror.sync()
    (new,) = [run for run in child_runs(mirror) if run.data.tags["signature"] == waiting.name]
    assert new.info.start_time == BEGUN_MS + 30 * 60 * 1000 and new.info.status == "RUNNING"


def test_times_of_trials_without_events_or_results(tmp_path: Path) -> None:
    folder = planned(tmp_path / "trial")
    assert begun_ms(folder) is None and ended_ms(folder) is None
    folder.append_epoch(made_epoch(0, wall_s=90.0, time="2026-01-01T00:02:00.000Z"))
    assert begun_ms(folder) == BEGUN_MS + 30_000 and ended_ms(folder) == BEGUN_MS + 120_000
    fail(folder, "crash", time="2026-01-01T00:03:00.000Z")
    assert ended_ms(folder) == BEGUN_MS + 180_000


def test_data_weights_and_the_machine_are_there_and_nothing_is_copied(sweep: Path) -> None:
    folder = RunFolder(sweep / tracked_first(sweep))
    (folder.checkpoints / "step-000000030").mkdir(parents=True)
    MachineUse(
        epoch=1, cores=1.5, memory_mib=900.0, host_cpu=0.9, host_memory=0.5, gpu_memory_mib=None, gpu_busy=None
    ).append(folder.machine_file)
    mirror = Mirror(sweep, None)
    mirror.sync()
    Mirror(sweep, None).sync()
    (folder.mirror_file).unlink()
    Mirror(sweep, None).sync()  # sent again it is the same
    (run,) = [run for run in child_runs(mirror) if run.data.tags["signature"] == folder.signature]
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.name == "coco" and data.dataset.digest == "ab" * 18
    assert json.loads(data.dataset.source)["fingerprint"] == f"sha256:{'ab' * 32}"
    (output,) = run.outputs.model_outputs
    model = mirror.client.get_logged_model(output.model_id)
    assert model.tags["weights"] == str(folder.checkpoints / "step-000000030") and model.status == "READY"
    assert not any(path.is_file() for path in (sweep / "mlartifacts").rglob("*"))
    assert [each.info.run_id for each in child_runs(mirror) if each.outputs.model_outputs] == [run.info.run_id]
    (point,) = mirror.client.get_metric_history(run.info.run_id, "system/cores")
    assert (point.step, point.value) == (2, 1.5)
    assert run.data.metrics["hours"] == pytest.approx(3 / 3600) and run.data.metrics["epochs_to_80"] == 2
    assert "system/gpu_busy" not in run.data.metrics


def tracked_first(sweep: Path) -> str:
    """The signature of the first finished trial."""
    return next(path.parent.name for path in sorted(sweep.glob("*/result.json")))


def test_epochs_to_80_count_from_1_to_the_first_evaluation_that_is_there(tmp_path: Path) -> None:
    found = [trained(tmp_path, {"name": "bcir", "beta": 10.0}, seed, values) for seed, values in enumerate(
        ((0.1, 0.48, 0.6), (0.1, 0.47, 0.6), (0.9, 0.5, 0.6), (0.0, 0.0, 0.0))
    )]  # fmt: skip
    assert [epochs_to_80(folder, folder.spec()) for folder in found] == [2, 3, 1, None]


def test_the_sweeps_own_run_has_its_summary(sweep: Path) -> None:
    (sweep / "report").mkdir()
    verdict = "- BCIR is ahead on a\\_set, by 2 AP.\n- More.\n"
    (sweep / "report" / "note.md").write_text(f"**A stamp**\n\nA summary.\n\n**Verdict**\n\n{verdict}")
    mirror = Mirror(sweep, None)
    mirror.sync()
    mirror.close("FINISHED")
    wanted = {
        "trials": "4: 3 finished, 1 waiting",
        "best": "BCIR β 10 sbl-r18-w8 coco",
        "best val/gtbox/AP": "0.6100 (mean of 2 seeds)",
        "verdict": "BCIR is ahead on a_set, by 2 AP.",
    }
    assert summary(sweep) == wanted
    assert wanted.items() <= mirror.client.get_run(mirror.parent).data.tags.items()
    assert wanted.items() <= mirror.client.get_experiment(mirror.experiment).tags.items()
