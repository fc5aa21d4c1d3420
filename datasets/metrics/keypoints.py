"""The metrics of any skeleton: OKS of the whole and of its parts, PCK and NME of each one's own length, AUC, EPE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from heatmark.datasets.keypoint_truth import FoundPeople, IntArray, KeypointTruth
from heatmark.datasets.metrics.auc import HIGHEST_PX, hand3d_auc
from heatmark.datasets.metrics.epe import end_point_error, end_point_error_by_joint
from heatmark.datasets.metrics.oks import OKS_METRICS, ten_numbers
from heatmark.datasets.metrics.oks_matching import curves
from heatmark.datasets.metrics.oks_parts import ap_by_category, ap_by_crowd, ap_by_joint, ap_of_parts
from heatmark.datasets.metrics.own_poses import counted_people, own_poses
from heatmark.datasets.metrics.pckh import pck, pck_by_group, relative_errors
from heatmark.datasets.people import FloatArray, PoseDataset, Skeleton
from heatmark.datasets.predictions import Metrics, Predictions, as_results, truth_of

THRESHOLDS = ("0.2", "0.1", "0.05")


def measure_keypoints(
    dataset: PoseDataset, predictions: Predictions, thresholds: Sequence[str] = THRESHOLDS
) -> Metrics:
    """COCO's ten numbers over the images that people were predicted on, AP by category, part and crowd, PCK and NME of
    each one's length, AUC and EPE in image pixels.

    Detected boxes have no joints of their own: OKS is all there is, and the images without a box count as well.
    """
    truth = dataset.keypoint_truth
    assert truth is not None, "a split that is evaluated on keeps its annotations"
    people = predictions.people(dataset)
    images = dataset.evaluated_images or {person.image_id for person in people}
    found = FoundPeople.of(as_results(dataset, predictions), len(dataset.skeleton.joints))
    metrics, categories, parts = _oks_scores(truth, found, np.unique(np.array([*images], np.int64)), dataset.skeleton)
    metrics |= {f"AP/{name}": value for name, value in (categories | parts).items()}
    if dataset.detected:
        return metrics
    true_NK2, labelled_NK = truth_of(people) if people else (np.zeros(found.joints_MK2.shape), found.confidence_MK)
    length_N = np.array([person.reference_length or np.nan for person in people])
    return metrics | pose_scores(
        predictions.joints_NK3[..., :2], true_NK2, labelled_NK, length_N, thresholds=thresholds
    )


def score_keypoints_arrays(
    truth: KeypointTruth,
    found: FoundPeople,
    skeleton: Skeleton,
    length_N: FloatArray,
    annotation_M: IntArray | None = None,
    thresholds: Sequence[str] = THRESHOLDS,
) -> dict[str, Any]:
    """Anyone's poses against annotations, over all images: what measure_keypoints finds, and by joint.

    length_N: of each annotation, NaN where it has none, and then it counts neither in PCK nor in NME. annotation_M,
    and whose a pose is without it: see own_poses. Who was not predicted is wrong in PCK and counts in no error. By
    joint PCK is at the first threshold. All is None where nothing is labelled.
    """
    metrics, categories, parts = _oks_scores(truth, found, truth.images, skeleton)
    people_P, pose_P = counted_people(truth), own_poses(truth, found, annotation_M)
    there_P = pose_P >= 0
    predicted_PK2 = np.full((len(people_P), *truth.keypoints_NK3.shape[1:2], 2), np.nan)
    predicted_PK2[there_P] = found.joints_MK2[pose_P[there_P]]
    true_PK2 = truth.keypoints_NK3[people_P, :, :2]
    labelled_PK = (truth.keypoints_NK3[people_P, :, 2] > 0).astype(np.float64)
    poses = predicted_PK2, true_PK2, labelled_PK, length_N[people_P]
    scores = pose_scores(*poses, there_P, thresholds)
    by_joint = end_point_error_by_joint(predicted_PK2[there_P], true_PK2[there_P], labelled_PK[there_P])
    result: dict[str, Any] = {**metrics}
    if categories:
        result["AP by category"] = categories
    if truth.sigmas_K.size:
        result["AP by joint"] = ap_by_joint(truth, found, truth.images, skeleton.joints)
    if parts:
        result["AP by part"] = parts
    return result | {
        **scores,
        f"PCK@{thresholds[0]} by joint": _pck_by_joint(*poses, float(thresholds[0]), skeleton.joints),
        "EPE by joint": dict(zip(skeleton.joints, by_joint, strict=True)),
        "people": len(people_P),
        "without a prediction": int(np.count_nonzero(~there_P)),
    }


def pose_scores(
    predicted_NK2: FloatArray,
    true_NK2: FloatArray,
    labelled_NK: FloatArray,
    length_N: FloatArray,
    there_N: npt.NDArray[np.bool_] | None = None,
    thresholds: Sequence[str] = THRESHOLDS,
) -> Metrics:
    """PCK at shares of each one's length, NME, AUC over 0-30 px joint by joint, and EPE, over the labelled joints.

    NME: the mean error in lengths, of all labelled joints alike (mmpose's keypoint_nme). there_N: who was predicted,
    everybody where it is None; the others' predictions are NaN, which is wrong at any threshold.
    """
    there_N = np.ones(len(true_NK2), dtype=bool) if there_N is None else there_N
    known_N = _known(length_N)
    relative_NK = relative_errors(predicted_NK2[known_N], true_NK2[known_N], length_N[known_N])
    shares: Metrics = {f"PCK@{each}": pck(relative_NK, labelled_NK[known_N], float(each)) for each in thresholds}
    relative = relative_NK[there_N[known_N]][labelled_NK[known_N & there_N] > 0]
    predicted_NK2, true_NK2, labelled_NK = predicted_NK2[there_N], true_NK2[there_N], labelled_NK[there_N]
    errors_NK: FloatArray = np.linalg.norm(predicted_NK2 - true_NK2, axis=-1)
    return shares | {
        "NME": float(relative.mean()) if relative.size else None,
        "AUC@0-30px": hand3d_auc(errors_NK, labelled_NK, HIGHEST_PX),
        "EPE": end_point_error(predicted_NK2, true_NK2, labelled_NK),
    }


def _pck_by_joint(
    predicted_NK2: FloatArray,
    true_NK2: FloatArray,
    labelled_NK: FloatArray,
    length_N: FloatArray,
    threshold: float,
    names: Sequence[str],
) -> Metrics:
    known_N = _known(length_N)
    relative_NK = relative_errors(predicted_NK2[known_N], true_NK2[known_N], length_N[known_N])
    single = {name: (joint,) for joint, name in enumerate(names)}
    return {**pck_by_group(relative_NK, labelled_NK[known_N], threshold, single)}


def _known(length_N: FloatArray) -> npt.NDArray[np.bool_]:
    known_N: npt.NDArray[np.bool_] = np.isfinite(length_N) & (length_N > 0)
    return known_N


def _oks_scores(
    truth: KeypointTruth, found: FoundPeople, images: IntArray, skeleton: Skeleton
) -> tuple[Metrics, Metrics, Metrics]:
    """The ten numbers and those of crowds, AP by category, AP by part; without sigmas ten times None and nothing."""
    if not truth.sigmas_K.size:
        return dict.fromkeys(OKS_METRICS), {}, {}
    drawn = curves(truth, found, images)
    whole: Metrics = ten_numbers(drawn) | ap_by_crowd(truth, found, images)
    return whole, ap_by_category(truth, drawn), ap_of_parts(truth, found, images, skeleton.parts)
