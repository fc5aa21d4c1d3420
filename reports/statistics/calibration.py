"""Whether confidences tell right joints from wrong ones, and small errors from large: arrays in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heatmark.reports.statistics.intervals import Array
from heatmark.reports.statistics.ranked import mean_ranks

BINS = 10
# Of a sparsification curve: 0, 5, ... 95 % of the joints left out.
STEPS = 20


@dataclass(frozen=True)
class Reliability:
    """Joints in bins of equal size, by rising confidence: its mean, the share that is right, the count.

    expected_error: the mean over joints of |confidence - share right| of their bin, confidences cut to 0 to 1 (ECE).
    """

    confidence_B: Array
    right_B: Array
    count_B: npt.NDArray[np.int64]

    @property
    def expected_error(self) -> float:
        apart_B = np.abs(self.confidence_B.clip(0, 1) - self.right_B)
        return float((apart_B * self.count_B).sum() / self.count_B.sum())


def reliability(confidence_N: npt.ArrayLike, right_N: npt.ArrayLike, bins: int = BINS) -> Reliability:
    """Raises ValueError where there is no joint."""
    confidence_N, right_N = np.asarray(confidence_N, np.float64), np.asarray(right_N, np.float64)
    if not len(confidence_N):
        raise ValueError("no joint to tell a reliability of")
    order_N = np.argsort(confidence_N, kind="stable")
    parts = [part for part in np.array_split(order_N, bins) if len(part)]
    means = [(confidence_N[part].mean(), right_N[part].mean(), len(part)) for part in parts]
    confidence, right, count = zip(*means, strict=True)
    return Reliability(np.array(confidence), np.array(right), np.array(count, dtype=np.int64))


def auroc(confidence_N: npt.ArrayLike, right_N: npt.ArrayLike) -> float | None:
    """P(a right joint has the higher confidence than a wrong one), ties count half; None where all are of one kind."""
    right_mask_N = np.asarray(right_N) > 0
    right, wrong = int(right_mask_N.sum()), int((~right_mask_N).sum())
    if not right or not wrong:
        return None
    rank_N = mean_ranks(np.asarray(confidence_N, np.float64))
    return float((rank_N[right_mask_N].sum() - right * (right + 1) / 2) / (right * wrong))


def sparsification_error(confidence_N: npt.ArrayLike, error_N: npt.ArrayLike) -> float | None:
    """AUSE (Ilg et al. 2018): how much more error is left when joints are left out by confidence than by their error.

    The mean, over shares of 0 to 95 % left out, of the mean error left, as a multiple of the mean error of all, less
    the same with the largest errors left out first. 0 for confidences in the order of the errors; None without error.
    """
    error_N = np.asarray(error_N, np.float64)
    if not len(error_N) or not error_N.mean() > 0:
        return None
    by_confidence_N = error_N[np.argsort(-np.asarray(confidence_N, np.float64), kind="stable")]
    kept_S = np.maximum(1, np.round(len(error_N) * (1 - np.arange(STEPS) / STEPS)).astype(np.int64))
    curves = [np.cumsum(each)[kept_S - 1] / kept_S for each in (by_confidence_N, np.sort(error_N))]
    return float((curves[0] - curves[1]).mean() / error_N.mean())
