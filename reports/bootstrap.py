"""Paired bootstrap over images: people of one image are drawn together, and all trials are given the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heatmark.reports.statistics import Array, Resampled

Weights = npt.NDArray[np.float32]
# weights_WI (how often each image counts) -> the statistic under each of the W weightings.
Statistic = Callable[[Weights], Array]

RESAMPLES, FEWEST_RESAMPLES = 2000, 400
# AP is counted anew for every resample: so many people times resamples take about half a minute.
BUDGET = 60_000_000
# Leaving out one image at a time is for small sets; the acceleration needs no more than this many groups.
JACKKNIFE_GROUPS = 100
CHUNK = 1 << 17
THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
RECALLS = 100
MOST_DETECTIONS = 20


@dataclass(frozen=True)
class Resampling:
    """Drawn once and used for every trial of a comparison. image_I: ids, sorted."""

    image_I: npt.NDArray[np.int64]
    counts_BI: Weights
    left_out_GI: Weights

    def apply(self, statistic: Statistic) -> Resampled:
        with np.errstate(divide="ignore", invalid="ignore"):
            (value,) = statistic(np.ones((1, len(self.image_I)), np.float32))
            return Resampled(float(value), statistic(self.counts_BI), statistic(self.left_out_GI))


def affordable_resamples(people: int) -> int:
    """How many resamples AP can be given, people counted over all trials of the report."""
    return int(min(RESAMPLES, max(FEWEST_RESAMPLES, BUDGET // max(people, 1))))


def draw_resampling(image_ids: npt.ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> Resampling:
    """Resamples of the images with replacement, from a seed: the same report every time."""
    image_I = np.unique(np.asarray(image_ids, dtype=np.int64))
    count = len(image_I)
    drawn_BI = np.random.default_rng([seed, count]).integers(0, count, (resamples, count))
    rows_B1 = np.arange(resamples)[:, None] * count
    counts = np.bincount((drawn_BI + rows_B1).ravel(), minlength=resamples * count)
    groups = min(count, JACKKNIFE_GROUPS)
    left_out_GI = np.ones((groups, count), np.float32)
    left_out_GI[np.arange(count) % groups, np.arange(count)] = 0
    return Resampling(image_I, counts.reshape(resamples, count).astype(np.float32), left_out_GI)


def ratio_of_sums(numerator_I: npt.ArrayLike, denominator_I: npt.ArrayLike) -> Statistic:
    """A mean over joints or people (EPE, PCK): both are summed over the images, then divided. NaN for 0 / 0."""
    parts_I2 = np.column_stack([numerator_I, denominator_I]).astype(np.float64)

    def statistic(weights_WI: Weights) -> Array:
        sums_W2 = weights_WI @ parts_I2
        ratio_W: Array = sums_W2[:, 0] / sums_W2[:, 1]
        return ratio_W

    return statistic


def average_precision(image_N: npt.ArrayLike, score_N: npt.ArrayLike, oks_N: npt.ArrayLike) -> Statistic:
    """COCO's AP (mean over OKS 0.50 to 0.95, 101 recalls) of predictions that are matched with their own person.

    image_N: positions of the people's images in the weights. COCO itself matches a prediction with whomever it is
    nearest to; in boxes of the ground truth that is nearly always the box's own person, and the two then agree. A
    prediction that COCO would give to a neighbour counts as wrong here.
    """
    image_N, score_N, oks_N = np.asarray(image_N), np.asarray(score_N), np.asarray(oks_N)
    order_N = np.argsort(-score_N, kind="stable")
    order_N = order_N[_rank_in_image(image_N[order_N]) < MOST_DETECTIONS]
    ranked_image_N, ranked_oks_N = image_N[order_N], oks_N[order_N]
    hits_TN = np.stack([ranked_oks_N >= threshold for threshold in THRESHOLDS]).astype(np.float32)

    def statistic(weights_WI: Weights) -> Array:
        people_I = np.bincount(image_N, minlength=weights_WI.shape[1]).astype(np.float32)
        step = max(1, CHUNK // max(len(order_N), 1))
        parts = [
            _precisions(weights_W[:, ranked_image_N], hits_TN, weights_W @ people_I)
            for weights_W in (weights_WI[start : start + step] for start in range(0, len(weights_WI), step))
        ]
        return np.concatenate(parts)

    return statistic


def _rank_in_image(ranked_image_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each prediction in the order of its score, how many of its image come before it."""
    by_image_N = np.argsort(ranked_image_N, kind="stable")
    _, first, size = np.unique(ranked_image_N[by_image_N], return_index=True, return_counts=True)
    rank_N = np.empty(len(ranked_image_N), np.int64)
    rank_N[by_image_N] = np.arange(len(ranked_image_N)) - np.repeat(first, size)
    return rank_N


def _precisions(weights_WN: Weights, hits_TN: Weights, people_W: Weights) -> Array:
    """AP under W weightings of N ranked predictions. Sums of counts are exact in float32 up to 16 million."""
    if not weights_WN.shape[1]:
        return np.where(people_W > 0, 0.0, np.nan)
    seen_WN = np.maximum(np.cumsum(weights_WN, axis=1), 1e-6)
    total_W = np.zeros(len(weights_WN))
    for hit_N in hits_TN:
        found_WN = np.cumsum(weights_WN * hit_N, axis=1)
        best_WN = np.maximum.accumulate((found_WN / seen_WN)[:, ::-1], axis=1)[:, ::-1]
        # How many of the recalls 0, 0.01 .. 1 are reached: each is given the best precision from there on.
        reached_WN = np.floor(RECALLS * found_WN / people_W[:, None]) + 1
        gained_WN = np.diff(reached_WN, axis=1, prepend=0)
        total_W += np.einsum("wn,wn->w", best_WN, gained_WN) / (RECALLS + 1)
    return total_W / len(hits_TN)
