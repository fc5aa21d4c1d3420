"""COCO's keypoint AP and AR over object keypoint similarity, by faster-coco-eval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from faster_coco_eval.core.coco import COCO
from faster_coco_eval.core.faster_eval_api import COCOeval_faster

from heatmark.datasets.coco import load_annotations
from heatmark.datasets.number_lists import numbers_problem
from heatmark.datasets.people import FloatArray

OKS_METRICS = ("AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL")


def oks_metrics(
    annotations: Path | Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    image_ids: Iterable[int] | None = None,
) -> dict[str, float | None]:
    """The ten numbers of COCO's keypoint evaluation, of the 17-joint skeleton.

    annotations: an annotation file, or its content already checked. results: COCO's keypoint results format.
    image_ids: evaluate on these images only. None where there is nothing to find (no large person, say); no results
    at all score 0. Nothing that is passed in is changed.
    """
    content = load_annotations(annotations).as_coco() if isinstance(annotations, Path) else annotations
    truth = COCO(_truth(content))
    evaluation = COCOeval_faster(truth, truth.loadRes(_results(results)), "keypoints", print_function=_silent)
    if image_ids is not None:
        evaluation.params.imgIds = sorted(set(image_ids))
    evaluation.run()
    # The evaluator's -1 stands for "no such person".
    values = zip(OKS_METRICS, evaluation.stats, strict=True)
    return {name: None if value < 0 else float(value) for name, value in values}


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
    variance_K = (2 * np.asarray(sigmas)) ** 2
    scale_N1 = 2 * (np.asarray(area_N, dtype=np.float64) + np.spacing(1))[:, None]
    similarity_NK = np.exp(-((joints_NK2 - true_NK2) ** 2).sum(axis=-1) / (scale_N1 * variance_K))
    count_N = labelled_mask_NK.sum(axis=1)
    total_N = (similarity_NK * labelled_mask_NK).sum(axis=1)
    mean_N: FloatArray = np.where(count_N > 0, total_N / np.maximum(count_N, 1), np.nan)
    return mean_N


def _truth(content: Mapping[str, Any]) -> dict[str, Any]:
    """What the evaluation needs, as copies that it may write to; each image once; ids from 1, as 0 means unmatched."""
    needed = ("image_id", "category_id", "keypoints", "num_keypoints", "bbox", "area")
    return {
        "images": [{"id": image_id} for image_id in sorted({image["id"] for image in content["images"]})],
        "categories": [dict(category) for category in content["categories"]],
        "annotations": [
            {"id": number, "iscrowd": annotation.get("iscrowd", 0), **{key: annotation[key] for key in needed}}
            for number, annotation in enumerate(content["annotations"], start=1)
        ],
    }


def _results(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Copies without what a results file may hold besides.

    A box stays where every entry has one: pycocotools then takes a detection's size from it (it decides which unmatched
    detections count for APM and APL), and otherwise from the span of its joints.
    """
    needed = ["image_id", "category_id", "keypoints", "score"]
    if not any(numbers_problem("bbox", result.get("bbox"), 4) for result in results):
        needed.append("bbox")
    return [{key: result[key] for key in needed} for result in results]


def _silent(*_: object) -> None:
    pass
