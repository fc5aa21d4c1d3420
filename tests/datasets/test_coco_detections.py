"""People in a detector's boxes: the genuine file, OKS-NMS by hand, and evaluation over images without a box."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatmark.datasets.coco import load_coco
from heatmark.datasets.coco_detections import detections_fingerprint, load_detections
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.formats import FORMATS
from heatmark.datasets.geometry import crop_size
from heatmark.datasets.loader import make_loader
from heatmark.datasets.metrics.oks_nms import oks, oks_nms
from heatmark.datasets.metrics.score import score_coco
from heatmark.datasets.predictions import Predictions, as_results, suppressed
from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.foundation.errors import InputError


def box(image_id: int | None = 1, **changes: Any) -> dict[str, Any]:
    return {"image_id": image_id, "category_id": 1, "bbox": [10.0, 12.0, 30.0, 60.0], "score": 0.5, **changes}


def write(folder: Path, boxes: Any) -> Path:
    path = folder / "detections.json"
    path.write_text(json.dumps(boxes))
    return path


@pytest.fixture
def genuine(real: Any, tmp_path: Path) -> Path:
    """The four images with their annotations in COCO's layout."""
    (tmp_path / "annotations").mkdir()
    shutil.copy(real("coco_mmpose/test_coco.json"), tmp_path / "annotations" / "person_keypoints_val2017.json")
    (tmp_path / "val2017").symlink_to(real("coco_mmpose"))
    return tmp_path


def test_the_genuine_boxes_and_the_crops_that_others_made_of_them(real: Any, genuine: Path) -> None:
    dataset = load_detections(genuine, real("coco_mmpose/test_coco_det_AP_H_56.json"), strict=True)
    assert len(dataset.people) == 118 and dataset.detected and dataset.notes == ()
    assert dataset.people[0].box_score == pytest.approx(0.9999731779)
    assert dataset.evaluated_images == frozenset({785, 40083, 196141, 197388})
    # HRNet's results name centre and scale (crop / 200 px) of each pose: ours must contain every one of them.
    sizes = np.array([crop_size(each.box_xywh, (192, 256), 1.25) for each in dataset.people]) / 200
    centres = np.array([[x + w / 2, y + h / 2] for x, y, w, h in (each.box_xywh for each in dataset.people)])
    ours = np.column_stack([centres, sizes])
    for result in json.loads(real("coco_predictions/example_coco_preds.json").read_bytes()):
        assert np.abs(ours - [*result["center"], *result["scale"]]).max(axis=1).min() < 1e-3


def test_poses_that_went_through_nms_elsewhere_all_stay(real: Any) -> None:
    results = json.loads(real("coco_predictions/example_coco_preds.json").read_bytes())
    for image_id in {result["image_id"] for result in results}:
        mine = [result for result in results if result["image_id"] == image_id]
        joints_NK2 = np.array([result["keypoints"] for result in mine]).reshape(-1, 17, 3)[..., :2]
        score_N = np.array([result["score"] for result in mine])
        area_N = np.array([np.prod(np.array(result["scale"]) * 200) for result in mine])
        assert len(oks_nms(joints_NK2, score_N, area_N, COCO_PERSON.sigmas)) == len(mine)


def test_similarity_by_hand() -> None:
    # One joint of sigma 0.05, 3 px off, areas 100 and 300: exp(-9 / (2 * 200 * 0.01)) = exp(-2.25).
    found = oks(np.zeros((1, 2)), 100, np.array([[[3.0, 0.0]], [[0.0, 0.0]]]), np.array([300.0, 300.0]), [0.05])
    assert found.tolist() == pytest.approx([np.exp(-2.25), 1])


def test_the_best_of_the_same_poses_stays() -> None:
    joints_NK2 = np.zeros((4, 17, 2)) + np.array([0.0, 0.5, 100.0, 0.0])[:, None, None]
    score_N, area_N = np.array([0.5, 0.9, 0.7, 0.9]), np.full(4, 10_000.0)
    # The second and the fourth score the same: the first of the two stays.
    assert oks_nms(joints_NK2, score_N, area_N, COCO_PERSON.sigmas) == [1, 2]
    assert sorted(oks_nms(joints_NK2, score_N, area_N, COCO_PERSON.sigmas, threshold=1.0)) == [0, 1, 2, 3]
    assert oks_nms(joints_NK2[:0], score_N[:0], area_N[:0], COCO_PERSON.sigmas) == []


def test_boxes_are_kept_as_they_are_but_for_those_that_cannot_be(coco: Any) -> None:
    boxes = [
        box(score=0.0),
        box(bbox=[-5.0, -6.0, 500.0, 400.0]),
        box(category_id=3),
        box(bbox=[1.0, 2.0, 0.0, 5.0]),
        box(image_id=77),
        box(image_id=2),
    ]
    coco.image_file("val", 2).unlink()
    path = write(coco.root, boxes)
    dataset = load_detections(coco.root, path)
    assert [each.box_xywh for each in dataset.people] == [(10, 12, 30, 60), (-5, -6, 500, 400)]
    assert [each.annotation_id for each in dataset.people] == [0, 1] and dataset.evaluated_images == frozenset({1, 3})
    assert [note.rpartition(": ")[2] for note in dataset.notes[:2]] == [
        "1 boxes of no size left out",
        "1 boxes on images that are not annotated left out",
    ]
    assert "1 listed images absent (000000000002.png ...), 1 people" in dataset.notes[2]
    with pytest.raises(InputError, match="without strict"):
        load_detections(coco.root, path, strict=True)
    (batch,) = make_loader(dataset, CropSettings(), training=False, batch_size=4)
    assert not batch["labelled_BK"].any() and batch["image_BHW3"].shape[0] == 2


def test_images_without_a_box_count_and_the_same_pose_counts_once(coco: Any) -> None:
    truth = load_coco(coco.root, "val")
    dataset = load_detections(coco.root, write(coco.root, [box(1), box(1, score=0.4), box(2)]))
    joints_NK3 = np.stack([np.column_stack([truth.people[row].joints_K2, np.ones(17)]) for row in (0, 0, 1)])
    predictions = Predictions(np.arange(3), joints_NK3, np.array([0.9, 0.8, 0.7]), np.full(3, 5000.0))
    kept = suppressed(dataset, predictions)
    assert kept.person_N.tolist() == [0, 2]
    assert suppressed(truth, predictions) is predictions
    found = FORMATS["coco"].measure(dataset, kept)
    # Both people of an image stand in one place, so that one pose finds one of them: 2 of 6 in all.
    assert found["AR"] == pytest.approx(2 / 6) and "EPE" not in found
    results = as_results(dataset, kept)
    assert all("annotation_id" not in each for each in results)
    (coco.root / "results.json").write_text(json.dumps(results))
    scored = score_coco(coco.annotation_file("val"), coco.root / "results.json")
    assert scored["AP"] == pytest.approx(found["AP"])


def test_other_boxes_are_another_experiment(tmp_path: Path) -> None:
    first = detections_fingerprint(write(tmp_path, [box()]))
    assert first.startswith("sha256:") and first != detections_fingerprint(write(tmp_path, [box(score=0.4)]))


MALFORMED = {
    "an object": ({"annotations": []}, "not a detection file, which is a list"),
    "a number": ([5], "entry 0: is not a JSON object"),
    "no image": ([box(image_id=None)], "entry 0: 'image_id' must be a whole number, found None"),
    "text category": ([box(category_id="person")], "entry 0: 'category_id' must be a whole number"),
    "box of five": ([box(), box(bbox=[1, 2, 3, 4, 5])], "entry 1: 'bbox' must be a list of 4 numbers, found 5"),
    "NaN box": ([box(bbox=[1, 2, float("nan"), 4])], "entry 0: 'bbox' must hold finite numbers, found nan"),
    "no score": ([{**box(), "score": None}], "entry 0: 'score' must hold finite numbers, found None"),
    "nobody": ([box(category_id=2)], "no person box on an image"),
    "empty": ([], "no person box on an image"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_detections_are_named(case: str, coco: Any) -> None:
    content, message = MALFORMED[case]
    path = write(coco.root, content)
    with pytest.raises(InputError, match=message) as caught:
        load_detections(coco.root, path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_files_that_are_none_are_named(coco: Any) -> None:
    with pytest.raises(InputError, match=r"none\.json: cannot read the detections"):
        load_detections(coco.root, coco.root / "none.json")
    path = write(coco.root, [box()])
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"detections\.json: not valid JSON .*fetch it again"):
        load_detections(coco.root, path)


def test_two_corners_are_told(coco: Any, real: Any, genuine: Path) -> None:
    """The genuine boxes as x1, y1, x2, y2; as they are there is nothing to tell."""
    boxes = json.loads(real("coco_mmpose/test_coco_det_AP_H_56.json").read_bytes())
    for each in boxes:
        x, y, width, height = each["bbox"]
        each["bbox"] = [x, y, x + width, y + height]
    (note,) = load_detections(genuine, write(coco.root, boxes)).notes
    assert "of 118 boxes end outside their images" in note and "x1, y1, x2, y2" in note
