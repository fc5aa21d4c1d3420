"""COCO's native files in: the real ones, and every way they can be broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from heatmark.datasets.coco import fingerprint, load_coco
from heatmark.datasets.coco_file import clipped_box, load_annotations
from heatmark.datasets.metrics.evaluation import measure_coco
from heatmark.datasets.predictions import Predictions
from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.foundation.errors import InputError

Content = dict[str, Any]


def test_people_stand_in_the_order_of_the_file(coco: Any) -> None:
    dataset = load_coco(coco.root, "train", strict=True)
    assert [person.annotation_id for person in dataset.people] == [1, 2, 3, 4, 5, 6]
    assert [person.image_id for person in dataset.people] == [1, 2, 3, 1, 2, 3]
    first = dataset.people[0]
    assert first.image_path == coco.image_file("train", 1)
    assert first.box_xywh == (15, 10, 59, 79)
    assert first.joints_K2[1].tolist() == [23, 19]
    assert first.visibility_K.tolist() == [2] * 17
    assert (first.area, dataset.skeleton, dataset.notes) == (2400, COCO_PERSON, ())


@pytest.mark.parametrize(
    ("box", "clipped"),
    [
        ((10, 20, 30, 40), (10, 20, 29, 39)),
        ((-5, -7, 30, 40), (0, 0, 29, 39)),
        ((150, 110, 30, 40), (150, 110, 9, 9)),
        ((0, 0, 160, 120), (0, 0, 159, 119)),
        ((10, 20, 0.5, 40), (10, 20, 0, 39)),
        ((10, 20, 0, 40), None),
        ((10, 20, 1, 1), None),
        ((200, 20, 10, 10), None),
        ((10, -50, 10, 0), None),
    ],
)
def test_boxes_are_clipped_as_simple_baseline_does(box: Any, clipped: Any) -> None:
    assert clipped_box(box, 160, 120) == clipped


def test_who_is_left_out(coco: Any) -> None:
    nothing = {"num_keypoints": 0, "keypoints": [0] * 51}
    content = coco.content(images=1, people_per_image=1)
    content["annotations"] += [
        coco.person(11, 1, iscrowd=1),
        coco.person(12, 1, **nothing),
        coco.person(13, 1, area=0.0),
        coco.person(14, 1, bbox=[5.0, 5.0, 0.0, 20.0]),
        coco.person(15, 1, bbox=[500.0, 5.0, 10.0, 20.0]),
    ]
    coco.write("train", content)
    dataset = load_coco(coco.root, "train")
    assert [person.annotation_id for person in dataset.people] == [1]
    assert dataset.notes == ("3 people of empty area or box left out (annotation 13 ...)",)


def test_an_image_listed_many_times_is_one(coco: Any) -> None:
    content = coco.content()
    content["images"] *= 3
    coco.write("train", content)
    assert len(load_annotations(coco.annotation_file("train")).images) == 3
    assert len(load_coco(coco.root, "train", strict=True).people) == 6


def test_people_on_absent_images_are_left_out_and_noted(coco: Any) -> None:
    coco.image_file("train", 2).unlink()
    dataset = load_coco(coco.root, "train")
    assert {person.image_id for person in dataset.people} == {1, 3}
    (note,) = dataset.notes
    assert "1 listed images absent (000000000002.png ...), 2 people on them left out" in note
    with pytest.raises(InputError, match=r"000000000002\.png.*without strict"):
        load_coco(coco.root, "train", strict=True)


def test_num_keypoints_is_counted_where_it_is_absent(coco: Any) -> None:
    content = coco.content()
    del content["annotations"][0]["num_keypoints"]
    coco.write("train", content)
    assert load_annotations(coco.annotation_file("train")).annotations[0]["num_keypoints"] == 17
    assert len(load_coco(coco.root, "train").people) == 6


def annotation(**changes: Any) -> Callable[[Content], None]:
    return lambda content: content["annotations"][1].update(changes)


def keypoint(position: int, value: Any) -> Callable[[Content], None]:
    def spoil(content: Content) -> None:
        content["annotations"][1]["keypoints"][position] = value

    return spoil


def without(key: str) -> Callable[[Content], None]:
    return lambda content: content["annotations"][1].pop(key)


def image(**changes: Any) -> Callable[[Content], None]:
    return lambda content: content["images"][1].update(changes)


MALFORMED = {
    "keypoints too short": (annotation(keypoints=[1, 2, 2] * 16), "annotation 2: 'keypoints' must be a list of 51"),
    "keypoints too long": (annotation(keypoints=[1, 2, 2] * 18), "annotation 2: .*51 numbers, found 54"),
    "keypoints not a list": (annotation(keypoints="1,2,2"), "annotation 2: .*51 numbers, found '1,2,2'"),
    "text coordinate": (keypoint(3, "12"), "annotation 2: 'keypoints' must hold finite numbers, found '12'"),
    "null coordinate": (keypoint(3, None), "annotation 2: .*finite numbers, found None"),
    "true coordinate": (keypoint(3, True), "annotation 2: .*finite numbers, found True"),
    "nested coordinate": (keypoint(3, [1]), r"annotation 2: .*finite numbers, found \[1\]"),
    "NaN coordinate": (keypoint(4, float("nan")), "annotation 2: .*finite numbers, found nan"),
    "infinite coordinate": (keypoint(4, float("inf")), "annotation 2: .*finite numbers, found inf"),
    "huge coordinate": (keypoint(4, 10**400), "annotation 2: .*finite numbers, found 1000"),
    "visibility 3": (keypoint(5, 3), "annotation 2: visibility must be 0, 1 or 2, found 3 for left_eye"),
    "visibility -1": (keypoint(2, -1), "annotation 2: visibility .*found -1 for nose"),
    "visibility 0.5": (keypoint(2, 0.5), "annotation 2: visibility .*found 0.5"),
    "box of three": (annotation(bbox=[1, 2, 3]), "annotation 2: 'bbox' must be a list of 4 numbers, found 3"),
    "box absent": (without("bbox"), "annotation 2: 'bbox'"),
    "NaN box": (annotation(bbox=[1, 2, float("nan"), 3]), "annotation 2: 'bbox' must hold finite numbers, found nan"),
    "infinite box": (annotation(bbox=[1, 2, float("inf"), 3]), "annotation 2: 'bbox' .*inf"),
    "negative box": (annotation(bbox=[1, 2, -5, 3]), "annotation 2: 'bbox' has a negative width or height"),
    "NaN area": (annotation(area=float("nan")), "annotation 2: 'area' must hold finite numbers"),
    "unknown image": (annotation(image_id=99), "annotation 2: its image_id 99 is not in 'images'"),
    "id twice": (annotation(id=1), "annotation 1: this id stands twice"),
    "id absent": (without("id"), r"annotations\[1\]: 'id' must be a whole number, found None"),
    "id as list": (annotation(id=[1]), r"annotations\[1\]: 'id' must be a whole number"),
    "category absent": (without("category_id"), "annotation 2: 'category_id'"),
    "unknown category": (annotation(category_id=99), "annotation 2: its category_id 99 is not in 'categories'"),
    "crowd of 7": (annotation(iscrowd=7), "annotation 2: 'iscrowd' must be 0 or 1, found 7"),
    "not an object": (lambda content: content["annotations"].insert(1, 5), r"annotations\[1\]: is not a JSON object"),
    "no images": (lambda content: content.pop("images"), "not a COCO annotation file: there is no list 'images'"),
    "no annotations": (lambda content: content.pop("annotations"), "there is no list 'annotations'"),
    "no categories": (lambda content: content.pop("categories"), "there is no list 'categories'"),
    "images an object": (lambda content: content.update(images={}), "there is no list 'images'"),
    "image without a name": (lambda content: content["images"][1].pop("file_name"), r"images\[1\] needs .*'file_name'"),
    "half a character": (image(file_name="\ud800.jpg"), r"image 2: 'file_name' '\\ud800.jpg' is no file name"),
    "two lines": (image(file_name="a\nb.jpg"), r"image 2: 'file_name' 'a\\nb.jpg' is no file name"),
    "image of no width": (image(width=0), "image 2: 'width' must be a positive whole number"),
    "image with two names": (image(id=1), "image 1 is listed with two file names"),
    "other joints": (
        lambda content: content["categories"][0]["keypoints"].reverse(),
        "category 1: its keypoints are not the 17 COCO joints in COCO's order",
    ),
    "joints not a list": (lambda content: content["categories"][0].update(keypoints=5), "category 1: its keypoints"),
    "no people": (lambda content: content["annotations"].clear(), "no person to use .*0 annotations"),
    "crowds only": (lambda content: [each.update(iscrowd=1) for each in content["annotations"]], "no person to use"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_annotations_are_named(coco: Any, case: str) -> None:
    spoil, message = MALFORMED[case]
    content = coco.content()
    spoil(content)
    coco.annotation_file("train").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as caught:
        load_coco(coco.root, "train")
    assert str(caught.value).startswith(str(coco.annotation_file("train")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b'{"images": [', b"\xff\xfe\x00nothing", b"[" * 200_000, b"not json", "\xe4".encode("latin-1")],
    ids=["empty", "cut short", "binary", "nested without end", "text", "not UTF-8"],
)
def test_files_that_are_not_json_are_named(coco: Any, content: bytes) -> None:
    coco.annotation_file("train").write_bytes(content)
    with pytest.raises(InputError, match=r"person_keypoints_train2017\.json: not valid JSON .*fetch it again"):
        load_coco(coco.root, "train")


@pytest.mark.parametrize("content", [b"[]", b"5", b"null", b'{"people": []}'])
def test_json_that_is_not_coco_is_named(coco: Any, content: bytes) -> None:
    coco.annotation_file("train").write_bytes(content)
    with pytest.raises(InputError, match="not a COCO annotation file"):
        load_coco(coco.root, "train")


def test_missing_folders_and_files_are_named(coco: Any) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        load_coco(coco.root / "nowhere", "train")
    for path in coco.image_file("train", 1).parent.iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"no person to use .*3 listed images absent"):
        load_coco(coco.root, "train")
    coco.image_file("train", 1).parent.rmdir()
    with pytest.raises(InputError, match="train2017: cannot list the image folder"):
        load_coco(coco.root, "train")
    coco.annotation_file("train").unlink()
    with pytest.raises(InputError, match=r"person_keypoints_train2017\.json: cannot read"):
        load_coco(coco.root, "train")


def test_a_file_name_cannot_leave_the_image_folder(coco: Any) -> None:
    content = coco.content()
    content["images"][0]["file_name"] = "../val2017/000000000001.png"
    coco.annotation_file("train").write_text(json.dumps(content))
    assert {person.image_id for person in load_coco(coco.root, "train").people} == {2, 3}


def test_other_data_has_another_fingerprint(coco: Any) -> None:
    before = fingerprint(coco.root)
    assert before.startswith("sha256:") and fingerprint(coco.root) == before
    (coco.root / "train2017" / "unlisted.jpg").touch()
    assert fingerprint(coco.root) == before
    coco.image_file("val", 1).rename(coco.root / "val2017" / "away.png")
    without_image = fingerprint(coco.root)
    coco.write("val", coco.content(people_per_image=3))
    assert len({before, without_image, fingerprint(coco.root)}) == 3


def test_reading_imports_no_torch() -> None:
    code = "import sys, heatmark.datasets.coco, heatmark.datasets.metrics.score; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_real_files(real: Any) -> None:
    root = real("coco_mini")
    splits = {split: load_coco(root, split) for split in ("train", "val")}
    assert {split: len(each.people) for split, each in splits.items()} == {"train": 86, "val": 68}
    # The folder holds only the listed images that people are on.
    assert (
        "39 listed images absent" in splits["train"].notes[0]
        and "0 people on them left out" in splits["train"].notes[0]
    )
    with pytest.raises(InputError, match=r"39 listed images absent .*; add the images or run without strict"):
        load_coco(root, "train", strict=True)
    excerpt = load_annotations(real("coco_val2017_excerpt/annotations/person_keypoints_val2017.json"))
    assert (len(excerpt.images), len(excerpt.annotations)) == (538, 2213)
    labelled_N = np.count_nonzero(excerpt.keypoints_NK3[..., 2], axis=1)
    assert labelled_N.tolist() == [each["num_keypoints"] for each in excerpt.annotations]
    assert np.count_nonzero(labelled_N) == 1354


def test_an_evaluation_reads_no_file_again(coco: Any) -> None:
    content = coco.content()
    coco.write("val", content)
    dataset = load_coco(coco.root, "val")
    everyone = np.arange(len(dataset.people))
    joints_NK3 = np.stack([np.column_stack([each.joints_K2, np.ones(17)]) for each in dataset.people])
    dataset.annotation_file.unlink()
    assert measure_coco(dataset, Predictions(everyone, joints_NK3, np.ones(len(everyone))))["AP"] == 1.0
