"""End-point error: the distance between predicted and true joints."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import FloatArray


def end_point_error(predicted_NK2: FloatArray, true_NK2: FloatArray, labelled_NK: npt.ArrayLike) -> float | None:
    """Mean Euclidean distance over the labelled joints, in the unit of the joints; None where none is labelled."""
    found = distances(predicted_NK2, true_NK2)[np.asarray(labelled_NK) > 0]
    return float(found.mean()) if found.size else None


def end_point_error_by_joint(
    predicted_NK2: FloatArray, true_NK2: FloatArray, labelled_NK: npt.ArrayLike
) -> list[float | None]:
    """The same for each joint by itself: K values."""
    distances_NK, labelled_mask_NK = distances(predicted_NK2, true_NK2), np.asarray(labelled_NK) > 0
    columns = zip(distances_NK.T, labelled_mask_NK.T, strict=True)
    return [float(column[mask].mean()) if mask.any() else None for column, mask in columns]


def distances(predicted_NK2: FloatArray, true_NK2: FloatArray) -> FloatArray:
    """Euclidean distance of each joint: distance_NK."""
    distances_NK: FloatArray = np.linalg.norm(np.asarray(predicted_NK2) - np.asarray(true_NK2), axis=-1)
    return distances_NK
