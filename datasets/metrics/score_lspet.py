"""Anyone's LSPET predictions against joints.mat: PCK of the torso's diagonal, in percent, and EPE in pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from heatmark.datasets.array_files import matlab_file, numbers, read_arrays
from heatmark.datasets.lspet import JOINTS, load_joints, torso_lengths
from heatmark.datasets.metrics.epe import end_point_error
from heatmark.datasets.metrics.pckh import pck, pck_by_group, relative_errors
from heatmark.datasets.people import FloatArray, PoseDataset
from heatmark.datasets.predictions import Metrics, Predictions
from heatmark.foundation.errors import InputError

THRESHOLDS = ("0.2", "0.1")
GROUPS = {
    "head": (13,),
    "neck": (12,),
    "shoulder": (8, 9),
    "elbow": (7, 10),
    "wrist": (6, 11),
    "hip": (2, 3),
    "knee": (1, 4),
    "ankle": (0, 5),
}


def score_lspet(truth_file: Path, predictions_file: Path) -> dict[str, Any]:
    """PCK@0.2 and @0.1 in percent, by joint group and over all labelled joints, and EPE; None where nothing counts.

    Coordinates are those of joints.mat. People without a labelled torso count for EPE only.
    """
    truth = load_joints(truth_file)
    image_N, predicted_NK2 = load_predictions(predictions_file, len(truth.joints_NK2))
    true_NK2, labelled_NK, torso_N = (
        each[image_N - 1] for each in (truth.joints_NK2, truth.labelled_NK, torso_lengths(truth))
    )
    found: dict[str, Any] = {}
    for threshold in THRESHOLDS:
        shares = torso_pck(predicted_NK2, true_NK2, labelled_NK, torso_N, float(threshold))
        found[f"PCK@{threshold}"] = {name: None if share is None else 100 * share for name, share in shares.items()}
    return found | {"EPE": end_point_error(predicted_NK2, true_NK2, labelled_NK)}


def torso_pck(
    predicted_NK2: FloatArray, true_NK2: FloatArray, labelled_NK: FloatArray, torso_N: FloatArray, threshold: float
) -> Metrics:
    """Shares of 1 by joint group, and `mean` over all labelled joints, of the people whose torso is known."""
    known_N = np.isfinite(torso_N)
    errors_NK = relative_errors(predicted_NK2[known_N], true_NK2[known_N], torso_N[known_N])
    by_group: Metrics = pck_by_group(errors_NK, labelled_NK[known_N], threshold, GROUPS)
    return by_group | {"mean": pck(errors_NK, labelled_NK[known_N], threshold)}


def load_predictions(path: Path, images: int) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Image numbers (from 1) and joints_NK2: `preds` as people x 14 x 2 or 2 x 14 x people, with `image_numbers`.

    Without image_numbers the rows are all the images of joints.mat in their order.
    """
    content = read_arrays(path, ("preds", "image_numbers?"))
    values = numbers(path, content, "preds")
    # Two people are the same shape both ways: they come first.
    if values.ndim == 3 and values.shape[:2] == (2, JOINTS) and values.shape[2] != 2:
        values = values.transpose(2, 1, 0)
    if values.ndim != 3 or values.shape[1:] != (JOINTS, 2) or not len(values):
        raise InputError(
            f"{path}: 'preds' must be people x {JOINTS} x 2 or 2 x {JOINTS} x people, found {values.shape}"
        )
    if "image_numbers" not in content:
        if len(values) != images:
            raise InputError(
                f"{path}: 'preds' has {len(values)} people for {images} images; for a part of them add 'image_numbers'"
            )
        return np.arange(1, images + 1), values
    number_N = numbers(path, content, "image_numbers").ravel()
    valid = len(number_N) == len(values) == len(np.unique(number_N)) and (number_N % 1 == 0).all()
    if not valid or number_N.min() < 1 or number_N.max() > images:
        raise InputError(f"{path}: 'image_numbers' must be one whole number from 1 to {images} per person, none twice")
    return number_N.astype(np.int64), values


def predictions_file(dataset: PoseDataset, predictions: Predictions) -> bytes | None:
    """`preds` and `image_numbers` as a .mat."""
    image_numbers = [person.image_id for person in predictions.people(dataset)]
    return matlab_file({"preds": predictions.joints_NK3[..., :2], "image_numbers": image_numbers})
