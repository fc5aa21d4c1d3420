"""Paired bootstrap over images: people of one image are drawn together, and all trials are given the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heatmark.reports.statistics.intervals import Array, Resampled

Weights = npt.NDArray[np.float32]
# weights_WI (how often each image counts) -> the statistic under each of the W weightings.
Statistic = Callable[[Weights], Array]

RESAMPLES, FEWEST_RESAMPLES = 2000, 400
# AP is counted anew for every resample: so many people times resamples take some ten seconds.
BUDGET = 300_000_000
# Weights in memory at a time.
CHUNK = 1 << 22
THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = 100
MOST_DETECTIONS = 20


@dataclass(frozen=True)
class Resampling:
    """Drawn once and used for every trial of a comparison. image_I: ids, sorted."""

    image_I: npt.NDArray[np.int64]
    counts_BI: Weights

    def apply(self, statistic: Statistic) -> Resampled:
        with np.errstate(divide="ignore", invalid="ignore"):
            (value,) = statistic(np.ones((1, len(self.image_I)), np.float32))
            return Resampled(float(value), statistic(self.counts_BI))


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
    return Resampling(image_I, counts.reshape(resamples, count).astype(np.float32))


def ratio_of_sums(numerator_I: npt.ArrayLike, denominator_I: npt.ArrayLike) -> Statistic:
    """A mean over joints or people (EPE, PCK): both are summed over the images, then divided. NaN for 0 / 0."""
    parts_I2 = np.column_stack([numerator_I, denominator_I]).astype(np.float64)

    def statistic(weights_WI: Weights) -> Array:
        sums_W2 = weights_WI @ parts_I2
        ratio_W: Array = sums_W2[:, 0] / sums_W2[:, 1]
        return ratio_W

    return statistic


def average_precision(
    image_N: npt.ArrayLike, score_N: npt.ArrayLike, oks_N: npt.ArrayLike, person_N: npt.ArrayLike | None = None
) -> Statistic:
    """COCO's AP (mean over OKS 0.50 to 0.95, 101 recalls) of predictions that are matched with their own person.

    image_N: positions of the people's images in the weights. COCO itself matches a prediction with whomever it is
    nearest to; in boxes of the ground truth that is nearly always the box's own person, and the two then agree. A
    prediction that COCO would give to a neighbour counts as wrong here. person_N: False for a prediction of nobody;
    a person without a prediction has a score of NaN, and comes last.
    """
    image_N, score_N, oks_N = np.asarray(image_N), np.asarray(score_N), np.asarray(oks_N)
    person_N = None if person_N is None else np.asarray(person_N, np.float64)
    order_N = np.argsort(-score_N, kind="stable")
    order_N = order_N[rank_in_image(image_N[order_N]) < MOST_DETECTIONS]
    ranked_image_N = image_N[order_N]
    # A prediction that passes one threshold passes all lower ones.
    passed_N = np.searchsorted(THRESHOLDS, oks_N[order_N], side="right")

    def statistic(weights_WI: Weights) -> Array:
        people_I = np.bincount(image_N, person_N, minlength=weights_WI.shape[1]).astype(np.float32)
        step = min(len(weights_WI), max(64, CHUNK // max(len(order_N), 1)))
        parts = []
        for start in range(0, len(weights_WI), step):
            some_WI = weights_WI[start : start + step]
            parts.append(_precisions(np.ascontiguousarray(some_WI.T)[ranked_image_N], passed_N, some_WI @ people_I))
        return np.concatenate(parts)

    return statistic


def rank_in_image(ranked_image_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each prediction in the order of its score, how many of its image come before it."""
    by_image_N = np.argsort(ranked_image_N, kind="stable")
    _, first, size = np.unique(ranked_image_N[by_image_N], return_index=True, return_counts=True)
    rank_N = np.empty(len(ranked_image_N), np.int64)
    rank_N[by_image_N] = np.arange(len(ranked_image_N)) - np.repeat(first, size)
    return rank_N


def _precisions(weights_NW: Weights, passed_N: npt.NDArray[np.int64], people_W: Weights) -> Array:
    """AP under W weightings of N ranked predictions, all thresholds at once.

    From the last prediction to the first: the best precision so far is that of every recall given up on the way.
    passed_N: how many thresholds each passes. Sums of counts are exact in float32 up to 16 million.
    """
    count, width = len(THRESHOLDS), len(people_W)
    passes_TN = (np.arange(count)[:, None] < passed_N).astype(np.float32)
    # A product of matrices would wait in several threads for cores that the rest of a report uses.
    found_TW, seen_W = np.einsum("tn,nw->tw", passes_TN, weights_NW), weights_NW.sum(0)
    best_TW, work_TW, total_TW = (np.zeros((count, width), np.float32) for _ in range(3))
    reached_TW = np.floor(RECALLS * found_TW / people_W)
    for weight_W, passed in zip(weights_NW[::-1], passed_N[::-1].tolist(), strict=True):
        if passed:
            found, best, work, reached = (each[:passed] for each in (found_TW, best_TW, work_TW, reached_TW))
            np.divide(found, np.maximum(seen_W, 1e-6), out=work)
            np.maximum(best, work, out=best)
            found -= weight_W
            np.multiply(found, RECALLS, out=work)
            work /= people_W
            np.floor(work, out=work)
            total_TW[:passed] += best * (reached - work)
            reached[:] = work
        seen_W -= weight_W
    # What is left is a recall of 0.
    precision_W: Array = ((total_TW + best_TW) / (RECALLS + 1)).mean(0).astype(np.float64)
    return np.where(people_W > 0, precision_W, np.nan)
