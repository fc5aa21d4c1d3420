"""The skeletons against the official files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pycocotools.cocoeval import Params

from heatmark.datasets.skeletons import COCO_PERSON


def test_coco_is_what_the_official_file_says(real: Any) -> None:
    (category,) = json.loads(real("coco_mini/annotations/person_keypoints_val2017.json").read_bytes())["categories"]
    assert list(COCO_PERSON.joints) == category["keypoints"]
    assert [(a + 1, b + 1) for a, b in COCO_PERSON.bones] == [tuple(bone) for bone in category["skeleton"]]


def test_coco_sigmas_are_those_of_the_evaluation() -> None:
    assert COCO_PERSON.sigmas == pytest.approx(Params("keypoints").kpt_oks_sigmas)


def test_a_mirror_swaps_left_and_right() -> None:
    for joint, mirrored in zip(COCO_PERSON.joints, COCO_PERSON.mirrored_order, strict=True):
        swapped = joint.replace("left", "?").replace("right", "left").replace("?", "right")
        assert COCO_PERSON.joints[mirrored] == swapped
