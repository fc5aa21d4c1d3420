"""MPII's PCKh, and the PCK it is a case of: the share of joints found within a fraction of a length of the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from heatmark.datasets.people import FloatArray

# MPII's length is 0.6 of the diagonal of the head box.
HEAD_SHARE = 0.6
# As MPII's tables print them. Pelvis (6) and thorax (7) count nowhere; the upper neck (8) counts in the mean alone.
GROUPS = {
    "head": (9,),
    "shoulder": (12, 13),
    "elbow": (11, 14),
    "wrist": (10, 15),
    "hip": (2, 3),
    "knee": (1, 4),
    "ankle": (0, 5),
}
COUNTED = (0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15)
# What SimpleBaseline, HRNet and DARK print as "@0.1" was taken at 0.11, what mmpose prints at 0.10.
THRESHOLDS = ("0.5", "0.10", "0.11")


def head_sizes(headboxes_N22: FloatArray) -> FloatArray:
    """0.6 of the diagonal of each head box, given as its two corners."""
    sizes_N: FloatArray = HEAD_SHARE * np.linalg.norm(headboxes_N22[:, 1] - headboxes_N22[:, 0], axis=-1)
    return sizes_N


def relative_errors(predicted_NK2: FloatArray, true_NK2: FloatArray, length_N: FloatArray) -> FloatArray:
    """Euclidean distances as fractions of each person's length."""
    errors_NK: FloatArray = np.linalg.norm(predicted_NK2 - true_NK2, axis=-1) / length_N[:, None]
    return errors_NK


def correct_by_joint(errors_NK: FloatArray, labelled_NK: FloatArray, threshold: float) -> tuple[FloatArray, FloatArray]:
    """correct_K and labelled_K: how many labelled joints lie within the threshold, and how many there are."""
    labelled_mask_NK = labelled_NK > 0
    return ((errors_NK <= threshold) & labelled_mask_NK).sum(0) * 1.0, labelled_mask_NK.sum(0) * 1.0


def pck(errors_NK: FloatArray, labelled_NK: FloatArray, threshold: float) -> float | None:
    """The share of all labelled joints within the threshold; None where none is labelled."""
    correct_K, count_K = correct_by_joint(errors_NK, labelled_NK, threshold)
    return float(correct_K.sum() / count_K.sum()) if count_K.any() else None


def pckh(errors_NK: FloatArray, labelled_NK: FloatArray, threshold: float) -> dict[str, float | None]:
    """PCKh of MPII's 16 joints, as fractions of 1: by group, and in the mean two ways.

    A group is the plain mean of its left and its right joint. mean: every labelled joint but pelvis and thorax counts
    once (as MPII and HRNet report it); plain_mean: each of those 14 joints counts once, however often it is labelled.
    None where nothing is labelled.
    """
    counted = list(COUNTED)
    correct_K, count_K = correct_by_joint(errors_NK, labelled_NK, threshold)
    return pck_by_group(errors_NK, labelled_NK, threshold, GROUPS) | {
        "mean": pck(errors_NK[:, counted], labelled_NK[:, counted], threshold),
        "plain_mean": _mean(_shares(correct_K, count_K)[counted]),
    }


def pck_by_group(
    errors_NK: FloatArray, labelled_NK: FloatArray, threshold: float, groups: Mapping[str, Sequence[int]]
) -> dict[str, float | None]:
    """For each group of joints the plain mean of its joints' shares; None where none of them is labelled."""
    share_K = _shares(*correct_by_joint(errors_NK, labelled_NK, threshold))
    return {group: _mean(share_K[list(joints)]) for group, joints in groups.items()}


def _shares(correct_K: FloatArray, count_K: FloatArray) -> FloatArray:
    shares_K: FloatArray = np.divide(correct_K, count_K, out=np.full_like(correct_K, np.nan), where=count_K > 0)
    return shares_K


def _mean(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
