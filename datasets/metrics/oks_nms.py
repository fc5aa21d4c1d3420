"""Of poses on one image that are nearly the same, the best: non-maximum suppression by object keypoint similarity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import FloatArray

# SimpleBaseline's and HRNet's.
OKS_THRESHOLD = 0.9


def oks(
    joints_K2: FloatArray, area: float, others_MK2: FloatArray, area_M: FloatArray, sigmas: Sequence[float]
) -> FloatArray:
    """Similarity of a pose to each of M others: the mean over the joints of exp(-d^2 / (2 a (2 sigma)^2)).

    a is the mean of the two areas. All joints count.
    """
    variance_K = (2 * np.asarray(sigmas)) ** 2
    square_MK = ((others_MK2 - joints_K2) ** 2).sum(axis=-1)
    mean_area_M1 = (area_M + area)[:, None] / 2 + np.spacing(1)
    similarity_M: FloatArray = np.exp(-square_MK / (2 * mean_area_M1 * variance_K)).mean(axis=-1)
    return similarity_M


def oks_nms(
    joints_NK2: FloatArray,
    score_N: FloatArray,
    area_N: FloatArray,
    sigmas: Sequence[float],
    threshold: float = OKS_THRESHOLD,
) -> list[int]:
    """Rows to keep, the best score first: each drops those after it that are more similar to it than the threshold."""
    left: npt.NDArray[np.int64] = np.argsort(-score_N, kind="stable")
    kept = []
    while left.size:
        best, rest = int(left[0]), left[1:]
        kept.append(best)
        similarity_M = oks(joints_NK2[best], float(area_N[best]), joints_NK2[rest], area_N[rest], sigmas)
        left = rest[similarity_M <= threshold]
    return kept
