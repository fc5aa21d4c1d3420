"""A skeleton of one's own, from its file to the report without a line of Python; and public data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from heatmark.foundation.errors import InputError
from heatmark.pipeline.plan import Plan, data_notes, draw_missing_data, make_plan
from heatmark.pipeline.sweep import load_sweep
from heatmark.workloads.run_folder.folder import run_folders
from tests.pipeline.test_sweep_run import start

BEETLE = """
name: beetle
joints: [head, thorax, tail, left_horn, right_horn]
limbs: [[head, thorax, tail], [head, left_horn], [head, right_horn]]
reference: [head, tail]
"""


def write(folder: Path, data: dict[str, Any], epochs: int = 2) -> Path:
    content = {
        "name": "mine",
        "grid": {"method": ["detection", "bcir"], "backbone": ["sbl-r18-w8"], "dataset": [*data]},
        "train": {"epochs": epochs, "batch_size": 4},
        "data": data,
        "cluster": {"parallel": 2, "threads": 1},
        "tune": {"dashboard": False},
        "tracking": {"enabled": False},
    }
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def drawn(**keypoints: Any) -> dict[str, Any]:
    return {
        "format": "keypoints",
        "synthetic": {"people_train": 16, "people_val": 8},
        "input_size": [64, 64],
        "keypoints": keypoints,
    }


def planned(path: Path) -> Plan:
    return make_plan(load_sweep(path), path.parent / "runs", path)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_skeleton_in_a_folder_is_planned_trained_and_reported(tmp_path: Path) -> None:
    (tmp_path / "beetle.yaml").write_text(BEETLE)
    path = write(tmp_path, {"beetles": drawn(skeleton="./beetle.yaml")})
    process = start("run", path, cwd=tmp_path)
    printed, _ = process.communicate(timeout=500)
    assert process.returncode == 0, printed
    folders = list(run_folders(tmp_path / "runs" / "mine"))
    assert len(folders) == 2
    for folder in folders:
        final = folder.epochs()[-1].val or {}
        # Without sigmas of its own the skeleton is judged by PCK of its own length.
        assert {"gtbox/PCK@0.2", "gtbox/NME", "gtbox/AUC@0-30px", "gtbox/EPE", "gtbox/AP"} <= set(final)
        assert folder.spec().data.keypoints.skeleton["joints"][3:] == ["left_horn", "right_horn"]  # type: ignore
        results = json.loads(folder.predictions_file.read_text())
        assert len(results) == 8 and all(len(each["keypoints"]) == 15 for each in results)
    report = (tmp_path / "runs" / "mine" / "report.html").read_text()
    assert "skeleton beetle, 5 joints" in report and "PCK@0.2" in report
    assert (tmp_path / "runs" / "mine" / "report.pdf").stat().st_size > 10_000


def test_a_trial_knows_its_skeleton_and_not_where_it_came_from(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beetle.yaml").write_text(BEETLE)
    (tmp_path / "same.yaml").write_text(BEETLE + "# the same\n")
    first, second = (
        planned(write(tmp_path, {"mine": drawn(skeleton=f"./{name}.yaml")})) for name in ("beetle", "same")
    )
    assert [each.signature for each in first.trials] == [each.signature for each in second.trials]
    (tmp_path / "same.yaml").write_text(BEETLE.replace("[head, tail]", "[head, thorax]"))
    other = planned(write(tmp_path, {"mine": drawn(skeleton="./same.yaml")}))
    assert not {each.signature for each in first.trials} & {each.signature for each in other.trials}


def test_where_files_are_is_no_part_of_a_trials_identity(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beetle.yaml").write_text(BEETLE)
    plan = planned(write(tmp_path, {"mine": drawn(skeleton="./beetle.yaml")}))
    draw_missing_data(plan, print)
    tree = Path(plan.trials[0].runtime.data_root)
    found = {"format": "keypoints", "root": str(tree), "input_size": [64, 64]}
    one = planned(write(tmp_path, {"mine": {**found, "keypoints": {"skeleton": "beetle.yaml"}}}))
    (tree / "annotations").rename(tree / "labels")
    other = planned(write(tmp_path, {"mine": {**found, "keypoints": {"skeleton": "beetle.yaml"}}}))
    assert [each.signature for each in one.trials] == [each.signature for each in other.trials]
    assert other.trials[0].data.keypoints.train.annotations == "labels/train.json"  # type: ignore[union-attr]


def test_without_pairs_nothing_is_mirrored_and_that_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    skeleton = {"joints": ["a", "b", "c"]}
    plan = planned(write(tmp_path, {"mine": drawn(skeleton=skeleton)}))
    assert {(each.data.flip, each.train.flip_test) for each in plan.trials} == {(0.0, False)}
    draw_missing_data(plan, print)
    assert any("training is without mirroring" in note for note in data_notes(plan))
    symmetric = planned(write(tmp_path, {"mine": drawn(skeleton={**skeleton, "pairs": []})}))
    assert {(each.data.flip, each.train.flip_test) for each in symmetric.trials} == {(0.5, True)}


REFUSED = {
    "for another format": ({"format": "coco", "root": ".", "keypoints": {}}, "goes with `format: keypoints`"),
    "an unknown key": (
        {"format": "keypoints", "root": ".", "keypoints": {"skelleton": "coco"}},
        "did you mean 'skeleton'",
    ),
    "a split alone": (
        {"format": "keypoints", "root": ".", "keypoints": {"train": {"annotations": "a.json"}}},
        "train and val: give both",
    ),
    "a headline": ({"format": "keypoints", "root": ".", "keypoints": {"headline": "mAP"}}, "headline 'mAP'"),
    "files of a drawn set": (drawn(annotations="a.json"), "a drawn data set has its own files"),
    "a folder without files": ({"format": "keypoints", "root": "."}, "no annotation file with key points"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_sections_that_cannot_be_meant_are_refused_when_planned(case: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    data, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        planned(write(tmp_path, {"mine": data}))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_public_sets_of_many_kinds_are_trained_and_compared(tmp_path: Path, real: Any) -> None:
    """Several species, a face without names, a whole body of 133 joints, and hands, in one sweep and one report."""
    sets = real("keypoint_sets")
    whole = {"annotations": "keypoint_sets/coco_wholebody/test_coco_wholebody.json", "images": "coco_mmpose"}
    shared = {"format": "keypoints", "input_size": [64, 64]}
    data = {
        "animals": {**shared, "root": str(sets / "ap10k")},
        "faces": {**shared, "root": str(sets / "wflw"), "keypoints": {"skeleton": "wflw"}},
        "whole": {**shared, "root": str(sets.parent), "keypoints": whole},
    }
    process = start("run", write(tmp_path, data, epochs=1), cwd=tmp_path)
    printed, _ = process.communicate(timeout=500)
    assert process.returncode == 0, printed
    finals = {folder.spec().label: folder.epochs()[-1].val or {} for folder in run_folders(tmp_path / "runs" / "mine")}
    assert len(finals) == 6 and all((each["gtbox/EPE"] or 0) > 0 for each in finals.values())
    assert any("gtbox/AP/face" in each for each in finals.values())
    report = (tmp_path / "runs" / "mine" / "report.html").read_text()
    assert "skeleton coco_wholebody, 133 joints" in report and "skeleton wflw, 98 joints" in report
