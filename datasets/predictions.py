"""What was predicted for the people of a split, in the terms that every format's metrics and files are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from heatmark.datasets.metrics.oks_nms import oks_nms
from heatmark.datasets.people import FloatArray, Person, PoseDataset
from heatmark.datasets.skeletons import sigmas_or_default

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class Predictions:
    """person_N: rows of PoseDataset.people, nobody twice. joints_NK3: x, y in 0-indexed image pixels and the joint's
    confidence. score_N: the confidence of the person. crop_area_N: of the padded crop, in square image pixels.
    depth_NK: relative to the root in bone lengths, from trials with depth.
    """

    person_N: npt.NDArray[np.int64]
    joints_NK3: FloatArray
    score_N: FloatArray
    crop_area_N: FloatArray | None = None
    depth_NK: FloatArray | None = None

    def people(self, dataset: PoseDataset) -> list[Person]:
        """Whom the rows belong to."""
        return [dataset.people[row] for row in self.person_N.tolist()]


def suppressed(dataset: PoseDataset, predictions: Predictions) -> Predictions:
    """Without those that OKS-NMS drops on an image, where the boxes are a detector's; areas are those of the crops."""
    if not dataset.detected:
        return predictions
    assert predictions.crop_area_N is not None, "who detects gives areas"
    rows_of: dict[int, list[int]] = {}
    for row, person in enumerate(predictions.people(dataset)):
        rows_of.setdefault(person.image_id, []).append(row)
    kept: list[int] = []
    for rows in rows_of.values():
        joints_NK2, area_N = predictions.joints_NK3[rows, :, :2], predictions.crop_area_N[rows]
        best = oks_nms(joints_NK2, predictions.score_N[rows], area_N, sigmas_or_default(dataset.skeleton))
        kept += [rows[index] for index in best]
    kept_N = np.array(sorted(kept))
    return Predictions(
        predictions.person_N[kept_N],
        predictions.joints_NK3[kept_N],
        predictions.score_N[kept_N],
        predictions.crop_area_N[kept_N],
    )


def truth_of(people: Sequence[Person]) -> tuple[FloatArray, FloatArray]:
    """joints_NK2, and labelled_NK as 0 or 1."""
    labelled_NK = np.stack([person.visibility_K for person in people]) > 0
    return np.stack([person.joints_K2 for person in people]), labelled_NK.astype(np.float64)


def as_results(dataset: PoseDataset, predictions: Predictions) -> list[dict[str, Any]]:
    """COCO's keypoint results, each with the id of its annotation: what a run keeps, whatever the format.

    Poses in detected boxes have no annotation.
    """
    rows = zip(predictions.people(dataset), predictions.joints_NK3, predictions.score_N, strict=True)
    return [
        {
            "image_id": person.image_id,
            **({} if dataset.detected else {"annotation_id": person.annotation_id}),
            "category_id": dataset.category if person.category_id is None else person.category_id,
            "keypoints": [round(value, 3) for value in joints_K3.ravel().tolist()],
            "score": float(score),
        }
        for person, joints_K3, score in rows
    ]
