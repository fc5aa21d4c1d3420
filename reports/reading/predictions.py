"""predictions.json of a run folder -> poses, and the annotated people that they are of."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heatmark.datasets.formats import format_of
from heatmark.datasets.people import FloatArray, Person, Skeleton
from heatmark.foundation.errors import InputError
from heatmark.reports.reading.collect import Trial


class Predictions:
    """The poses of one trial, found by annotation where the results name it, else by image and nearness."""

    def __init__(self, results: Sequence[object]) -> None:
        self._by_annotation: dict[int, FloatArray] = {}
        self._by_image: dict[int, list[FloatArray]] = {}
        for result in results:
            joints_K2 = _joints(result)
            if joints_K2 is None or not isinstance(result, dict):
                continue
            if isinstance(result.get("annotation_id"), int):
                self._by_annotation[result["annotation_id"]] = joints_K2
            elif isinstance(result.get("image_id"), int):
                self._by_image.setdefault(result["image_id"], []).append(joints_K2)

    def __len__(self) -> int:
        return len(self._by_annotation) + len(self._by_image)

    def of(self, person: Person) -> FloatArray | None:
        if person.annotation_id in self._by_annotation:
            return self._by_annotation[person.annotation_id]
        poses = self._by_image.get(person.image_id, [])
        return min(poses, key=lambda joints_K2: mean_error(joints_K2, person), default=None)


def mean_error(joints_K2: FloatArray, person: Person) -> float:
    """Mean distance to the labelled joints in image pixels."""
    labelled_K = person.visibility_K > 0
    return float(np.linalg.norm(joints_K2[labelled_K] - person.joints_K2[labelled_K], axis=1).mean())


def _joints(result: object) -> FloatArray | None:
    """joints_K2 of a COCO result; None where its keypoints are not finite triples."""
    keypoints = result.get("keypoints") if isinstance(result, dict) else None
    if not isinstance(keypoints, list) or not keypoints or len(keypoints) % 3:
        return None
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in keypoints):
        return None
    return np.asarray(keypoints, dtype=np.float64).reshape(-1, 3)[:, :2]


def read_predictions(trial: Trial) -> Predictions:
    """The final poses; empty where the file is absent or unreadable."""
    assert trial.evaluations is not None, "finished trials have a folder"
    try:
        results = json.loads(trial.evaluations.predictions_file.read_text())
    except (OSError, ValueError):
        results = []
    return Predictions(results if isinstance(results, list) else [])


@dataclass(frozen=True)
class Truth:
    """The validation people of a data set."""

    skeleton: Skeleton
    people: Sequence[Person]


def read_truth(dataset: str, trials: Sequence[Trial], notes: list[str]) -> Truth | None:
    """From the first data folder that is still there, in annotated boxes."""
    places = {trial.spec.runtime.data_root: trial.spec.data for trial in trials if trial.spec}
    reason = ""
    for root, data in places.items():
        try:
            found = format_of(data).people(Path(root), "val", False, None, data.bbox_source, data.delta_mm)
        except (InputError, OSError) as error:
            reason = f" {error}" if Path(root).is_dir() else ""
            continue
        return Truth(found.skeleton, found.people)
    notes.append(f"{dataset}: the data folder is gone or unreadable here, so no predictions are drawn.{reason}")
    return None
