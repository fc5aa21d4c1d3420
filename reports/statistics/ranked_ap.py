"""COCO's AP of the same predictions in many orders at once: what ranking alone is worth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heatmark.reports.statistics.bootstrap import MOST_DETECTIONS, RECALLS, THRESHOLDS, rank_in_image
from heatmark.reports.statistics.intervals import Array


def ap_in_orders(
    image_N: npt.ArrayLike, score_DN: npt.ArrayLike, oks_N: npt.ArrayLike, person_N: npt.ArrayLike | None = None
) -> Array:
    """AP under D scores of N predictions, each matched with its own person, as bootstrap.average_precision has it.

    image_N: whose predictions beyond the 20 of highest score do not count. person_N: as there.
    """
    image_N, score_DN = np.asarray(image_N), np.atleast_2d(np.asarray(score_DN))
    people = len(image_N) if person_N is None else int(np.sum(person_N))
    order_DN = np.argsort(-score_DN, axis=1, kind="stable")
    passed_N = np.searchsorted(THRESHOLDS, np.asarray(oks_N), side="right")
    passed_DN = passed_N[order_DN]
    counts_DN = np.ones(order_DN.shape, np.bool_)
    if np.unique(image_N, return_counts=True)[1].max() > MOST_DETECTIONS:
        counts_DN = np.array([rank_in_image(ranked_N) < MOST_DETECTIONS for ranked_N in image_N[order_DN]])
    rank_DN = np.maximum(np.cumsum(counts_DN, axis=1), 1)
    # A prediction that passes one threshold passes all lower ones. T: thresholds.
    passes_TDN = passed_DN > np.arange(len(THRESHOLDS))[:, None, None]
    found_TDN = np.cumsum(passes_TDN & counts_DN, axis=2)
    best_TDN = np.maximum.accumulate((found_TDN / rank_DN)[:, :, ::-1], axis=2)[:, :, ::-1]
    reached_TDN = RECALLS * found_TDN // people
    gained_TDN = np.diff(reached_TDN, axis=2, prepend=0)
    total_D = ((best_TDN * gained_TDN).sum(axis=2) + best_TDN[:, :, 0]).sum(axis=0)
    return np.asarray(total_D / ((RECALLS + 1) * len(THRESHOLDS)))
