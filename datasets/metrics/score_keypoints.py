"""Anyone's key points in COCO's results format against a COCO-style annotation file of any skeleton."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from heatmark.datasets.coco_categories import name_of
from heatmark.datasets.coco_file import CocoAnnotations, load_annotations
from heatmark.datasets.coco_ids import numbers_of_texts
from heatmark.datasets.keypoint_data import truth_lengths, wanted_of
from heatmark.datasets.keypoint_settings import KeypointSettings
from heatmark.datasets.metrics.keypoints import THRESHOLDS, score_keypoints_arrays
from heatmark.datasets.metrics.score import NOTES, checked_results, read_results
from heatmark.datasets.skeletons import notes_of_sigmas
from heatmark.foundation.errors import InputError


def score_keypoints(
    truth_file: Path, predictions_file: Path, settings: KeypointSettings, thresholds: tuple[str, ...] = THRESHOLDS
) -> dict[str, Any]:
    """All metrics of the chosen categories over all images of the annotation file; what was mended is logged.

    Predictions that tell their `annotation_id` are compared with that person, others with whom they are most like.
    """
    wanted, told = wanted_of(settings)
    coco = load_annotations(truth_file, wanted)
    for note in (*told, *coco.notes, *notes_of_sigmas(coco.skeleton)):
        NOTES.warning("%s: %s", truth_file, note)
    results = _of_the_categories(predictions_file, _with_numbers(read_results(predictions_file), coco), coco)
    found = checked_results(predictions_file, results, coco)
    annotation_M = _annotations(results)
    return score_keypoints_arrays(
        coco.truth(), found, coco.skeleton, truth_lengths(coco), annotation_M, thresholds=thresholds
    )


def _with_numbers(results: list[Any], coco: CocoAnnotations) -> list[Any]:
    """With the numbers that stand for ids that are text in the annotations."""
    lists = {"image_id": [*coco.images.values()], "category_id": coco.categories}
    for name, number_of in ((name, numbers_of_texts(records)) for name, records in lists.items()):
        for result in results if number_of else ():
            if isinstance(result, dict) and result.get(name) in number_of:
                result[name] = number_of[result[name]]
    return results


def _of_the_categories(path: Path, results: list[Any], coco: CocoAnnotations) -> list[Any]:
    """Without those of categories that are not scored. Raises InputError where nothing else is there."""
    chosen = {category["id"]: name_of(category) for category in coco.categories}
    kept = [each for each in results if not isinstance(each, dict) or each.get("category_id", 0) in chosen]
    if results and not kept:
        names = ", ".join(f"{number} ({name})" for number, name in chosen.items())
        raise InputError(
            f"{path}: none of its {len(results)} results is of the category {names}; write the annotations' number"
        )
    if len(kept) < len(results):
        NOTES.warning("%s: %d results of other categories are left out", path, len(results) - len(kept))
    return kept


def _annotations(results: list[Any]) -> npt.NDArray[np.int64] | None:
    """Whose each result is, where all of them tell."""
    told = [each.get("annotation_id") for each in results]
    return np.array(told, dtype=np.int64) if told and all(type(each) is int for each in told) else None
