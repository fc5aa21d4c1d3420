"""Anyone's MPII predictions against gt_valid.mat: PCKh in percent, as the tables print it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from heatmark.datasets.array_files import matlab_file, numbers, read_arrays
from heatmark.datasets.metrics.pckh import THRESHOLDS, pckh, relative_errors
from heatmark.datasets.mpii_files import JOINTS, load_truth
from heatmark.datasets.people import FloatArray, PoseDataset
from heatmark.datasets.predictions import Predictions
from heatmark.foundation.errors import InputError

# Of the array of predictions: HRNet's and the hourglass's, and what others write.
NAMES = ("preds", "pred", "pos_pred_src")
# Goes to the standard error where nobody listens.
NOTES = logging.getLogger("heatmark.score")


def score_mpii(truth_file: Path, predictions_file: Path, *, zero_based: bool = False) -> dict[str, Any]:
    """PCKh@0.5, @0.10 and @0.11 in percent, by joint group and in the mean; None where nothing is labelled."""
    truth = load_truth(truth_file)
    predicted_NK2 = load_predictions(predictions_file, len(truth.joints_NK2)) + (1.0 if zero_based else 0.0)
    errors_NK = relative_errors(predicted_NK2, truth.joints_NK2, truth.head_size_N)
    found = {}
    for threshold in THRESHOLDS:
        shares = pckh(errors_NK, truth.labelled_NK, float(threshold))
        found[f"PCKh@{threshold}"] = {name: None if share is None else 100 * share for name, share in shares.items()}
    return found


def load_predictions(path: Path, people: int) -> FloatArray:
    """Joints as people x 16 x 2, from a .mat or .h5 file that has them so, as 2 x 16 x people or as 16 x 2 x people.

    They are `preds`, else what others call them (NAMES); with a third number a joint it is its confidence, and dropped.
    What was taken that is not as usual is said.
    """
    arrays = read_arrays(path, tuple(f"{name}?" for name in NAMES))
    name = next((each for each in NAMES if each in arrays), None)
    if name is None:  # which says what the file holds
        arrays, name = read_arrays(path, NAMES[:1]), NAMES[0]
    values = numbers(path, arrays, name)
    axes: dict[tuple[int, ...], tuple[int, int, int]] = {}
    for parts in (3, 2):
        # The last entry stands where there are two people, whose file is the same shape both ways: people come first.
        axes |= {(JOINTS, parts, people): (2, 0, 1), (parts, JOINTS, people): (2, 1, 0)}
        axes[people, JOINTS, parts] = (0, 1, 2)
    if values.shape not in axes:
        raise InputError(
            f"{path}: '{name}' must be {people} x {JOINTS} x 2 or 2 x {JOINTS} x {people} (the {people} people of the "
            f"validation split in its order), found {' x '.join(map(str, values.shape)) or 'one number'}"
        )
    found = values.transpose(axes[values.shape])
    if name != NAMES[0]:
        NOTES.warning("%s: the predictions are taken from %s", path, name)
    if found.shape[2] == 3:
        NOTES.warning("%s: the third number of each joint in %s is taken for its confidence", path, name)
    return found[..., :2]


def predictions_file(dataset: PoseDataset, predictions: Predictions) -> bytes | None:
    """`preds` of a whole split as a .mat in 1-based pixels; None where people of the file were not predicted."""
    people = predictions.people(dataset)
    # Annotation ids count the file's people from 1.
    if sorted(person.annotation_id for person in people) != list(range(1, dataset.listed_people + 1)):
        return None
    order_N = np.argsort([person.annotation_id for person in people])
    return matlab_file({"preds": predictions.joints_NK3[order_N, :, :2] + 1})
