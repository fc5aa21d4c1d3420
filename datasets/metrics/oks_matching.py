"""COCO's keypoint evaluation over all images at once: who was found, and how precise that is (pycocotools' COCOeval).

Suffixes: N annotations, M poses, I places (an image and a category), G annotations and D poses of a place, A ranges of
area, T thresholds of OKS, R of recall. Annotations and poses of places with about as many annotations are padded to
one size, so that the greedy matching is a loop over ranks and not over images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heatmark.datasets.keypoint_truth import FloatArray, FoundPeople, IntArray, KeypointTruth

THRESHOLDS_T = np.linspace(0.5, 0.95, 10)
RECALLS_R = np.linspace(0.0, 1.0, 101)
# All, medium, large.
AREAS_A2 = np.array([[0.0, 1e10], [32.0**2, 96.0**2], [96.0**2, 1e10]])
MOST_POSES = 20
# What a chunk of similarities may hold in memory at once.
PAIRS_PER_CHUNK = 1 << 13

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Curves:
    """precision_CTRA and recall_CTA over the categories, -1 where there is nobody to find."""

    precision_CTRA: FloatArray
    recall_CTA: FloatArray


def curves(truth: KeypointTruth, found: FoundPeople, images: IntArray, areas_A2: FloatArray = AREAS_A2) -> Curves:
    """Precision at every recall on these images (sorted, each once), of people in each range of area."""
    shape = (len(truth.categories), len(THRESHOLDS_T))
    precision_CTRA = np.full((*shape, len(RECALLS_R), len(areas_A2)), -1.0)
    recall_CTA = np.full((*shape, len(areas_A2)), -1.0)
    for number, category in enumerate(truth.categories.tolist()):
        rows_N = _of(truth.category_N, category, truth.image_N, images)
        # By image, then as in the file; by image, then the best first.
        rows_N = rows_N[np.argsort(truth.image_N[rows_N], kind="stable")]
        rows_M = _best_of_each(found, _of(found.category_M, category, found.image_M, images))
        outside_AN = _outside(truth.area_N[rows_N], areas_A2)
        ignored_AN = truth.ignored_N[rows_N] | outside_AN
        match_ATM = _matches(truth, rows_N, found, rows_M, ignored_AN)
        order_M = np.argsort(-found.score_M[rows_M], kind="stable")
        outside_AM = _outside(found.area_M[rows_M], areas_A2)
        for area in range(len(areas_A2)):
            people = int(np.count_nonzero(~ignored_AN[area]))
            if not people:
                continue
            match_TM = match_ATM[area][:, order_M]
            matched_TM = match_TM >= 0
            ignored_TM = np.where(
                matched_TM, ignored_AN[area][match_TM] if len(rows_N) else False, outside_AM[area, order_M]
            )
            found_curves = _curve(matched_TM & ~ignored_TM, ~matched_TM & ~ignored_TM, people)
            precision_CTRA[number, :, :, area], recall_CTA[number, :, area] = found_curves
    return Curves(precision_CTRA, recall_CTA)


def _of(category_X: IntArray, category: int, image_X: IntArray, images: IntArray) -> IntArray:
    return np.flatnonzero((category_X == category) & np.isin(image_X, images))


def _outside(area_X: FloatArray, areas_A2: FloatArray) -> Mask:
    outside_AX: Mask = (area_X < areas_A2[:, :1]) | (area_X > areas_A2[:, 1:])
    return outside_AX


def _best_of_each(found: FoundPeople, rows_M: IntArray) -> IntArray:
    """By image, each one's best poses first and no more than COCO takes of them."""
    rows_M = rows_M[np.lexsort((-found.score_M[rows_M], found.image_M[rows_M]))]
    _, start_I, count_I = np.unique(found.image_M[rows_M], return_index=True, return_counts=True)
    rank_M = np.arange(len(rows_M)) - np.repeat(start_I, count_I)
    return rows_M[rank_M < MOST_POSES]


def _matches(
    truth: KeypointTruth, rows_N: IntArray, found: FoundPeople, rows_M: IntArray, ignored_AN: Mask
) -> npt.NDArray[np.int32]:
    """match_ATM: which of rows_N each pose found, -1 where none."""
    match_ATM = np.full((len(ignored_AN), len(THRESHOLDS_T), len(rows_M)), -1, dtype=np.int32)
    crowd_N = truth.crowd_N[rows_N]
    for truth_IG, found_ID in _places(truth.image_N[rows_N], found.image_M[rows_M]):
        similarity_IDG = _similarities(truth, rows_N, truth_IG, found, rows_M, found_ID)
        pick_ATID = _greedy(similarity_IDG, crowd_N[truth_IG], ignored_AN[:, truth_IG])
        there_ID = found_ID >= 0
        annotation_ATID = np.where(
            pick_ATID >= 0, np.take_along_axis(truth_IG[None, None], np.maximum(pick_ATID, 0), axis=-1), -1
        )
        match_ATM[:, :, found_ID[there_ID]] = annotation_ATID[:, :, there_ID]
    return match_ATM


def _places(image_N: IntArray, image_M: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """truth_IG and found_ID: places in the two sorted columns, -1 beyond their end, of images that have both."""
    shared_I = np.intersect1d(image_N, image_M)
    first_N, last_N = np.searchsorted(image_N, shared_I, "left"), np.searchsorted(image_N, shared_I, "right")
    first_M, last_M = np.searchsorted(image_M, shared_I, "left"), np.searchsorted(image_M, shared_I, "right")
    width_I = 1 << np.ceil(np.log2(np.maximum(last_N - first_N, 1))).astype(np.int64)
    for width in np.unique(width_I).tolist():
        members = np.flatnonzero(width_I == width)
        step = max(1, PAIRS_PER_CHUNK // (width * MOST_POSES))
        for start in range(0, len(members), step):
            part = members[start : start + step]
            yield _padded(first_N[part], last_N[part], width), _padded(first_M[part], last_M[part], MOST_POSES)


def _padded(first_I: IntArray, last_I: IntArray, width: int) -> IntArray:
    place_IX = first_I[:, None] + np.arange(width)
    return np.where(place_IX < last_I[:, None], place_IX, -1)


def _similarities(
    truth: KeypointTruth, rows_N: IntArray, truth_IG: IntArray, found: FoundPeople, rows_M: IntArray, found_ID: IntArray
) -> FloatArray:
    """similarity_IDG: OKS of each pose and annotation of a place, -1 where there is no such pair."""
    rows_IG, poses_ID = rows_N[truth_IG], rows_M[found_ID]
    joints_IDK2, truth_IGK3 = found.joints_MK2[poses_ID], truth.keypoints_NK3[rows_IG]
    counted_IGK = truth_IGK3[..., 2] > 0
    square_IDGK = np.square(joints_IDK2[:, :, None, :, 0] - truth_IGK3[:, None, :, :, 0])
    square_IDGK += np.square(joints_IDK2[:, :, None, :, 1] - truth_IGK3[:, None, :, :, 1])
    bare_IG = ~counted_IGK.any(axis=-1)
    if bare_IG.any():
        # A person without joints is as far away as the joints are from a box of three times the sides.
        place, person = np.nonzero(bare_IG)
        beyond_BDK2 = _beyond_box(joints_IDK2[place], truth.box_N4[rows_IG[place, person]])
        square_IDGK[place, :, person] = np.square(beyond_BDK2).sum(axis=-1)
        counted_IGK[place, person] = True
    square_IDGK /= (2 * truth.sigmas_K) ** 2
    square_IDGK /= (truth.area_N[rows_IG] + np.spacing(1))[:, None, :, None]
    square_IDGK /= -2
    similarity_IDGK = np.exp(square_IDGK, out=square_IDGK)
    similarity_IDGK *= counted_IGK[:, None]
    similarity_IDG = similarity_IDGK.sum(axis=-1) / counted_IGK.sum(axis=-1)[:, None]
    there_IDG = (found_ID >= 0)[:, :, None] & (truth_IG >= 0)[:, None, :]
    return np.where(there_IDG, similarity_IDG, -1.0)


def _beyond_box(joints_BDK2: FloatArray, box_B4: FloatArray) -> FloatArray:
    low_B112, side_B112 = box_B4[:, None, None, :2], box_B4[:, None, None, 2:]
    before_BDK2 = np.maximum(0, low_B112 - side_B112 - joints_BDK2)
    beyond_BDK2: FloatArray = before_BDK2 + np.maximum(0, joints_BDK2 - (low_B112 + 2 * side_B112))
    return beyond_BDK2


def _greedy(similarity_IDG: FloatArray, crowd_IG: Mask, ignored_AIG: Mask) -> npt.NDArray[np.int64]:
    """pick_ATID: which annotation of its place each pose finds, the best pose first, -1 where none.

    The most similar one that is free and similar enough, the last of equals; one that counts before one that is
    ignored. Crowds are always free.
    """
    places, poses, width = similarity_IDG.shape
    limit_T = np.minimum(THRESHOLDS_T, 1 - 1e-10)
    taken_ATIG = np.zeros((len(ignored_AIG), len(limit_T), places, width), dtype=bool)
    pick_ATID = np.full((len(ignored_AIG), len(limit_T), places, poses), -1)
    counts_A1IG, free_IG = ~ignored_AIG[:, None], crowd_IG
    for rank in range(poses):
        similarity_IG = similarity_IDG[:, rank]
        if not (similarity_IG >= limit_T[0]).any():
            continue
        open_ATIG = (~taken_ATIG | free_IG) & (similarity_IG >= limit_T[:, None, None])
        # One that counts is worth more than any that is ignored.
        worth_ATIG = np.where(open_ATIG, similarity_IG + 2 * counts_A1IG, -1.0)
        best_ATI = width - 1 - worth_ATIG[..., ::-1].argmax(axis=-1)
        hit_ATI = open_ATIG.any(axis=-1)
        pick_ATID[..., rank] = np.where(hit_ATI, best_ATI, -1)
        area, limit, place = np.nonzero(hit_ATI)
        taken_ATIG[area, limit, place, best_ATI[hit_ATI]] = True
    return pick_ATID


def _curve(true_TM: Mask, false_TM: Mask, people: int) -> tuple[FloatArray, FloatArray]:
    """precision_TR at each recall, made to fall, and the last recall_T. Poses in the order of their scores."""
    right_TM, wrong_TM = np.cumsum(true_TM, axis=1, dtype=float), np.cumsum(false_TM, axis=1, dtype=float)
    precision_TR = np.zeros((len(true_TM), len(RECALLS_R)))
    if not right_TM.shape[1]:
        return precision_TR, np.zeros(len(true_TM))
    recall_TM = right_TM / people
    precision_TM = right_TM / (wrong_TM + right_TM + np.spacing(1))
    falling_TM = np.maximum.accumulate(precision_TM[:, ::-1], axis=1)[:, ::-1]
    for precision_R, recall_M, falling_M in zip(precision_TR, recall_TM, falling_TM, strict=True):
        place_R = np.searchsorted(recall_M, RECALLS_R, side="left")
        reached_R = place_R < len(recall_M)
        precision_R[reached_R] = falling_M[place_R[reached_R]]
    return precision_TR, recall_TM[:, -1]
