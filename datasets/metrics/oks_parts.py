"""AP of a part of what an evaluation is over: of a category, of one joint, of a part of the body, of crowded images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from heatmark.datasets.keypoint_truth import FoundPeople, IntArray, KeypointTruth
from heatmark.datasets.metrics.oks import known_mean
from heatmark.datasets.metrics.oks_matching import AREAS_A2, Curves, curves
from heatmark.datasets.predictions import Metrics

# From here on images are medium, and hard. The paper of CrowdPose draws the first line at 0.1; its code, which made the
# published numbers, and xtcocotools draw it at 0.2.
CROWDED = (0.2, 0.8)


def average_precision(truth: KeypointTruth, found: FoundPeople, images: IntArray) -> float | None:
    """AP over people of any size on these images; None where there is nobody to find."""
    return known_mean(curves(truth, found, images, AREAS_A2[:1]).precision_CTRA)


def ap_by_category(truth: KeypointTruth, drawn: Curves) -> Metrics:
    """By name, of the categories that have annotations, where they are several; the AP of all is the mean of these."""
    present = np.flatnonzero(np.isin(truth.categories, truth.category_N)).tolist()
    if len(present) < 2:
        return {}
    categories = [int(truth.categories[row]) for row in present]
    names = [truth.category_names.get(category, str(category)) for category in categories]
    often = Counter(names)
    unique = [name if often[name] == 1 else f"{name} {each}" for name, each in zip(names, categories, strict=True)]
    return {name: known_mean(drawn.precision_CTRA[row, ..., 0]) for name, row in zip(unique, present, strict=True)}


def ap_by_joint(truth: KeypointTruth, found: FoundPeople, images: IntArray, names: Sequence[str]) -> Metrics:
    """With the similarity of one joint in the place of the mean over all: AP among those who have it labelled."""
    return ap_of_parts(truth, found, images, {name: (joint,) for joint, name in enumerate(names)})


def ap_of_parts(
    truth: KeypointTruth, found: FoundPeople, images: IntArray, parts: Mapping[str, Sequence[int]]
) -> Metrics:
    """AP over the joints of each part alone, as COCO-WholeBody's evaluation does it."""
    return {name: average_precision(*of_joints(truth, found, joints), images) for name, joints in parts.items()}


def ap_by_crowd(truth: KeypointTruth, found: FoundPeople, images: IntArray) -> Metrics:
    """As CrowdPose's evaluation does: AP on its easy, medium and hard images; nothing where no image has an index."""
    if not truth.crowd_index:
        return {}
    index_I = np.array([truth.crowd_index.get(image, np.nan) for image in images.tolist()])
    medium, hard = CROWDED
    level_I = {"easy": index_I < medium, "medium": (index_I >= medium) & (index_I < hard), "hard": index_I >= hard}
    return {f"AP/crowd-{name}": average_precision(truth, found, images[mask_I]) for name, mask_I in level_I.items()}


def of_joints(truth: KeypointTruth, found: FoundPeople, joints: Sequence[int]) -> tuple[KeypointTruth, FoundPeople]:
    """Both as if there were these joints alone (xtcocotools): areas stay those of the whole, and who has none of the
    joints labelled is ignored. A pose without confidence in any of them is left out, unless it has none in any joint.
    """
    columns = list(joints)
    keypoints_NJ3 = truth.keypoints_NK3[:, columns]
    bare_N = ~(keypoints_NJ3[..., 2] > 0).any(axis=1)
    part = replace(
        truth,
        keypoints_NK3=keypoints_NJ3,
        sigmas_K=truth.sigmas_K[columns],
        ignored_N=truth.crowd_N | bare_N,
    )
    confident_MK = found.confidence_MK > 0
    rows_M = np.flatnonzero(np.any(confident_MK[:, columns], axis=1) | ~np.any(confident_MK, axis=1))
    return part, FoundPeople(
        found.image_M[rows_M],
        found.category_M[rows_M],
        found.joints_MK2[rows_M][:, columns],
        found.score_M[rows_M],
        found.area_M[rows_M],
        found.confidence_MK[rows_M][:, columns],
    )
