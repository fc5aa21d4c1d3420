"""What COCO's keypoint evaluation needs to know of people, as columns: of annotations, and of what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from heatmark.datasets.number_lists import numbers_problem
from heatmark.datasets.skeletons import COCO_PERSON

JOINTS = len(COCO_PERSON.joints)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class KeypointTruth:
    """A row per annotation, in the order of the file. keypoints_NK3: x, y, visibility. ignored_N: crowds, and people
    without a labelled joint. images, categories: all that the file lists, also those that nobody is in. sigmas_K: of
    OKS. id_N: of the annotations. category_names: of those that have one. crowd_index: of the images that have one, how
    much people cover each other there (CrowdPose).
    """

    image_N: IntArray
    category_N: IntArray
    keypoints_NK3: FloatArray
    box_N4: FloatArray
    area_N: FloatArray
    crowd_N: npt.NDArray[np.bool_]
    ignored_N: npt.NDArray[np.bool_]
    images: IntArray
    categories: IntArray
    sigmas_K: FloatArray
    id_N: IntArray
    category_names: Mapping[int, str] = field(default_factory=dict)
    crowd_index: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        content: Mapping[str, Any],
        keypoints_NK3: FloatArray | None = None,
        sigmas: Sequence[float] = COCO_PERSON.sigmas,
    ) -> KeypointTruth:
        """content: of an annotation file that was checked. keypoints_NK3: where they are an array already."""
        annotations = content["annotations"]
        if keypoints_NK3 is None:
            joints = len(annotations[0]["keypoints"]) // 3 if annotations else len(sigmas)
            keypoints_NK3 = _keypoints((each["keypoints"] for each in annotations), joints)
        crowd_N = np.array([bool(each.get("iscrowd", 0)) for each in annotations], dtype=bool)
        return cls(
            image_N=_whole(each["image_id"] for each in annotations),
            category_N=_whole(each["category_id"] for each in annotations),
            keypoints_NK3=keypoints_NK3,
            box_N4=np.array([each["bbox"] for each in annotations], dtype=np.float64).reshape(-1, 4),
            area_N=np.array([each["area"] for each in annotations], dtype=np.float64),
            crowd_N=crowd_N,
            ignored_N=crowd_N | np.array([each["num_keypoints"] == 0 for each in annotations], dtype=bool),
            images=np.unique(_whole(image["id"] for image in content["images"])),
            categories=np.unique(_whole(category["id"] for category in content["categories"])),
            sigmas_K=np.array(sigmas, dtype=np.float64),
            id_N=_whole(each["id"] for each in annotations),
            category_names={each["id"]: str(each["name"]) for each in content["categories"] if "name" in each},
            crowd_index={
                image["id"]: float(image["crowdIndex"])
                for image in content["images"]
                if not numbers_problem("crowdIndex", [image.get("crowdIndex")], 1)
            },
        )


@dataclass(frozen=True)
class FoundPeople:
    """A row per pose. joints_MK2: image pixels. area_M: which decides what unmatched poses count for. confidence_MK:
    the third number of each joint.
    """

    image_M: IntArray
    category_M: IntArray
    joints_MK2: FloatArray
    score_M: FloatArray
    area_M: FloatArray
    confidence_MK: FloatArray

    @classmethod
    def of(cls, results: Sequence[Mapping[str, Any]], joints: int = 0) -> FoundPeople:
        """results: in COCO's keypoint results format, checked. joints: how many there are where nobody was found."""
        joints = len(results[0]["keypoints"]) // 3 if results else joints
        return cls.from_columns(
            _whole(result["image_id"] for result in results),
            _whole(result["category_id"] for result in results),
            _keypoints((result["keypoints"] for result in results), joints),
            np.array([result["score"] for result in results], dtype=np.float64),
            [result.get("bbox") for result in results],
        )

    @classmethod
    def from_columns(
        cls,
        image_M: IntArray,
        category_M: IntArray,
        keypoints_MK3: FloatArray,
        score_M: FloatArray,
        boxes: Sequence[Any],
    ) -> FoundPeople:
        """boxes: a pose's size is that of its box where every entry has one, as in pycocotools, and the span of its
        joints otherwise.
        """
        joints_MK2 = keypoints_MK3[..., :2]
        if boxes and boxes[0] is not None and not any(numbers_problem("bbox", box, 4) for box in boxes):
            area_M = np.array(boxes, dtype=np.float64)[:, 2:].prod(axis=1)
        else:
            area_M = np.ptp(joints_MK2, axis=1).prod(axis=1) if len(joints_MK2) else np.zeros(0)
        return cls(image_M, category_M, joints_MK2, score_M, area_M, keypoints_MK3[..., 2])


def _keypoints(rows: Iterable[Any], joints: int) -> FloatArray:
    flat = np.fromiter(chain.from_iterable(rows), np.float64)
    return flat.reshape(-1, joints, 3) if flat.size else np.zeros((0, joints, 3))


def _whole(values: Iterable[int]) -> IntArray:
    return np.array(list(values), dtype=np.int64)
