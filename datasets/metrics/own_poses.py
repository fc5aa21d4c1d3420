"""Which of the poses that were found is of which annotation, for metrics that compare a pose with its own truth."""

from __future__ import annotations

import numpy as np

from heatmark.datasets.keypoint_truth import FloatArray, FoundPeople, IntArray, KeypointTruth
from heatmark.datasets.metrics.oks import similarity
from heatmark.datasets.skeletons import DEFAULT_SIGMA


def counted_people(truth: KeypointTruth) -> IntArray:
    """Rows of the annotations that are somebody: no crowds, and nobody without a labelled joint."""
    return np.flatnonzero(~truth.ignored_N & (truth.keypoints_NK3[..., 2] > 0).any(axis=1))


def own_poses(truth: KeypointTruth, found: FoundPeople, annotation_M: IntArray | None = None) -> IntArray:
    """pose_P: for each of counted_people the row of its pose, -1 where nobody predicted it.

    annotation_M: the annotations' ids, where the poses name them; the best pose of an annotation counts, and one that
    is on another image is of nobody. Without them, in each image and category the poses by falling score each take the
    free annotation of the highest OKS, however low.
    """
    people_P = counted_people(truth)
    best_first = np.argsort(-found.score_M, kind="stable")
    pose_P = np.full(len(people_P), -1, dtype=np.int64)
    if annotation_M is not None:
        place_of = {each: place for place, each in enumerate(truth.id_N[people_P].tolist())}
        for pose in best_first.tolist():
            place = place_of.get(int(annotation_M[pose]))
            if place is not None and pose_P[place] < 0 and found.image_M[pose] == truth.image_N[people_P[place]]:
                pose_P[place] = pose
        return pose_P
    places = _by_place(truth.image_N[people_P], truth.category_N[people_P], np.arange(len(people_P)))
    poses = _by_place(found.image_M[best_first], found.category_M[best_first], best_first)
    for where in places.keys() & poses.keys():
        places_G, poses_D = np.array(places[where]), np.array(poses[where])
        oks_DG = _oks(truth, people_P[places_G], found, poses_D)
        for pose, oks_G in zip(poses_D.tolist(), oks_DG, strict=True):
            free_G = pose_P[places_G] < 0
            if not free_G.any():
                break
            pose_P[places_G[np.where(free_G, oks_G, -1.0).argmax()]] = pose
    return pose_P


def _by_place(image_X: IntArray, category_X: IntArray, value_X: IntArray) -> dict[tuple[int, int], list[int]]:
    """The values of each image and category, in their order."""
    found: dict[tuple[int, int], list[int]] = {}
    for image, category, value in zip(image_X.tolist(), category_X.tolist(), value_X.tolist(), strict=True):
        found.setdefault((image, category), []).append(value)
    return found


def _oks(truth: KeypointTruth, rows_G: IntArray, found: FoundPeople, poses_D: IntArray) -> FloatArray:
    labelled_GK = truth.keypoints_NK3[rows_G, :, 2] > 0
    sigmas = truth.sigmas_K.tolist() or [DEFAULT_SIGMA] * labelled_GK.shape[1]
    true_GK2 = truth.keypoints_NK3[rows_G, :, :2]
    likeness_DGK = similarity(found.joints_MK2[poses_D][:, None], true_GK2, truth.area_N[rows_G], sigmas)
    oks_DG: FloatArray = np.where(labelled_GK, likeness_DGK, 0).sum(axis=-1) / labelled_GK.sum(axis=-1)
    return oks_DG
