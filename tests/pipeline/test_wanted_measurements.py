"""What is measured of trials that are there already: planned, not trained again, and read by the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.foundation.errors import InputError
from heatmark.pipeline.plan import Plan, make_plan
from heatmark.pipeline.sweep import load_sweep
from heatmark.pipeline.wanted_measurements import planned_again
from heatmark.reports.reading.collect import collect
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.measured import Measured, Measurement
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file
from tests.made_up import finish, made_epoch


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    write_coco(root, SyntheticCoco(people_train=4, people_val=2, seed=1))
    (tmp_path / "boxes.json").write_text(
        json.dumps([{"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.5}])
    )
    return root


def plan_of(data: Path, changes: tuple[str, ...] = (), **grid: Any) -> Plan:
    content = {
        "name": "test",
        "grid": {"method": "bcir", "beta": 10, "backbone": "sbl-r18-w8", "dataset": "coco", **grid},
        "train": {"epochs": 3},
        "data": {"coco": {"root": str(data)}},
    }
    path = data.parent / "sweep.yaml"
    path.write_text(yaml.safe_dump(content))
    return make_plan(load_sweep(path, list(changes)), data.parent / "runs", path)


def boxes(data: Path, *sources: str) -> tuple[str, ...]:
    return (f"data.coco.bbox_source=[{', '.join(sources)}]", f"data.coco.detections={data.parent / 'boxes.json'}")


def only(plan: Plan) -> RunFolder:
    plan.write()
    (trial,) = plan.trials
    return plan.run_folder(trial)


def source(plan: Plan) -> str:
    record = SweepRecord.read(sweep_file(plan.folder))
    assert record is not None
    (cell,) = record.cells
    return cell.source


def train(folder: RunFolder) -> None:
    """As a job leaves it."""
    for number in range(3):
        folder.append_epoch(made_epoch(number, {"gtbox/AP": 0.1 * number, "gtbox/EPE": 9.0}))
    finish(folder, {"gtbox/AP": 0.2, "gtbox/EPE": 9.0})


def measure(folder: RunFolder, **metrics: float) -> None:
    """As a job does with what is wanted."""
    for part in folder.wanted():
        Measured(
            source=part.source,
            measurement=part.measurement,
            epoch=3,
            step=30,
            time="2026-03-04T10:20:00.000Z",
            metrics={name.replace("_", "/"): value for name, value in metrics.items()},
        ).append(folder.measurements_file)
    folder.wanted_file.unlink()


def test_boxes_flip_and_how_often_are_of_one_trial(data: Path) -> None:
    plan = plan_of(data, boxes(data, "gt", "det"), flip_test=[True, False], eval_every=[1, 3])
    folder = only(plan)
    assert plan.collapsed == 3 and source(plan) == ""
    wanted = {part.source: (part.measurement.flip_test, part.file) for part in folder.wanted()}
    file = str(data.parent / "boxes.json")
    assert wanted == {"gt-noflip": (False, None), "det": (True, file), "det-noflip": (False, file)}
    assert folder.spec().runtime.detections is None
    assert plan.trials[0].signature == plan_of(data).trials[0].signature


def test_what_is_trained_is_only_measured(data: Path) -> None:
    first = plan_of(data)
    folder = only(first)
    train(folder)
    assert plan_of(data, ("train.eval_every=3",)).unfinished() == []
    again = plan_of(data, boxes(data, "gt", "det"))
    assert only(again) == folder and again.unfinished() == list(again.trials) and not folder.finished
    measure(folder, detbox_AP=0.15, detbox_EPE=9.5)
    assert again.unfinished() == [] and only(again).wanted() == (), "it is measured"
    (trial,) = collect(again.folder).trials
    assert (trial.final_metric("AP"), trial.final["detbox/AP"], trial.epochs[-1].val["detbox/EPE"]) == (0.2, 0.15, 9.5)
    assert trial.finished and trial.curve("AP")[0] == [1, 2, 3]


def test_a_sweep_that_measures_otherwise_reads_its_own_measurement(data: Path) -> None:
    """The first sweep named its files; the second finds its own beside them."""
    folder = only(plan_of(data))
    train(folder)
    otherwise = plan_of(data, (*boxes(data, "det"), "train.flip_test=false"))
    assert only(otherwise) == folder and source(otherwise) == "det-noflip"
    assert folder.spec().train.flip_test and folder.spec().data.bbox_source == "gt"
    measure(folder, **{"detbox-noflip_AP": 0.12})
    (trial,) = collect(otherwise.folder).trials
    assert trial.spec is not None and not trial.spec.train.flip_test and trial.spec.data.bbox_source == "det"
    assert trial.final_metric("AP") == 0.12 and trial.evaluations == folder.of_source("det-noflip")


def test_a_trial_of_an_earlier_science_keeps_its_signature(data: Path) -> None:
    """Under which its checkpoints are its own."""
    (now,) = plan_of(data, ("train.eval_every=3",)).trials
    then = now.model_copy(
        update={"science_version": 2, "train": now.train.model_copy(update={"eval_every": 1, "flip_test": False})}
    )
    again = planned_again(then, now)
    assert again.signature == then.signature and again.runtime == now.runtime
    assert planned_again(now.model_copy(update={"train": then.train}), now).train.eval_every == 3


def test_another_detector_is_another_measurement(data: Path) -> None:
    folder = only(plan_of(data, boxes(data, "gt", "det")))
    (first,) = folder.wanted()
    file = data.parent / "boxes.json"
    file.write_text(file.read_text().replace("0.5", "0.6"))
    plan = plan_of(data, boxes(data, "gt", "det"))
    assert only(plan) == folder
    sources = [part.source for part in folder.wanted()]
    assert sources[0] == "det" and sources[1].startswith("det-") and len(sources) == 2
    assert folder.wanted()[0] == first


def test_boxes_of_one_measurement_are_asked_for_once(data: Path) -> None:
    folder = only(plan_of(data, boxes(data, "det", "gt")))
    assert folder.spec().data.bbox_source == "det" and folder.spec().runtime.detections == str(
        data.parent / "boxes.json"
    )
    (part,) = folder.wanted()
    assert part.measurement == Measurement(boxes="gt", flip_test=True, detections=None)


def test_what_cannot_be_of_one_training_is_refused(data: Path) -> None:
    with pytest.raises(InputError, match=r"bbox_source: gt and mmpose boxes crop people unlike each other"):
        plan_of(data, ("data.coco.format=rhd", "data.coco.bbox_source=[gt, mmpose]"))
    with pytest.raises(InputError, match=r"detections: give the file of the boxes with bbox_source det"):
        plan_of(data, ("data.coco.bbox_source=[gt, det]",))
    with pytest.raises(InputError, match=r"train.epochs: 0 measures published weights as they are; give the file"):
        plan_of(data, ("train.epochs=0",))
