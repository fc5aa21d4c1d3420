"""Files as label tools write them: the same people as in COCO's own spelling, and a counted line for each kind."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatmark.datasets.coco import fingerprint, load_coco
from heatmark.datasets.coco_file import load_annotations
from heatmark.datasets.coco_mending import mended
from heatmark.datasets.metrics.evaluation import measure_coco
from heatmark.datasets.metrics.oks import oks_metrics
from heatmark.datasets.metrics.score import score_coco
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.predictions import Predictions

Content = dict[str, Any]


def each_annotation(change: Callable[[Content], object]) -> Callable[[Content], None]:
    def spoil(content: Content) -> None:
        for annotation in content["annotations"]:
            change(annotation)

    return spoil


def unlabelled_as(value: Any) -> Callable[[Content], None]:
    """The second person's last joint is not labelled, and has no place."""

    def spoil(content: Content) -> None:
        content["annotations"][1]["keypoints"][-3:] = [value, value, 0]

    return spoil


def with_boxes_of_another_class(content: Content) -> None:
    content["categories"].append({"id": 7, "name": "tie", "supercategory": "things"})
    for number, keypoints in ((91, None), (92, [])):
        content["annotations"].append({"id": number, "image_id": 1, "category_id": 7, "keypoints": keypoints})
    content["annotations"].append({"id": 93, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]})


def with_a_super_category(content: Content) -> None:
    content["categories"].insert(0, {"id": 0, "name": "people", "keypoints": []})


SAME = {
    "ids as text": (
        each_annotation(lambda each: each.update(image_id=str(each["image_id"]), id=str(each["id"]))),
        "whole numbers are written as text or with a point",
    ),
    "ids with a point": (
        each_annotation(lambda each: each.update(category_id=float(each["category_id"]), num_keypoints=17.0)),
        "whole numbers are written as text or with a point",
    ),
    "sides with a point": (
        lambda content: [each.update(width=float(each["width"])) for each in content["images"]],
        "whole numbers are written as text or with a point",
    ),
    "boxes of another class": (with_boxes_of_another_class, "3 annotations without keypoints are left out"),
    "a super-category": (with_a_super_category, ""),
    "no count": (each_annotation(lambda each: each.pop("num_keypoints")), ""),
    "a count of 0": (
        each_annotation(lambda each: each.update(num_keypoints=0)),
        "people have labelled joints and a num_keypoints of 0; the joints count",
    ),
    "no crowd": (each_annotation(lambda each: each.pop("iscrowd", None)), ""),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_people_are_read(coco: Any, case: str) -> None:
    spoil, note = SAME[case]
    content = coco.content()
    coco.write("train", content)
    plain = load_coco(coco.root, "train")
    spoil(content)
    coco.annotation_file("train").write_text(json.dumps(content))
    found = load_coco(coco.root, "train")
    for one, other in zip(plain.people, found.people, strict=True):
        assert (one.image_id, one.annotation_id, one.box_xywh, one.area) == (
            *(other.image_id, other.annotation_id, other.box_xywh),
            other.area,
        )
        assert np.array_equal(one.joints_K2, other.joints_K2)
    assert (len(found.notes) == 1 and note in found.notes[0]) if note else found.notes == ()


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_joint_that_is_not_labelled_needs_no_place(coco: Any, value: Any) -> None:
    content = coco.content()
    unlabelled_as(value)(content)
    coco.write("train", content)
    found = load_coco(coco.root, "train")
    assert found.people[1].joints_K2[-1].tolist() == [0, 0] and found.people[1].visibility_K[-1] == 0
    assert "1 annotations have no numbers for joints that are not labelled" in found.notes[0]


def test_without_an_area_that_of_the_box_is_taken(coco: Any) -> None:
    content = coco.content()
    for annotation in content["annotations"]:
        del annotation["area"]
    coco.write("train", content)
    found = load_coco(coco.root, "train")
    assert [each.area for each in found.people] == [
        each["bbox"][2] * each["bbox"][3] for each in content["annotations"]
    ]
    assert f"{len(found.people)} annotations have no area; that of the box is taken" in found.notes[0]


def test_sizes_that_a_file_does_not_tell_are_those_of_the_pictures(coco: Any) -> None:
    content = coco.content()
    coco.write("train", content)
    plain = load_coco(coco.root, "train")
    for image in content["images"]:
        del image["width"], image["height"]
    coco.annotation_file("train").write_text(json.dumps(content))
    assert [each.box_xywh for each in load_coco(coco.root, "train").people] == [each.box_xywh for each in plain.people]


def test_a_sweep_can_be_planned_on_it(coco: Any) -> None:
    """Its fingerprint asks for the pictures alone."""
    content = coco.content()
    for image in content["images"]:
        image["id"] = str(image["id"])
    coco.write("train", content)
    coco.write("val", content)
    assert fingerprint(coco.root).startswith("sha256:")


def results_of(content: Content, **changes: Any) -> list[Content]:
    return [
        {
            **{"image_id": int(each["image_id"]), "category_id": int(each["category_id"]), "score": 0.9},
            **{"keypoints": each["keypoints"], **changes},
        }
        for each in content["annotations"]
    ]


def test_a_compressed_file_is_scored_as_the_plain_one(coco: Any, tmp_path: Path) -> None:
    content = coco.content()
    plain, packed, results = (tmp_path / name for name in ("gt.json", "gt.json.gz", "dt.json"))
    plain.write_text(json.dumps(content))
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    results.write_text(json.dumps(results_of(content)))
    assert score_coco(packed, results) == score_coco(plain, results)
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(Exception, match=r"gt\.json\.gz: not valid JSON .*compressed content is damaged"):
        score_coco(packed, results)


def perfect(dataset: PoseDataset) -> Predictions:
    joints_NK3 = np.stack([np.column_stack([each.joints_K2, np.ones(17)]) for each in dataset.people])
    return Predictions(np.arange(len(dataset.people)), joints_NK3, np.ones(len(dataset.people)))


def test_people_of_another_number_are_found_under_it(coco: Any) -> None:
    content = coco.content()
    content["categories"][0]["id"] = 18
    for annotation in content["annotations"]:
        annotation["category_id"] = 18
    coco.write("val", content)
    dataset = load_coco(coco.root, "val")
    assert dataset.category == 18
    assert measure_coco(dataset, perfect(dataset))["AP"] == pytest.approx(1.0)


def test_a_second_class_with_the_same_joints_is_no_person(coco: Any) -> None:
    content = coco.content()
    content["categories"].append({**content["categories"][0], "id": 2, "name": "statue"})
    content["annotations"][0]["category_id"] = 2
    coco.write("val", content)
    dataset = load_coco(coco.root, "val")
    assert content["annotations"][0]["id"] not in [each.annotation_id for each in dataset.people]
    assert "the category person is used, people of others are left out: statue (1)" in dataset.notes[0]
    assert measure_coco(dataset, perfect(dataset))["AP"] == pytest.approx(1.0)


@pytest.mark.parametrize("first", [2**53, 20260101123456789, 2**62])
def test_ids_of_any_size_are_exact(coco: Any, tmp_path: Path, first: int) -> None:
    """Neighbours one apart, which a float would take for one another."""
    content = coco.content()
    results = results_of(content)
    results[0]["keypoints"] = [each + 9 * (place % 3 < 2) for place, each in enumerate(results[0]["keypoints"])]
    numbers = {image["id"]: first + place for place, image in enumerate(content["images"])}
    plain = oks_metrics(content, results)
    for image in content["images"]:
        image["id"] = numbers[image["id"]]
    for each in (*content["annotations"], *results):
        each["image_id"] = numbers[each["image_id"]]
    truth, found = tmp_path / "gt.json", tmp_path / "dt.json"
    truth.write_text(json.dumps(content))
    found.write_text(json.dumps(results))
    assert score_coco(truth, found) == plain
    assert 0 < plain["AP"] < 1  # type: ignore[operator]
    coco.write("val", content)
    assert measure_coco(load_coco(coco.root, "val"), perfect(load_coco(coco.root, "val")))["AP"] == pytest.approx(1.0)


def test_what_has_more_than_one_meaning_is_left_alone() -> None:
    content: Content = {
        "images": [{"id": "a7"}, {"id": 7.5}],
        "categories": [],
        "annotations": [{"id": True, "keypoints": [1, 2, 2]}],
    }
    assert mended(content) == ()
    assert content["images"] == [{"id": "a7"}, {"id": 7.5}] and content["annotations"][0]["id"] is True


def test_a_file_without_faults_is_left_as_it_is(coco: Any) -> None:
    coco.write("train", coco.content())
    assert load_annotations(coco.annotation_file("train")).notes == ()
