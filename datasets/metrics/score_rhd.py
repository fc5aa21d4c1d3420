"""Anyone's RHD predictions against anno_evaluation.pickle: AUC and EPE of the dominant hands, in pixels and in mm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heatmark.datasets.array_files import matlab_file, numbers, read_arrays
from heatmark.datasets.metrics.auc import HIGHEST_PX, exact_auc, hand3d_auc, mean_of_joint_means, mmpose_auc
from heatmark.datasets.metrics.epe import end_point_error
from heatmark.datasets.metrics.hand_space import space_scores, xyz_of
from heatmark.datasets.people import FloatArray, PoseDataset
from heatmark.datasets.predictions import Metrics, Predictions
from heatmark.datasets.rhd_files import JOINTS_PER_HAND, dominant_hand, load_hands, read_mask
from heatmark.foundation.errors import InputError


def score_rhd(truth_file: Path, predictions_file: Path) -> dict[str, Any]:
    """AUC and EPE in pixels of the 320 px images, as hand3d and as mmpose compute them, over two sets of joints.

    flagged: joints whose visibility flag in the file is set, which hand3d's numbers are over. all: every joint. The
    hand of an image is the dominant one by its mask, mask/%05d.png beside the pickle. With predictions in millimetres
    there are AUC and EPE of these too, over all joints.
    """
    true_NK2, flag_NK, true_NK3 = load_truth(truth_file)
    predicted_NK2, predicted_NK3 = load_predictions(predictions_file, len(true_NK2))
    flagged = pixel_scores(predicted_NK2, true_NK2, flag_NK)
    everything = pixel_scores(predicted_NK2, true_NK2, np.ones_like(flag_NK))
    if predicted_NK3 is not None:
        everything |= space_scores(predicted_NK3, true_NK3)
    return {"flagged": flagged, "all": everything}


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


def load_truth(path: Path) -> tuple[FloatArray, FloatArray, FloatArray]:
    """uv_NK2, flag_NK and xyz_NK3 in millimetres of the dominant hand of every image, by ascending number."""
    hands = load_hands(path)
    sides = [dominant_hand(read_mask(path.parent / "mask" / f"{hand.number:05d}.png")) for hand in hands]
    chosen = list(zip(hands, sides, strict=True))
    uv_NK2, flag_NK = np.stack([each.uv_2K2[side] for each, side in chosen]), [each.flag_2K[s] for each, s in chosen]
    return uv_NK2, np.stack(flag_NK), 1000 * np.stack([each.xyz_2K3[side] for each, side in chosen])


def load_predictions(path: Path, hands: int) -> tuple[FloatArray, FloatArray | None]:
    """`preds` in pixels and, where it is there, `preds_xyz` in millimetres, from a .mat or .h5 file."""
    content = read_arrays(path, ("preds", "preds_xyz?"))
    xyz_NK3 = _of_hands(path, content, "preds_xyz", hands, 3) if "preds_xyz" in content else None
    return _of_hands(path, content, "preds", hands, 2), xyz_NK3


def _of_hands(path: Path, content: Mapping[str, Any], name: str, hands: int, axes: int) -> FloatArray:
    """An array as hands x 21 x axes, from a file that has it so or as axes x 21 x hands."""
    values = numbers(path, content, name)
    # As many hands as axes are the same shape both ways: hands come first.
    if values.shape == (axes, JOINTS_PER_HAND, hands) and hands != axes:
        values = values.transpose(2, 1, 0)
    if values.shape != (hands, JOINTS_PER_HAND, axes):
        raise InputError(
            f"{path}: '{name}' must be {hands} x {JOINTS_PER_HAND} x {axes} or {axes} x {JOINTS_PER_HAND} x {hands} "
            f"(dominant hands by ascending image number), found {' x '.join(map(str, values.shape)) or 'one number'}"
        )
    return values


def predictions_file(dataset: PoseDataset, predictions: Predictions) -> bytes | None:
    """`preds` of a whole split as a .mat, with depth also `preds_xyz`; None where hands of the file are missing."""
    numbers_N = np.array([person.image_id for person in predictions.people(dataset)])
    if len(numbers_N) != dataset.listed_people:
        return None
    order_N = np.argsort(numbers_N)
    content = {"preds": predictions.joints_NK3[order_N, :, :2]}
    if predictions.depth_NK is not None:
        content["preds_xyz"] = xyz_of(dataset, predictions)[order_N]
    return matlab_file(content)
