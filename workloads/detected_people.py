"""Poses in a detector's boxes, set beside the annotated people: whose error a pose is, who was missed, who is nobody.

The rule: on each image, detections in the order of their own score take the annotated box that they overlap most, by
intersection over union of at least 0.5, and every annotated person is taken once. It asks for boxes alone and not for
poses, so that the same people stand for all methods that are measured in the same detections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import FloatArray, Person, PoseDataset
from heatmark.datasets.predictions import Predictions

LEAST_OVERLAP: Final = 0.5
MISSED: Final = -1
# Of a pose that nobody is annotated for.
NOBODY: Final = -1

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Paired:
    """N rows: the annotated people first, in their order, then poses of nobody. people, predictions: of these rows;
    joints are NaN for those who were missed, scores where no result stands for the row. pose_N: the row of the detected
    people, MISSED for none. annotated: how many rows are of annotated people.
    """

    people: PoseDataset
    predictions: Predictions
    pose_N: Integers
    annotated: int

    def of_poses(self, values_P: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A column of the detected people in these rows, NaN for those who were missed."""
        found_N: npt.NDArray[Any] = np.full((len(self.pose_N), *values_P.shape[1:]), np.nan)
        found_N[self.pose_N != MISSED] = values_P[self.pose_N[self.pose_N != MISSED]]
        return found_N

    @property
    def found(self) -> int:
        """Annotated people whom a box was matched with."""
        return int((self.pose_N[: self.annotated] != MISSED).sum())


def paired(detected: PoseDataset, truth: PoseDataset, every: Predictions, results: Predictions) -> Paired:
    """every: a pose in each of the boxes, in their order. results: those of them that OKS-NMS keeps.

    Boxes that overlap with somebody who counts for nothing (a crowd, or a person without a labelled joint) are nobody's
    and left out, as COCO's evaluation ignores them.
    """
    taken = _taken(detected, truth)
    pose_N = np.array([taken.get(row, MISSED) for row in range(len(truth.people))], dtype=np.int64)
    mine = set(taken.values())
    ignored = _ignored(detected)
    others = ((row, detected.people[row]) for row in results.person_N.tolist() if row not in mine)
    free = [row for row, person in others if not _is_on_any(person, ignored.get(person.image_id, ()))]
    pose_N = np.concatenate([pose_N, np.array(free, dtype=np.int64)])
    people = replace(truth, people=[*truth.people, *(_nobody(detected.people[row]) for row in free)])
    scored = np.isin(pose_N, results.person_N)
    nothing = Paired(people, every, pose_N, len(truth.people))
    return replace(
        nothing,
        predictions=Predictions(
            np.arange(len(pose_N)),
            nothing.of_poses(every.joints_NK3),
            np.where(scored, nothing.of_poses(every.score_N), np.nan),
        ),
    )


def _taken(detected: PoseDataset, truth: PoseDataset) -> dict[int, int]:
    """The row of a detection for every row of the truth that is found."""
    people_on = _rows_by_image(truth)
    found: dict[int, int] = {}
    order = sorted(range(len(detected.people)), key=lambda row: -detected.people[row].box_score)
    for row in order:
        person = detected.people[row]
        left = [other for other in people_on.get(person.image_id, ()) if other not in found]
        overlaps = [overlap(person.box_xywh, truth.people[other].box_xywh) for other in left]
        if overlaps and max(overlaps) >= LEAST_OVERLAP:
            found[left[int(np.argmax(overlaps))]] = row
    return found


def _rows_by_image(people: PoseDataset) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for row, person in enumerate(people.people):
        rows.setdefault(person.image_id, []).append(row)
    return rows


def overlap(one_xywh: Any, other_xywh: Any, *, of_first: bool = False) -> float:
    """Intersection over union of two boxes, or over the first box alone."""
    (x, y, width, height), (u, v, wide, high) = one_xywh, other_xywh
    across = max(0.0, min(x + width, u + wide) - max(x, u))
    down = max(0.0, min(y + height, v + high) - max(y, v))
    shared, own = across * down, width * height
    whole = own if of_first else own + wide * high - shared
    return float(shared / whole) if whole > 0 else 0.0


def _ignored(detected: PoseDataset) -> dict[int, list[tuple[FloatArray, bool]]]:
    """Boxes of those who count for nothing, by image, and whether each is a crowd."""
    found: dict[int, list[tuple[FloatArray, bool]]] = {}
    truth = detected.keypoint_truth
    if truth is not None:
        for index in np.flatnonzero(truth.ignored_N):
            found.setdefault(int(truth.image_N[index]), []).append((truth.box_N4[index], bool(truth.crowd_N[index])))
    return found


def _is_on_any(person: Person, boxes: Sequence[tuple[FloatArray, bool]]) -> bool:
    return any(overlap(person.box_xywh, box_4, of_first=crowd) >= LEAST_OVERLAP for box_4, crowd in boxes)


def _nobody(person: Person) -> Person:
    return replace(person, annotation_id=NOBODY)
