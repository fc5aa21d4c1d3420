"""Predictions of a split -> its format's metrics by name, as every evaluation of a run reports them."""

from __future__ import annotations

import numpy as np

from heatmark.datasets.metrics.epe import end_point_error
from heatmark.datasets.metrics.hand_space import space_scores, true_xyz_of, xyz_of
from heatmark.datasets.metrics.oks import oks_metrics
from heatmark.datasets.metrics.pckh import GROUPS, THRESHOLDS, pck, pckh, relative_errors
from heatmark.datasets.metrics.score_lspet import THRESHOLDS as TORSO_THRESHOLDS
from heatmark.datasets.metrics.score_lspet import torso_pck
from heatmark.datasets.metrics.score_rhd import pixel_scores
from heatmark.datasets.people import FloatArray, PoseDataset
from heatmark.datasets.predictions import Metrics, Predictions, as_results, truth_of
from heatmark.datasets.subsets import DIFFICULTIES, PRESETS, Rules, members, part_name

COCO_RULES = PRESETS["paper_counts"]


def measure_coco(dataset: PoseDataset, predictions: Predictions) -> Metrics:
    """COCO's ten numbers over the images that people were predicted on, and EPE in image pixels.

    EPE is over joints. EPE/easy, EPE/medium and EPE/hard are of the people whom the rules behind the paper's counts
    call so by occlusion, EPE/intersection/easy and so on by all three factors at once (datasets/subsets.py). Detected
    boxes have no joints of their own: there is no EPE, and the images without a box count as well.
    """
    images = dataset.evaluated_images or {person.image_id for person in predictions.people(dataset)}
    truth = dataset.keypoint_truth or dataset.annotation_file
    found: Metrics = {**oks_metrics(truth, as_results(dataset, predictions), images)}
    if dataset.detected:
        return found
    by_subset = subset_errors(dataset, predictions, COCO_RULES)
    parts = [part_name(difficulty, by) for by in COCO_RULES.definitions for difficulty in DIFFICULTIES]
    found |= {f"EPE/{part}": by_subset[part] for part in parts}
    return found | {"EPE": end_point_error_of(dataset, predictions)}


def subset_errors(dataset: PoseDataset, predictions: Predictions, rules: Rules) -> Metrics:
    """EPE in every sub-benchmark (names: subsets.members); None in those that nobody is in."""
    people = predictions.people(dataset)
    true_NK2, labelled_NK = truth_of(people)
    return {
        name: end_point_error(predictions.joints_NK3[rows, :, :2], true_NK2[rows], labelled_NK[rows])
        for name, rows in members(people, rules).items()
    }


def measure_mpii(dataset: PoseDataset, predictions: Predictions) -> Metrics:
    """PCKh as MPII's mean (weighted by labelled joints) at three thresholds, by group at 0.5, and EPE in image pixels.

    EPE is over all 16 joints, pelvis and thorax included.
    """
    people = predictions.people(dataset)
    true_NK2, labelled_NK = truth_of(people)
    length_N = np.array([person.reference_length or np.nan for person in people])
    errors_NK = relative_errors(predictions.joints_NK3[..., :2], true_NK2, length_N)
    shares = {threshold: pckh(errors_NK, labelled_NK, float(threshold)) for threshold in THRESHOLDS}
    found: Metrics = {f"PCKh@{threshold}": share["mean"] for threshold, share in shares.items()}
    found |= {f"PCKh@0.5/{group}": shares["0.5"][group] for group in GROUPS}
    return found | {"EPE": end_point_error_of(dataset, predictions)}


def measure_lspet(dataset: PoseDataset, predictions: Predictions) -> Metrics:
    """PCK over all labelled joints at two thresholds of the torso's diagonal, by group at 0.2, and EPE in pixels."""
    people = predictions.people(dataset)
    true_NK2, labelled_NK = truth_of(people)
    torso_N = np.array([person.reference_length or np.nan for person in people])
    predicted_NK2 = predictions.joints_NK3[..., :2]
    shares = {at: torso_pck(predicted_NK2, true_NK2, labelled_NK, torso_N, float(at)) for at in TORSO_THRESHOLDS}
    found: Metrics = {f"PCK@{at}": share.pop("mean") for at, share in shares.items()}
    found |= {f"PCK@0.2/{group}": share for group, share in shares["0.2"].items()}
    return found | {"EPE": end_point_error_of(dataset, predictions)}


def measure_rhd(dataset: PoseDataset, predictions: Predictions) -> Metrics:
    """AUC over 0-30 px and EPE in pixels of the original image, over all joints and over those the file flags.

    EPE/visible and EPE/occluded are over the joints that Eq. 27 calls so (Table 7); PCK@0.2 is mmpose's, of the longest
    side of its box. With depth there are AUC and EPE in millimetres (Table 8).
    """
    people = predictions.people(dataset)
    true_NK2, labelled_NK = truth_of(people)
    predicted_NK2 = predictions.joints_NK3[..., :2]
    visibility_NK = np.stack([person.visibility_K for person in people])
    length_N = np.array([person.reference_length or np.nan for person in people])
    found = pixel_scores(predicted_NK2, true_NK2, labelled_NK)
    # Every joint of every hand is labelled, so that the two kinds of mean are one.
    del found["EPE pooled"]
    flagged = pixel_scores(predicted_NK2, true_NK2, flagged_of(dataset, predictions))
    if predictions.depth_NK is not None:
        found |= space_scores(xyz_of(dataset, predictions), true_xyz_of(dataset, predictions))
    return found | {
        "EPE/visible": end_point_error(predicted_NK2, true_NK2, visibility_NK == 2),
        "EPE/occluded": end_point_error(predicted_NK2, true_NK2, visibility_NK == 1),
        "PCK@0.2": pck(relative_errors(predicted_NK2, true_NK2, length_N), labelled_NK, 0.2),
        "AUC@0-30px/flagged": flagged["AUC@0-30px"],
        "EPE/flagged": flagged["EPE"],
    }


def flagged_of(dataset: PoseDataset, predictions: Predictions) -> FloatArray:
    """flagged_NK of hands."""
    hands = [person.hand for person in predictions.people(dataset)]
    return np.stack([hand.flagged_K for hand in hands if hand is not None])


def end_point_error_of(dataset: PoseDataset, predictions: Predictions) -> float | None:
    """EPE over all labelled joints, in pixels of the original image."""
    true_NK2, labelled_NK = truth_of(predictions.people(dataset))
    return end_point_error(predictions.joints_NK3[..., :2], true_NK2, labelled_NK)
