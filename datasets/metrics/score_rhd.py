"""Anyone's RHD predictions against anno_evaluation.pickle: AUC over 0-30 px and EPE of the dominant hands, in 2D."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from heatmark.datasets.array_files import numbers, read_arrays
from heatmark.datasets.errors import InputError
from heatmark.datasets.metrics.auc import exact_auc, hand3d_auc, mean_of_joint_means, mmpose_auc
from heatmark.datasets.metrics.epe import end_point_error
from heatmark.datasets.people import FloatArray, PoseDataset
from heatmark.datasets.predictions import Metrics, Predictions
from heatmark.datasets.rhd_files import JOINTS_PER_HAND, dominant_hand, load_hands, read_mask

HIGHEST_PX = 30.0


def score_rhd(truth_file: Path, predictions_file: Path) -> dict[str, Any]:
    """AUC and EPE in pixels of the 320 px images, as hand3d and as mmpose compute them, over two sets of joints.

    flagged: joints whose visibility flag in the file is set, which hand3d's numbers are over. all: every joint. The
    hand of an image is the dominant one by its mask, mask/%05d.png beside the pickle.
    """
    true_NK2, flag_NK = load_truth(truth_file)
    predicted_NK2 = load_predictions(predictions_file, len(true_NK2))
    return {
        name: pixel_scores(predicted_NK2, true_NK2, labelled_NK)
        for name, labelled_NK in (("flagged", flag_NK), ("all", np.ones_like(flag_NK)))
    }


def pixel_scores(predicted_NK2: FloatArray, true_NK2: FloatArray, labelled_NK: FloatArray) -> Metrics:
    """AUC over 0-30 px in three ways and EPE in two, over the labelled joints."""
    errors_NK: FloatArray = np.linalg.norm(predicted_NK2 - true_NK2, axis=-1)
    return {
        "AUC@0-30px": hand3d_auc(errors_NK, labelled_NK, HIGHEST_PX),
        "AUC@0-30px mmpose": mmpose_auc(errors_NK, labelled_NK, HIGHEST_PX),
        "AUC@0-30px exact": exact_auc(errors_NK[labelled_NK > 0], HIGHEST_PX),
        "EPE": mean_of_joint_means(errors_NK, labelled_NK),
        "EPE pooled": end_point_error(predicted_NK2, true_NK2, labelled_NK),
    }


def load_truth(path: Path) -> tuple[FloatArray, FloatArray]:
    """uv_NK2 and flag_NK of the dominant hand of every image, by ascending number."""
    hands = load_hands(path)
    sides = [dominant_hand(read_mask(path.parent / "mask" / f"{hand.number:05d}.png")) for hand in hands]
    uv_NK2 = np.stack([hand.uv_2K2[side] for hand, side in zip(hands, sides, strict=True)])
    return uv_NK2, np.stack([hand.flag_2K[side] for hand, side in zip(hands, sides, strict=True)])


def load_predictions(path: Path, people: int) -> FloatArray:
    """`preds` as hands x 21 x 2, from a .mat or .h5 file that has it so or as 2 x 21 x hands."""
    values = numbers(path, read_arrays(path, ("preds",)), "preds")
    if values.shape == (2, JOINTS_PER_HAND, people):
        values = values.transpose(2, 1, 0)
    if values.shape != (people, JOINTS_PER_HAND, 2):
        raise InputError(
            f"{path}: 'preds' must be {people} x {JOINTS_PER_HAND} x 2 or 2 x {JOINTS_PER_HAND} x {people} (dominant "
            f"hands by ascending image number), found {' x '.join(map(str, values.shape)) or 'one number'}"
        )
    return values


def predictions_file(dataset: PoseDataset, predictions: Predictions) -> bytes | None:
    """`preds` of a whole split as a .mat; None where hands of the file were not predicted."""
    numbers_N = np.array([person.image_id for person in predictions.people(dataset)])
    if len(numbers_N) != dataset.listed_people:
        return None
    file = io.BytesIO()
    scipy.io.savemat(file, {"preds": predictions.joints_NK3[np.argsort(numbers_N), :, :2]})
    return file.getvalue()
