"""Files of other skeletons as label tools and people write them: what is read, what is told, what is refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from heatmark.datasets.coco import load_coco
from heatmark.datasets.formats import FORMATS, score
from heatmark.datasets.keypoint_data import KeypointData
from heatmark.datasets.keypoint_settings import KeypointSettings
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.skeletons import shipped
from heatmark.foundation.errors import InputError

Content = dict[str, Any]
JOINTS = ["snout", "tail", "left_paw", "right_paw"]
PICTURES = 4


def content() -> Content:
    """Four pictures of one lizard each, a fifth of which would be one for validation."""
    annotations = [
        {
            "id": number,
            "image_id": number,
            "category_id": 3,
            "bbox": [10.0, 10.0, 40.0, 20.0],
            "area": 500.0,
            "iscrowd": 0,
            "num_keypoints": 4,
            "keypoints": [10, 20, 2, 50, 20, 2, 20, 28, 2, 20, 12, 1],
        }
        for number in range(1, PICTURES + 1)
    ]
    return {
        "images": [
            {"id": number, "file_name": f"{number}.png", "width": 80, "height": 60} for number in range(1, PICTURES + 1)
        ],
        "annotations": annotations,
        "categories": [{"id": 3, "name": "lizard", "keypoints": JOINTS, "skeleton": [[1, 2], [2, 3], [2, 4]]}],
    }


def write(root: Path, what: Content, name: str = "labels.json") -> Path:
    (root / "images").mkdir(parents=True, exist_ok=True)
    for number in range(1, PICTURES + 1):
        cv2.imwrite(str(root / "images" / f"{number}.png"), np.full((60, 80, 3), 40 * number, np.uint8))
    (root / name).write_text(json.dumps(what))
    return root


def both(root: Path, **settings: Any) -> tuple[PoseDataset, PoseDataset]:
    data = KeypointData(root, KeypointSettings(**settings))
    return data.load("train", strict=True), data.load("val", strict=True)


def unchanged(_: Content) -> None:
    """As it is."""


def of_all(change: Callable[[Content], object]) -> Callable[[Content], None]:
    def spoil(what: Content) -> None:
        for annotation in what["annotations"]:
            change(annotation)

    return spoil


def another_category(**changes: Any) -> Callable[[Content], None]:
    """A second one, and an annotation of it."""

    def spoil(what: Content) -> None:
        what["categories"].append({"id": 9, "name": "snake", **changes.pop("category", {})})
        what["annotations"].append({**what["annotations"][0], "id": 90, "category_id": 9, **changes})

    return spoil


def with_text_ids(what: Content) -> None:
    for image in what["images"]:
        image["id"] = f"picture-{image['id']}"
    for annotation in what["annotations"]:
        annotation |= {"id": f"x{annotation['id']}", "image_id": f"picture-{annotation['image_id']}"}


def with_long_ids(what: Content) -> None:
    for image in what["images"]:
        image["id"] += 10**17
    for annotation in what["annotations"]:
        annotation["image_id"] += 10**17


def with_names(name: Callable[[int], str]) -> Callable[[Content], None]:
    def spoil(what: Content) -> None:
        for image in what["images"]:
            image["file_name"] = name(image["id"])

    return spoil


POLYGON = [[0, 0, 10, 0, 10, 30, 0, 30]]

# The same four lizards, and what is told of the file.
READ: dict[str, tuple[Callable[[Content], object], str]] = {
    "as it should be": (unchanged, "chosen by split_seed 0"),
    "keypoints absent": (
        lambda what: what["annotations"].append({"id": 9, "image_id": 1, "category_id": 3, "bbox": [1, 1, 2, 2]}),
        "1 annotations without keypoints are left out",
    ),
    "keypoints null": (
        lambda what: what["annotations"].append({"id": 9, "image_id": 1, "category_id": 3, "keypoints": None}),
        "1 annotations without keypoints are left out",
    ),
    "keypoints empty": (
        lambda what: what["annotations"].append({"id": 9, "image_id": 1, "category_id": 3, "keypoints": []}),
        "1 annotations without keypoints are left out",
    ),
    "no num_keypoints": (of_all(lambda each: each.pop("num_keypoints")), ""),
    "num_keypoints 0": (of_all(lambda each: each.update(num_keypoints=0)), "4 people have labelled joints and a num"),
    "crowd as a truth value": (of_all(lambda each: each.update(iscrowd=False)), ""),
    "no crowd": (of_all(lambda each: each.pop("iscrowd")), ""),
    "no sizes": (lambda what: [each.pop("width") and each.pop("height") for each in what["images"]], ""),
    "ids with a point": (of_all(lambda each: each.update(image_id=float(each["image_id"]))), "4 whole numbers are"),
    "ids as digits": (of_all(lambda each: each.update(image_id=str(each["image_id"]))), "4 whole numbers are"),
    "ids as text": (with_text_ids, "4 ids of images are text; they are numbered in the order of the alphabet"),
    "ids of 18 digits": (with_long_ids, ""),
    "a folder in front": (with_names(lambda n: f"/home/me/export/{n}.png"), "4 file names are written with folders"),
    "backslashes": (with_names(lambda n: f"C:\\export\\{n}.png"), "4 file names are written with backslashes"),
    "url encoding": (with_names(lambda n: f"export%2F{n}.png"), "4 file names are written URL-encoded"),
    "upper case": (with_names(lambda n: f"{n}.PNG"), "4 file names are written in another case"),
    "null where not labelled": (
        lambda what: what["annotations"][0].update(keypoints=[10, 20, 2, 50, 20, 2, 20, 28, 2, None, None, 0]),
        "1 annotations have no numbers for joints that are not labelled",
    ),
    "boxes of something else": (
        lambda what: (
            what["categories"].append({"id": 4, "name": "stone"}),
            what["annotations"].append({"id": 9, "image_id": 1, "category_id": 4, "bbox": [1, 1, 2, 2]}),
        ),
        "1 annotations without keypoints are left out",
    ),
    "limbs that count beyond the joints": (
        lambda what: what["categories"][0]["skeleton"].append([4, 7]),
        "limbs: 1 of the category point outside its 4 joints: dropped",
    ),
}


@pytest.mark.parametrize("case", READ)
def test_the_same_lizards_are_read(case: str, tmp_path: Path) -> None:
    spoil, note = READ[case]
    what = content()
    spoil(what)
    train, val = both(write(tmp_path, what))
    people = [*train.people, *val.people]
    assert len(people) == PICTURES and len(val.people) == 1
    assert all(each.box_xywh == (10, 10, 39, 19) and each.area == 500 for each in people)
    assert all(each.joints_K2[:3].tolist() == [[10, 20], [50, 20], [20, 28]] for each in people)
    assert note in "\n".join(train.notes)
    assert train.skeleton.joints == tuple(JOINTS) and train.skeleton.swaps == ((2, 3),)
    assert train.skeleton.bones == ((0, 1), (1, 2), (1, 3))
    assert "pairs: derived from the names, left_paw with right_paw" in "\n".join(train.notes)


FILLED: dict[str, tuple[Callable[[Content], object], float, tuple[float, ...], str]] = {
    "no area": (of_all(lambda each: each.pop("area")), 800, (10, 10, 39, 19), "that of the box is taken"),
    "area null": (of_all(lambda each: each.update(area=None)), 800, (10, 10, 39, 19), "that of the box is taken"),
    "polygons": (
        of_all(lambda each: each.pop("area") and each.update(segmentation=POLYGON * 2)),
        *(600, (10, 10, 39, 19), "4 annotations have no area; that of their segmentation is taken"),
    ),
    "a mask": (
        of_all(lambda each: each.pop("area") and each.update(segmentation={"counts": [5, 70, 3, 2], "size": [8, 10]})),
        *(72, (10, 10, 39, 19), "4 annotations have no area; that of their segmentation is taken"),
    ),
    "no box": (
        of_all(lambda each: each.pop("bbox")),
        *(500, (10, 12, 39, 15), "4 annotations have no box; the extent of their labelled joints is taken"),
    ),
    "neither": (of_all(lambda each: each.pop("bbox") and each.pop("area")), 640, (10, 12, 39, 15), "no box"),
}


@pytest.mark.parametrize("case", FILLED)
def test_boxes_and_areas_that_lack_are_filled_and_told(case: str, tmp_path: Path) -> None:
    spoil, area, box_xywh, note = FILLED[case]
    what = content()
    spoil(what)
    train, _ = both(write(tmp_path, what))
    assert all((each.area, each.box_xywh) == (area, box_xywh) for each in train.people)
    assert note in "\n".join(train.notes)


def test_where_an_evaluation_takes_a_share_of_the_box_it_is_the_area(tmp_path: Path) -> None:
    what = content()
    of_all(lambda each: each.pop("area") and each.update(segmentation=POLYGON))(what)
    train, _ = both(write(tmp_path, what), skeleton={"joints": JOINTS, "box_area_share": 0.53})
    assert train.people[0].area == pytest.approx(0.53 * 800)
    assert "0.53 of the box is taken" in "\n".join(train.notes)


def test_visibility_of_0_and_1_says_nothing_of_hidden_joints(tmp_path: Path) -> None:
    what = content()
    of_all(lambda each: each.update(keypoints=[10, 20, 1, 50, 20, 1, 20, 28, 1, 0, 0, 0]))(what)
    train, _ = both(write(tmp_path, what))
    assert train.people[0].visibility_K.tolist() == [2, 2, 2, 0]
    assert "visibility is 0 or 1 in the file: labelled joints count as visible" in train.notes


def test_packed_files_are_read(tmp_path: Path) -> None:
    root = write(tmp_path, content())
    (root / "labels.json.gz").write_bytes(gzip.compress((root / "labels.json").read_bytes()))
    (root / "labels.json").unlink()
    assert len(both(root)[0].people) == 3


REFUSED: dict[str, tuple[Callable[[Content], object], dict[str, Any], str]] = {
    "confidences": (
        of_all(lambda each: each.update(keypoints=[10, 20, 0.9, 50, 20, 1, 20, 28, 1, 20, 12, 1])),
        *({}, "annotation 1: visibility must be 0, 1 or 2, found 0.9 for snout, which looks like the confidence"),
    ),
    "no such category": (unchanged, {"category": "lizzard"}, "category 'lizzard': not in the file; did you"),
    "a category of boxes": (
        lambda what: what["categories"].append({"id": 4, "name": "stone"}),
        *({"category": "stone"}, "category 'stone': none of its annotations has keypoints"),
    ),
    "another number of joints": (
        unchanged,
        {"skeleton": "coco"},
        "the skeleton coco_person has 17 joints, the annotations have 4 \\(lizard\\)",
    ),
    "another order": (
        unchanged,
        {"skeleton": {"joints": JOINTS[::-1]}},
        "its joints stand in another order than those of the skeleton",
    ),
    "several skeletons": (
        another_category(category={"keypoints": ["a", "b"]}, keypoints=[1, 2, 2, 3, 4, 2]),
        *({}, "its categories have several skeletons \\(lizard: 4 joints; snake: 2 joints\\); say which `category`"),
    ),
    "a list that is cut short": (
        lambda what: what["annotations"][0].update(keypoints=[10, 20, 2]),
        *({}, "annotation 1: 'keypoints' must be a list of 12 numbers, found 3"),
    ),
    "one picture": (lambda what: what["annotations"].__delitem__(slice(1, None)), {}, "people on 1 picture; two are"),
    "an id twice": (of_all(lambda each: each.update(id=1)), {}, "annotation 1: this id stands twice in the file"),
    "no annotation": (lambda what: what["annotations"].clear(), {"annotations": "labels.json"}, "no annotation with"),
    "no such file": (unchanged, {"annotations": "label.json"}, "label.json: cannot read the annotation file"),
    "no such skeleton": (unchanged, {"skeleton": "lizard"}, "no skeleton 'lizard' is shipped"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused(case: str, tmp_path: Path) -> None:
    spoil, settings, message = REFUSED[case]
    what = content()
    spoil(what)
    with pytest.raises(InputError, match=message):
        both(write(tmp_path, what), **settings)


def test_categories_of_one_skeleton_are_used_together_or_chosen(tmp_path: Path) -> None:
    what = content()
    another_category(category={"keypoints": JOINTS}, image_id=2)(what)
    root = write(tmp_path, what)
    train, val = both(root)
    assert {each.category_id for each in (*train.people, *val.people)} == {3, 9}
    assert "2 categories share the skeleton and are used" in "\n".join(train.notes)
    alone, _ = both(root, category="lizard")
    assert {each.category_id for each in alone.people} == {3}
    assert "annotations of other categories are left out: snake (1)" in "\n".join(alone.notes)


def person_file(**category: Any) -> Content:
    """One of 17 joints in COCO's order."""
    what = content()
    for annotation in what["annotations"]:
        points = [value for place in range(12, 29) for value in (place, place, 2)]
        annotation |= {"keypoints": points, "num_keypoints": 17}
    what["categories"] = [{"id": 3, **category}]
    return what


def test_a_monkey_is_no_person_by_accident(tmp_path: Path) -> None:
    root = write(tmp_path, person_file(name="macaque", supercategory="animal"))
    train, _ = both(root, skeleton="coco")
    assert "the category is 'macaque', and the skeleton coco_person is that of a person" in "\n".join(train.notes)
    train, _ = both(root)
    assert train.skeleton.joints[0] == "kpt-0" and train.skeleton.sigmas == ()
    for fitting in ({"name": "person"}, {"name": "pose", "supercategory": "person"}, {"name": "people"}):
        train, _ = both(write(tmp_path, person_file(**fitting)), skeleton="coco")
        assert "the category is" not in "\n".join(train.notes)


def test_a_monkey_in_cocos_own_places_is_told_too(coco: Any) -> None:
    what = coco.content()
    what["categories"] = [{"id": 1, "name": "macaque"}]
    coco.write("train", what)
    told = "\n".join(load_coco(coco.root, "train").notes)
    assert "the category is 'macaque', and the skeleton coco_person is that of a person" in told


def test_statues_beside_people_are_left_out(tmp_path: Path) -> None:
    what = person_file(name="person", keypoints=list(shipped("coco").joints))
    another_category(category={"name": "statue", "supercategory": "thing"})(what)
    train, val = both(write(tmp_path, what))
    assert {each.category_id for each in (*train.people, *val.people)} == {3}
    assert "annotations of other categories are left out: statue (1)" in "\n".join(train.notes)


def test_results_with_the_ids_of_the_file_are_scored(tmp_path: Path) -> None:
    """Text ids, and of another category: told and left out; of none that is asked for: refused."""
    what = content()
    with_text_ids(what)
    root = write(tmp_path, what)
    results = [
        {"image_id": each["image_id"], "category_id": 3, "keypoints": each["keypoints"], "score": 1}
        for each in what["annotations"]
    ]
    (root / "results.json").write_text(json.dumps(results))
    found = score("keypoints", root / "labels.json", root / "results.json")
    assert found["AP"] == pytest.approx(1) and found["PCK@0.05"] == 1
    (root / "results.json").write_text(json.dumps([{**each, "category_id": 1} for each in results]))
    with pytest.raises(InputError, match=r"none of its 4 results is of the category 3 \(lizard\)"):
        score("keypoints", root / "labels.json", root / "results.json")


def test_splits_of_unlike_joints_are_refused(tmp_path: Path) -> None:
    root = write(tmp_path, content(), "train.json")
    other = content()
    other["categories"][0]["keypoints"] = ["snout", "tail", "left_foot", "right_foot"]
    (root / "val.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match=r"val.json: its joints are not those of .*train.json"):
        FORMATS["keypoints"].resolved(root, None)
