"""Who is whose in a detector's boxes: by hand, and the AP that follows from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatmark.datasets.people import Person, PoseDataset
from heatmark.datasets.predictions import Predictions
from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.reports.statistics.bootstrap import average_precision
from heatmark.reports.statistics.ranked_ap import ap_in_orders
from heatmark.workloads.detected_people import MISSED, overlap, paired


def person(image: int, box: tuple[float, float, float, float], number: int, score: float = 1.0) -> Person:
    return Person(
        image_id=image,
        annotation_id=number,
        image_path=Path("none.jpg"),
        box_xywh=box,
        joints_K2=np.full((17, 2), 5.0),
        visibility_K=np.full(17, 0.0 if score < 1 else 2.0),
        area=100.0,
        box_score=score,
    )


def split(people: list[Person], **changes: Any) -> PoseDataset:
    return PoseDataset("coco", "val", COCO_PERSON, people, Path("a.json"), (), **changes)


def test_overlaps_by_hand() -> None:
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10), of_first=True) == pytest.approx(0.5)
    assert overlap((0, 0, 10, 10), (20, 0, 5, 5)) == 0 == overlap((0, 0, 0, 0), (0, 0, 0, 0))


def test_detections_take_people_by_their_score_and_by_what_they_overlap_most() -> None:
    truth = split(
        [
            person(1, (0, 0, 10, 10), 11),
            person(1, (3, 0, 10, 10), 12),
            person(2, (0, 0, 10, 10), 21),
            person(3, (0, 0, 10, 10), 31),
        ]
    )
    detected = split(
        [
            person(1, (1, 0, 10, 10), 0, 0.6),  # overlaps both people of image 1: the first more, but that is taken
            person(1, (0, 0, 10, 10), 1, 0.9),
            person(1, (0.5, 0, 10, 10), 2, 0.2),  # nobody is left
            person(2, (6, 0, 10, 10), 3, 0.8),  # overlaps by a quarter
        ],
        detected=True,
    )
    joints_NK3 = np.arange(4.0)[:, None, None] + np.ones((4, 17, 3))
    every = Predictions(np.arange(4), joints_NK3, np.array([0.5, 0.8, 0.1, 0.7]))
    # Suppression drops the pose in the first box: it stays that person's, without a result.
    kept = Predictions(np.array([1, 2, 3]), joints_NK3[1:], every.score_N[1:])
    found = paired(detected, truth, every, kept)
    assert found.pose_N.tolist() == [1, 0, MISSED, MISSED, 2, 3]
    assert (found.annotated, found.found) == (4, 2)
    assert [each.annotation_id for each in found.people.people] == [11, 12, 21, 31, -1, -1]
    assert found.predictions.joints_NK3[:, 0, 0].tolist()[:2] == [2.0, 1.0]
    assert np.isnan(found.predictions.joints_NK3[2:4]).all()
    np.testing.assert_equal(found.predictions.score_N, [0.8, np.nan, np.nan, np.nan, 0.1, 0.7])


def test_boxes_on_crowds_and_on_people_without_joints_are_nobodys() -> None:
    from heatmark.datasets.keypoint_truth import KeypointTruth

    crowd = {"bbox": [20, 0, 100, 100], "iscrowd": 1, "num_keypoints": 0}
    plain = {"bbox": [0, 0, 10, 10], "iscrowd": 0, "num_keypoints": 0}
    rows = [
        {"id": number, "image_id": 1, "category_id": 1, "area": 100.0, "keypoints": [0] * 51, **each}
        for number, each in enumerate((crowd, plain))
    ]
    content = {"images": [{"id": 1}], "annotations": rows, "categories": [{"id": 1}]}
    boxes = [(30.0, 10.0, 10.0, 20.0), (0.0, 0.0, 10.0, 10.0), (200.0, 0.0, 10.0, 10.0)]
    people = [person(1, box, number, 0.9) for number, box in enumerate(boxes)]
    detected = split(people, detected=True, keypoint_truth=KeypointTruth.of(content))
    every = Predictions(np.arange(3), np.ones((3, 17, 3)), np.full(3, 0.5))
    found = paired(detected, split([person(1, (300, 0, 10, 10), 1)]), every, every)
    assert found.pose_N.tolist() == [MISSED, 2]


def test_ap_counts_people_who_were_missed_and_poses_of_nobody() -> None:
    """Two of three people found, one pose of nobody between them: recall 1/3 at precision 1, 2/3 at 2/3."""
    image_N, oks_N = np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 0.0, 0.0])
    score_N, person_N = np.array([0.9, 0.5, np.nan, 0.7]), np.array([True, True, True, False])
    recalls = np.linspace(0, 1, 101)
    expected = np.where(recalls <= 1 / 3, 1.0, np.where(recalls <= 2 / 3, 2 / 3, 0.0)).mean()
    assert ap_in_orders(image_N, score_N, oks_N, person_N)[0] == pytest.approx(expected)
    resampled = average_precision(image_N, score_N, oks_N, person_N)(np.array([[1, 1], [2, 0]], np.float32))
    assert resampled == pytest.approx([expected, 1.0])


def test_predictions_in_any_order_are_the_same_pairs() -> None:
    truth = split([person(1, (0, 0, 10, 10), 1), person(1, (50, 0, 10, 10), 2)])
    detected = split([person(1, (50, 0, 10, 10), 0, 0.4), person(1, (0, 0, 10, 10), 1, 0.3)], detected=True)
    every = Predictions(np.arange(2), np.ones((2, 17, 3)), np.array([0.4, 0.3]))
    assert paired(detected, truth, every, every).pose_N.tolist() == [1, 0]
    assert paired(detected, replace(truth, people=truth.people[:1]), every, every).pose_N.tolist() == [1, 0]
