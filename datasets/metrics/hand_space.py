"""Hands in space: predictions in 2.5D put back into millimetres, and how far their joints are off."""

from __future__ import annotations

import numpy as np

from heatmark.datasets.hand_depth import WRIST, from_relative_depth, to_relative_depth
from heatmark.datasets.metrics.auc import hand3d_auc, mean_of_joint_means
from heatmark.datasets.people import FloatArray, PoseDataset
from heatmark.datasets.predictions import Metrics, Predictions

# Papers after hand3d leave out the first 20 mm, hand3d itself does not.
LOWEST_MM, HIGHEST_MM = 20.0, 50.0


def xyz_of(dataset: PoseDataset, predictions: Predictions) -> FloatArray:
    """Predicted xyz_NK3 in millimetres in the camera's coordinates.

    The scale is that of the true bone from the wrist to the base of the index finger, which one picture does not tell;
    the depth of the root follows from it (Iqbal et al. 2018).
    """
    assert predictions.depth_NK is not None, "only for methods with depth"
    found = []
    rows = zip(predictions.people(dataset), predictions.joints_NK3, predictions.depth_NK, strict=True)
    for person, joints_K3, depth_K in rows:
        assert person.hand is not None, "only hands are in space"
        _, bone = to_relative_depth(person.hand.xyz_K3, person.hand.camera_33)
        uvz_K3 = np.column_stack([joints_K3[:, :2], depth_K])
        found.append(from_relative_depth(uvz_K3, person.hand.camera_33, bone))
    return np.stack(found)


def true_xyz_of(dataset: PoseDataset, predictions: Predictions) -> FloatArray:
    """xyz_NK3 in millimetres of the hands that were predicted."""
    hands = [person.hand for person in predictions.people(dataset)]
    return np.stack([hand.xyz_K3 for hand in hands if hand is not None])


def space_errors(predicted_NK3: FloatArray, true_NK3: FloatArray) -> FloatArray:
    """Distances of the joints once the wrists lie in one place, as hand3d takes them: error_NK in millimetres."""
    predicted_NK3, true_NK3 = (each - each[:, WRIST, None] for each in (predicted_NK3, true_NK3))
    errors_NK: FloatArray = np.linalg.norm(predicted_NK3 - true_NK3, axis=-1)
    return errors_NK


def space_scores(predicted_NK3: FloatArray, true_NK3: FloatArray) -> Metrics:
    """AUC over 20-50 mm and over 0-50 mm and EPE in millimetres, over all joints, the wrist among them."""
    errors_NK = space_errors(predicted_NK3, true_NK3)
    every_NK = np.ones_like(errors_NK)
    return {
        "AUC@20-50mm": hand3d_auc(errors_NK, every_NK, HIGHEST_MM, LOWEST_MM),
        "AUC@0-50mm": hand3d_auc(errors_NK, every_NK, HIGHEST_MM),
        "EPE mm": mean_of_joint_means(errors_NK, every_NK),
    }
