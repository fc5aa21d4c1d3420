"""Every data set format through a whole trial: its own metrics, and its own prediction file that scores the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.io
from pydantic import TypeAdapter, ValidationError

from heatmark.datasets.formats import FORMATS, FormatName, score
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads.run_folder.folder import RunFolder
from tests.made_up import final_of, made_spec, planned
from tests.rhd_tree import write_rhd

PEOPLE = 8


def test_a_format_goes_by_its_name_and_another_name_is_none() -> None:
    names: Any = TypeAdapter(FormatName)
    assert [names.validate_python(name) for name in FORMATS] == [each.name for each in FORMATS.values()]
    with pytest.raises(ValidationError, match="unknown format 'lsp'; did you mean 'lspet'"):
        names.validate_python("lsp")


def photograph(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 255, (120, 100, 3)).astype(np.uint8))


def write_mpii(root: Path) -> Path:
    """The truth file, which predictions are scored against."""
    random = np.random.default_rng(0)
    joints_NK2 = random.uniform(20, 90, (PEOPLE, 16, 2))
    people = [
        {"image": f"{row}.jpg", "center": [50.0, 50.0], "scale": 0.4, "joints": joints, "joints_vis": [1] * 16}
        for row, joints in enumerate(joints_NK2.tolist())
    ]
    for row in range(PEOPLE):
        photograph(root / "images" / f"{row}.jpg", row)
    (root / "annot").mkdir()
    for stem in ("train", "valid"):
        (root / "annot" / f"{stem}.json").write_text(json.dumps(people))
    boxes = np.stack([np.zeros((2, PEOPLE)), np.full((2, PEOPLE), 40.0)])
    truth = {"pos_gt_src": joints_NK2.transpose(1, 2, 0), "jnt_missing": np.zeros((16, PEOPLE)), "headboxes_src": boxes}
    scipy.io.savemat(root / "annot" / "gt_valid.mat", truth)
    return root / "annot" / "gt_valid.mat"


def write_lspet(root: Path) -> Path:
    """Eight images, of which the last four validate; the truth file."""
    random = np.random.default_rng(0)
    joints_143N = np.ones((14, 3, 904))
    joints_143N[:, :2] = random.uniform(20, 90, (14, 2, 904))
    for number in (*range(1, 5), *range(901, 905)):
        photograph(root / "images" / f"im{number:05d}.jpg", number)
    scipy.io.savemat(root / "joints.mat", {"joints": joints_143N})
    return root / "joints.mat"


def trained(
    folder: Path, root: Path, data_format: str, bbox_source: str = "gt", detections: str | None = None
) -> RunFolder:
    spec = made_spec(
        {"name": "bcir", "t_o": 1},
        data={"name": "tiny", "format": data_format, "bbox_source": bbox_source},
        train={"epochs": 1, "batch_size": 4},
        runtime={"data_root": str(root), "detections": detections},
    )
    run = planned(folder / spec.signature, spec)
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "train", str(run.spec_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return run


@pytest.mark.slow
def test_a_trial_on_mpii_ends_with_pckh_and_a_file_that_scores_the_same(tmp_path: Path) -> None:
    truth = write_mpii(tmp_path / "mpii")
    run = trained(tmp_path, tmp_path / "mpii", "mpii")
    final = final_of(run)
    assert {"gtbox/PCKh@0.5", "gtbox/PCKh@0.10", "gtbox/PCKh@0.5/ankle", "gtbox/EPE"} <= set(final)
    scored = score("mpii", truth, run.usual_predictions_file)
    for threshold in ("0.5", "0.10", "0.11"):
        assert scored[f"PCKh@{threshold}"]["mean"] == pytest.approx(100 * final[f"gtbox/PCKh@{threshold}"])
    assert len(json.loads(run.predictions_file.read_text())) == PEOPLE


@pytest.mark.slow
def test_a_trial_on_lspet_ends_with_pck_and_a_file_that_scores_the_same(tmp_path: Path) -> None:
    truth = write_lspet(tmp_path / "lspet")
    run = trained(tmp_path, tmp_path / "lspet", "lspet")
    final = final_of(run)
    scored = score("lspet", truth, run.usual_predictions_file)
    for threshold in ("0.2", "0.1"):
        assert scored[f"PCK@{threshold}"]["mean"] == pytest.approx(100 * final[f"gtbox/PCK@{threshold}"])
    assert scored["EPE"] == pytest.approx(final["gtbox/EPE"])
    assert len(json.loads(run.predictions_file.read_text())) == 4


@pytest.mark.slow
def test_a_trial_on_rhd_ends_with_auc_and_a_file_that_scores_the_same(tmp_path: Path) -> None:
    truth = write_rhd(tmp_path / "rhd")
    run = trained(tmp_path, tmp_path / "rhd", "rhd")
    final = final_of(run)
    assert {"gtbox/EPE/visible", "gtbox/EPE/occluded", "gtbox/PCK@0.2"} <= set(final)
    scored = score("rhd", truth, run.usual_predictions_file)
    for name in ("AUC@0-30px", "AUC@0-30px mmpose", "AUC@0-30px exact", "EPE"):
        assert scored["all"][name] == pytest.approx(final[f"gtbox/{name}"])
    assert scored["flagged"]["EPE"] == pytest.approx(final["gtbox/EPE/flagged"])
    assert [each["image_id"] for each in json.loads(run.predictions_file.read_text())] == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_trial_in_detected_boxes_says_so_in_every_metric(tmp_path: Path) -> None:
    root = tmp_path / "drawn"
    write_coco(root, SyntheticCoco(people_train=8, people_val=8, seed=0))
    truth = json.loads((root / "annotations" / "person_keypoints_val2017.json").read_text())["annotations"]
    people = [each for each in truth if not each["iscrowd"]]
    boxes = [{"image_id": each["image_id"], "category_id": 1, "bbox": each["bbox"], "score": 0.5} for each in people]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    run = trained(tmp_path, root, "coco", bbox_source="det", detections=str(tmp_path / "boxes.json"))
    final = final_of(run)
    assert {"detbox/AP", "detbox/ARL"} <= set(final) and not any(name.startswith("gtbox") for name in final)
    results = json.loads(run.predictions_file.read_text())
    assert 0 < len(results) <= 8 and all(0 <= each["score"] <= 0.5 * 1.5 for each in results)
    scored = score("coco", root / "annotations" / "person_keypoints_val2017.json", run.predictions_file)
    assert scored["AP"] == pytest.approx(final["detbox/AP"])
