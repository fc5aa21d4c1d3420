"""Where label tools and people put annotation files and pictures: found without being told, or asked about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from heatmark.datasets.check import check, recognise
from heatmark.datasets.formats import FORMATS
from heatmark.datasets.keypoint_layout import find_layout
from heatmark.foundation.errors import InputError
from tests.datasets.test_keypoint_files import PICTURES, content


def put(root: Path, file: str, images: str, name: str = "{}.png", **changes: Any) -> None:
    """A file of four lizards and their pictures. name: of a picture, in the file."""
    what = content() | changes
    for image in what["images"]:
        image["file_name"] = name.format(image["id"])
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(what))
    (root / images).mkdir(parents=True, exist_ok=True)
    for number in range(1, PICTURES + 1):
        random = np.random.default_rng([number, *file.encode()])
        cv2.imwrite(str(root / images / f"{number}.png"), random.integers(0, 256, (60, 80, 3), dtype=np.uint8))


TWO = {
    "COCO 2017's places": (
        ("annotations/person_keypoints_train2017.json", "train2017"),
        ("annotations/person_keypoints_val2017.json", "val2017"),
    ),
    "a folder for each split": (("train/_annotations.coco.json", "train"), ("valid/_annotations.coco.json", "valid")),
    "images in folders of the splits": (
        ("annotations/train.json", "images/train"),
        ("annotations/val.json", "images/val"),
    ),
    "files named by the split": (("lizards_training.json", "pictures"), ("lizards_validation.json", "pictures")),
    "deeper": (("data/train/labels.json", "data/train/images"), ("data/test/labels.json", "data/test/images")),
}


@pytest.mark.parametrize("case", TWO)
def test_both_splits_are_found(case: str, tmp_path: Path) -> None:
    for places in TWO[case]:
        put(tmp_path, *places)
    found = find_layout(tmp_path)
    assert found.train is not None and found.val is not None
    assert [(each.annotations, each.images) for each in (found.train, found.val)] == list(TWO[case])
    assert recognise(tmp_path) == "keypoints"
    report = check(tmp_path)
    assert report.defects == () and report.splits["train"]["people"] == report.splits["val"]["people"] == PICTURES
    assert TWO[case][0][0] in report.section and "format: keypoints" in report.section


ONE = {
    "a json beside its pictures": ("labels.json", ".", "{}.png"),
    "an export with one job": ("annotations/person_keypoints_default.json", "images", "{}.png"),
    "images in a folder of the job": ("annotations/person_keypoints_default.json", "images/default", "{}.png"),
    "names that begin at the root": ("annotations/all.json", ".", "pictures/{}.png"),
    "a folder that is called otherwise": ("annotations.json", "frames", "{}.png"),
}


@pytest.mark.parametrize("case", ONE)
def test_one_file_is_split_by_picture(case: str, tmp_path: Path) -> None:
    annotations, images, name = ONE[case]
    put(tmp_path, annotations, "pictures" if "/" in name else images, name)
    found = find_layout(tmp_path)
    assert (found.annotations, found.images) == (annotations, images)
    train, val = (FORMATS["keypoints"].load(tmp_path, split, True) for split in ("train", "val"))
    assert (len(train.people), len(val.people)) == (3, 1)


def test_a_test_split_beside_a_validation_split_is_not_meant(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        put(tmp_path, f"{split}/_annotations.coco.json", split)
    found = find_layout(tmp_path)
    assert found.val is not None and found.val.annotations == "valid/_annotations.coco.json"


def test_a_folder_of_files_for_each_split_is_read_as_one(tmp_path: Path) -> None:
    """As PoseTrack has one for each video. Ids differ between the files."""
    for split in ("train", "val"):
        for video in range(3):
            what = content()
            for image in what["images"]:
                image |= {"id": 10 * video + image["id"], "file_name": f"images/{split}/{video}/{image['id']}.png"}
            for annotation in what["annotations"]:
                annotation |= {key: 10 * video + annotation[key] for key in ("id", "image_id")}
            put(tmp_path, f"annotations/{split}/{video}.json", f"images/{split}/{video}")
            (tmp_path / f"annotations/{split}/{video}.json").write_text(json.dumps(what))
    found = find_layout(tmp_path)
    assert found.train is not None and (found.train.annotations, found.train.images) == ("annotations/train", ".")
    people = FORMATS["keypoints"].load(tmp_path, "val", True)
    assert len(people.people) == 3 * PICTURES and len({each.image_path for each in people.people}) == 3 * PICTURES


def test_where_several_files_may_be_meant_all_are_listed(tmp_path: Path) -> None:
    for name in ("monday", "tuesday"):
        put(tmp_path, f"{name}.json", name)
    with pytest.raises(InputError, match=r"several annotation files may be meant \(monday.json, tuesday.json\)"):
        find_layout(tmp_path)
    report = check(tmp_path)
    assert [line.partition(":")[0] for line in report.files] == ["monday.json", "tuesday.json"]
    assert "4 images (in tuesday), 4 annotations of lizard, 4 joints" in report.files[1]
    assert "several annotation files may be meant" in report.defects[0] and "annotations: monday.json" in report.section


def test_a_folder_of_boxes_and_other_json_is_of_no_format(tmp_path: Path) -> None:
    boxes = [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}]
    put(tmp_path, "boxes.json", ".", annotations=boxes)
    (tmp_path / "notes.json").write_text("[1, 2]")
    (tmp_path / "broken.json").write_text('{"images": [')
    with pytest.raises(InputError, match="no data set that is known here"):
        check(tmp_path)


def test_an_unnamed_skeleton_is_asked_for_in_the_section(tmp_path: Path) -> None:
    what = content()
    for annotation in what["annotations"]:
        annotation |= {"keypoints": [value for k in range(98) for value in (10 + k % 40, 20, 2)], "num_keypoints": 98}
    put(tmp_path, "faces.json", ".", annotations=what["annotations"], categories=[{"id": 3, "name": "face"}])
    section = check(tmp_path).section
    assert "# skeleton: wflw   # its joints have no names; shipped with as many: wflw" in section
