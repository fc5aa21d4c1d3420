"""The area under the curve of PCK over absolute thresholds, in the three ways that hand-pose papers compute it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import FloatArray

STEPS = 20
# Of papers on hands in 2D.
HIGHEST_PX = 30.0


def exact_auc(errors: npt.ArrayLike, highest: float, lowest: float = 0.0) -> float | None:
    """The curve integrated without steps, over all errors together: 1 - E[min(e, T)] / T for thresholds 0 to T.

    From a lowest threshold a on: 1 - E[min(max(e - a, 0), T - a)] / (T - a). None without errors.
    """
    span = highest - lowest
    values = np.asarray(errors, dtype=np.float64).ravel()
    return 1 - float(np.clip(values - lowest, 0, span).mean()) / span if values.size else None


def hand3d_auc(errors_NK: FloatArray, labelled_NK: FloatArray, highest: float, lowest: float = 0.0) -> float | None:
    """As hand3d does: PCK (error <= threshold) at 20 thresholds, both ends included, trapezoids; joint by joint, then
    the mean over the joints that are labelled at all.
    """
    thresholds_T = np.linspace(lowest, highest, STEPS)
    areas = []
    for errors, labelled in zip(errors_NK.T, labelled_NK.T > 0, strict=True):
        if labelled.any():
            pck_T = (errors[labelled][:, None] <= thresholds_T).mean(axis=0)
            areas.append(float(np.trapezoid(pck_T, thresholds_T)) / (highest - lowest))
    return float(np.mean(areas)) if areas else None


def mmpose_auc(errors_NK: FloatArray, labelled_NK: FloatArray, highest: float) -> float | None:
    """As mmpose does: the mean PCK (error < threshold) at i / 20 of the highest, i = 0 to 19, over all joints together.

    The highest threshold itself is never asked, so this is about half a step below the other two.
    """
    errors = errors_NK[labelled_NK > 0]
    thresholds_T = np.arange(STEPS) / STEPS * highest
    return float((errors[:, None] < thresholds_T).mean()) if errors.size else None


def mean_of_joint_means(errors_NK: FloatArray, labelled_NK: FloatArray) -> float | None:
    """hand3d's end-point error: the mean over joints of each joint's mean error; None where none is labelled."""
    pairs = zip(errors_NK.T, labelled_NK.T > 0, strict=True)
    means = [float(errors[labelled].mean()) for errors, labelled in pairs if labelled.any()]
    return float(np.mean(means)) if means else None
