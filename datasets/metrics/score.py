"""Anyone's results file against anyone's annotations, each in the format's usual file."""

from __future__ import annotations

import logging
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from heatmark.datasets.coco_file import CocoAnnotations, load_annotations
from heatmark.datasets.json_files import parsed_json
from heatmark.datasets.keypoint_truth import FoundPeople
from heatmark.datasets.metrics.oks import oks_metrics
from heatmark.datasets.number_lists import LARGEST_NUMBER, numbers_problem
from heatmark.foundation.collection import collection_paused
from heatmark.foundation.errors import InputError

RESULT_KEYS = ("image_id", "category_id", "keypoints", "score")
# Goes to the standard error where nobody listens.
NOTES = logging.getLogger("heatmark.score")
# Entries of a results file that are objects at once.
CHUNK = 64


def score_coco(annotation_file: Path, results_file: Path) -> dict[str, float | None]:
    """COCO's ten keypoint numbers of a results file, over all images of the annotation file."""
    coco = load_annotations(annotation_file)
    for note in coco.notes:
        NOTES.warning("%s: %s", annotation_file, note)
    return oks_metrics(coco.truth(), load_coco_results(results_file, coco))


class Entry(msgspec.Struct, gc=False):
    """What counts of an entry of a results file."""

    image_id: int
    category_id: int
    keypoints: list[float]
    score: float
    bbox: Any = None


class Columns(NamedTuple):
    """What entries have besides their keypoints."""

    images: list[int]
    categories: list[int]
    scores: list[float]
    boxes: list[Any]

    def take(self, entries: list[Entry]) -> None:
        self.images.extend(entry.image_id for entry in entries)
        self.categories.extend(entry.category_id for entry in entries)
        self.scores.extend(entry.score for entry in entries)
        self.boxes.extend(entry.bbox for entry in entries)


def load_coco_results(path: Path, coco: CocoAnnotations) -> FoundPeople:
    """Read and check a file in COCO's keypoint results format; keys besides the four of the format are let be.

    Ids may be written as 7.0, which pycocotools takes for 7 too.
    """
    try:
        found = _sound_results(path, coco)
    except OSError as error:
        raise InputError(f"{path}: cannot read the results file ({error.strerror}); check the path") from error
    return checked_results(path, read_results(path), coco) if found is None else found


def read_results(path: Path) -> list[Any]:
    """The entries, unchecked."""
    try:
        results = parsed_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot read the results file ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error}); the file may be cut short, write it again") from error
    if not isinstance(results, list):
        raise InputError(f"{path}: not a results file, which is a list with one entry per person{_hint(results)}")
    return results


def checked_results(path: Path, results: list[Any], coco: CocoAnnotations) -> FoundPeople:
    """Entries as columns. Raises InputError for the first fault."""
    categories = {category["id"] for category in coco.categories}
    for position, result in enumerate(results):
        problem = _result_problem(result, coco, categories)
        if problem:
            raise InputError(f"{path}: entry {position}: {problem}")
    ids = ("image_id", "category_id")
    joints = coco.keypoints_NK3.shape[1]
    return FoundPeople.of([{**result, **{key: int(result[key]) for key in ids}} for result in results], joints)


def _sound_results(path: Path, coco: CocoAnnotations) -> FoundPeople | None:
    """The people of a file without a fault; None where there is one, which is then looked for entry by entry."""
    joints = coco.keypoints_NK3.shape[1]
    entry_of = msgspec.json.Decoder(Entry).decode
    columns = Columns([], [], [], [])
    with collection_paused():
        try:
            texts = msgspec.json.decode(path.read_bytes(), type=list[msgspec.Raw])
            keypoints_MX = np.empty((len(texts), 3 * joints))
            # Few at a time: five million numbers are each an object, which must not all be there at once.
            for start in range(0, len(texts), CHUNK):
                entries = [entry_of(text) for text in texts[start : start + CHUNK]]
                if any(len(entry.keypoints) != 3 * joints for entry in entries):
                    return None
                flat = chain.from_iterable(entry.keypoints for entry in entries)
                part_X = np.fromiter(flat, np.float64, len(entries) * 3 * joints)
                if not (np.abs(part_X) <= LARGEST_NUMBER).all():
                    return None
                keypoints_MX[start : start + len(entries)] = part_X.reshape(-1, 3 * joints)
                columns.take(entries)
        except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
            return None
        known = set(columns.images) <= coco.images.keys()
        known = known and set(columns.categories) <= {category["id"] for category in coco.categories}
        score_M = np.array(columns.scores, dtype=np.float64)
        if not known or not (np.abs(score_M) <= LARGEST_NUMBER).all():
            return None
        image_M, category_M = (np.array(each, dtype=np.int64) for each in (columns.images, columns.categories))
        keypoints_MK3 = keypoints_MX.reshape(-1, joints, 3)
        return FoundPeople.from_columns(image_M, category_M, keypoints_MK3, score_M, columns.boxes)


def _hint(value: Any) -> str:
    if isinstance(value, dict) and "annotations" in value:
        return "; this looks like an annotation file: give the annotations first, the results second"
    return f", found {'an object' if isinstance(value, dict) else type(value).__name__}"


def _result_problem(result: Any, coco: CocoAnnotations, categories: set[int]) -> str | None:
    if not isinstance(result, dict):
        return f"is not a JSON object; each entry needs {', '.join(RESULT_KEYS)}"
    missing = [key for key in RESULT_KEYS if key not in result]
    if missing:
        return f"lacks {', '.join(missing)}; each entry needs {', '.join(RESULT_KEYS)}"
    for key in ("image_id", "category_id"):
        value = result[key]
        if type(value) not in (int, float) or value % 1 != 0:
            return f"{key} {value!r:.40} is not a whole number; write the number that {coco.path} has"
    image_id, category_id = result["image_id"], result["category_id"]
    if image_id not in coco.images:
        return f"image_id {image_id} is not in {coco.path}; score against the matching annotations"
    if category_id not in categories:
        return f"category_id {category_id} is not among {sorted(categories)} of {coco.path}; correct it"
    joints = coco.keypoints_NK3.shape[1]
    keypoints_problem = numbers_problem("keypoints", result["keypoints"], 3 * joints)
    if keypoints_problem:
        return f"{keypoints_problem}; write x, y, score of all {joints} joints"
    score_problem = numbers_problem("score", [result["score"]], 1)
    return f"{score_problem}; write the confidence of the person" if score_problem else None
