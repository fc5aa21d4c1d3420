"""COCO's keypoint AP and AR over object keypoint similarity, by faster-coco-eval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from faster_coco_eval.core.coco import COCO
from faster_coco_eval.core.faster_eval_api import COCOeval_faster

from heatmark.datasets.coco import load_annotations
from heatmark.datasets.number_lists import numbers_problem

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
