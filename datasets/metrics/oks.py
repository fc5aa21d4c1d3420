"""COCO's keypoint AP and AR over object keypoint similarity: pycocotools' ten numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from heatmark.datasets.coco_file import load_annotations
from heatmark.datasets.keypoint_truth import FoundPeople, KeypointTruth
from heatmark.datasets.metrics.oks_matching import THRESHOLDS_T, Curves, curves
from heatmark.datasets.people import FloatArray

OKS_METRICS = ("AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL")


def oks_metrics(
    annotations: Path | Mapping[str, Any] | KeypointTruth,
    results: Sequence[Mapping[str, Any]] | FoundPeople,
    image_ids: Iterable[int] | None = None,
) -> dict[str, float | None]:
    """The ten numbers of COCO's keypoint evaluation: each the mean over the categories and thresholds.

    annotations: a file of people's annotations, or its content already checked, or the truth of any skeleton. results:
    COCO's keypoint results format. image_ids: evaluate on these images only. None where there is nothing to find (no
    large person, say); no results at all score 0. Nothing that is passed in is changed.
    """
    truth = _truth(annotations)
    found = results if isinstance(results, FoundPeople) else FoundPeople.of(results, len(truth.sigmas_K))
    images = truth.images if image_ids is None else np.unique(np.array(list(image_ids), dtype=np.int64))
    return ten_numbers(curves(truth, found, images))


def ten_numbers(drawn: Curves) -> dict[str, float | None]:
    """The ten numbers of curves over COCO's three ranges of area."""
    middle = int(np.flatnonzero(THRESHOLDS_T == 0.75)[0])
    values = []
    for value_CTXA in (drawn.precision_CTRA, drawn.recall_CTA[:, :, None]):
        anywhere = value_CTXA[..., 0]
        values += [anywhere, anywhere[:, 0], anywhere[:, middle], value_CTXA[..., 1], value_CTXA[..., 2]]
    return {name: known_mean(each) for name, each in zip(OKS_METRICS, values, strict=True)}


def _truth(annotations: Path | Mapping[str, Any] | KeypointTruth) -> KeypointTruth:
    if isinstance(annotations, KeypointTruth):
        return annotations
    return load_annotations(annotations).truth() if isinstance(annotations, Path) else KeypointTruth.of(annotations)


def known_mean(values: FloatArray) -> float | None:
    """Over what is not -1, which stands for "no such person"."""
    known = values[values > -1]
    return float(known.mean()) if known.size else None


def similarity(
    joints_NK2: FloatArray, true_NK2: FloatArray, area_N: npt.ArrayLike, sigmas: Sequence[float]
) -> FloatArray:
    """Of each joint with its truth, exp(-d^2 / (2 area (2 sigma)^2)): similarity_NK, and more axes in front alike."""
    variance_K = (2 * np.asarray(sigmas)) ** 2
    scale_N1 = 2 * (np.asarray(area_N, dtype=np.float64) + np.spacing(1))[:, None]
    found_NK: FloatArray = np.exp(-((joints_NK2 - true_NK2) ** 2).sum(axis=-1) / (scale_N1 * variance_K))
    return found_NK


def person_oks(
    joints_NK2: FloatArray,
    true_NK2: FloatArray,
    labelled_NK: npt.ArrayLike,
    area_N: npt.ArrayLike,
    sigmas: Sequence[float],
) -> FloatArray:
    """Similarity of each pose to its own annotation: oks_N, NaN where no joint is labelled.

    The mean over the labelled joints of exp(-d^2 / (2 area (2 sigma)^2)), area being the segment's in square pixels
    (the COCO keypoint evaluation).
    """
    labelled_mask_NK = np.asarray(labelled_NK) > 0
    similarity_NK = similarity(joints_NK2, true_NK2, area_N, sigmas)
    count_N = labelled_mask_NK.sum(axis=1)
    total_N = (similarity_NK * labelled_mask_NK).sum(axis=1)
    mean_N: FloatArray = np.where(count_N > 0, total_N / np.maximum(count_N, 1), np.nan)
    return mean_N
