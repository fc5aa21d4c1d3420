"""COCO person detections in the results format of COCO_val2017_detections_AP_H_56_person.json: whom to predict, when
the boxes are a detector's and not the annotators'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heatmark.datasets.coco import annotation_path
from heatmark.datasets.coco_file import CocoAnnotations, load_annotations
from heatmark.datasets.image_folder import absent_images, absent_paths, found_names
from heatmark.datasets.json_files import parsed_json
from heatmark.datasets.number_lists import LARGEST_NUMBER, numbers_problem
from heatmark.datasets.people import Person, PoseDataset
from heatmark.foundation.errors import InputError
from heatmark.foundation.hashes import sha256_of

PERSON_CATEGORY = 1
DETECTION_KEYS = ("image_id", "category_id", "bbox", "score")


def load_detections(root: Path, path: Path, *, strict: bool = False) -> PoseDataset:
    """A person for every detected person box on an image of COCO's validation split: detected_people."""
    coco = load_annotations(annotation_path(root, "val")).of_one_category()
    own = {PERSON_CATEGORY: coco.category}
    return detected_people("coco", coco, root / "val2017", path, read_detections(path), own, strict=strict)


def detected_people(
    name: str,
    coco: CocoAnnotations,
    folder: Path,
    path: Path,
    boxes: Sequence[dict[str, Any]],
    category_of: Mapping[int, int],
    *,
    strict: bool,
    images: frozenset[int] | None = None,
) -> PoseDataset:
    """A person for every detected box on an image of the validation split, in the order of the file at `path`.

    As in SimpleBaseline: every score is kept (threshold 0) and boxes are not clipped to the image. The people have no
    joints. Boxes on images that are not in the annotations, of no size, or on absent images are left out and noted; the
    last are an InputError with strict. Evaluation is over all annotated images that are there, detected on or not.
    category_of: the annotations' category by the detector's; boxes of others are passed over. images: of the split,
    where the annotations are of more.
    """
    found, renamed = found_names((image["file_name"] for image in coco.images.values()), folder)
    people: list[Person] = []
    left_out: Counter[str] = Counter()
    absent: Counter[str] = Counter()
    for position, detection in enumerate(boxes):
        image = coco.images.get(detection["image_id"])
        category = category_of.get(detection["category_id"])
        if category is None or (images is not None and image is not None and image["id"] not in images):
            continue
        if image is None or min(detection["bbox"][2:]) <= 0:
            left_out["on images that are not annotated" if image is None else "of no size"] += 1
        elif image["file_name"] not in found:
            absent[image["file_name"]] += 1
        else:
            picture = folder / found[image["file_name"]]
            people.append(_person(detection, position, picture, len(coco.skeleton.joints), category))
    notes = tuple(f"{path}: {count} boxes {why} left out" for why, count in left_out.items())
    notes += _corners(path, people, coco.images)
    notes += (*renamed, *absent_images(folder, absent))
    if strict and absent:
        raise InputError(f"{notes[-1]}; add the images or run without strict")
    if not people:
        raise InputError(f"{path}: no person box on an image of {folder} ({'; '.join(notes) or 'the file has none'})")
    there = {number for number, image in coco.images.items() if image["file_name"] in found}
    return PoseDataset(
        name,
        "val",
        coco.skeleton,
        people,
        coco.path,
        notes,
        absent=absent_paths(folder, absent),
        detected=True,
        evaluated_images=frozenset(there if images is None else there & images),
        keypoint_truth=coco.truth(),
        category=coco.category,
    )


def detections_fingerprint(path: Path) -> str:
    """Hash of the file: other boxes, another experiment."""
    return f"sha256:{sha256_of(_bytes(path))}"


def _person(detection: dict[str, Any], position: int, image_path: Path, joints: int, category: int) -> Person:
    x, y, width, height = (float(value) for value in detection["bbox"])
    return Person(
        image_id=detection["image_id"],
        annotation_id=position,
        image_path=image_path,
        box_xywh=(x, y, width, height),
        joints_K2=np.zeros((joints, 2)),
        visibility_K=np.zeros(joints),
        area=width * height,
        box_score=float(detection["score"]),
        category_id=category,
    )


def _corners(path: Path, people: list[Person], images: dict[int, dict[str, Any]]) -> tuple[str, ...]:
    """A note where most boxes end outside their images: then their last two numbers are hardly a width and a height."""
    outside = 0
    for person in people:
        x, y, width, height = person.box_xywh
        sides = (images[person.image_id].get(side, LARGEST_NUMBER) for side in ("width", "height"))
        # Detectors let a box end a little outside.
        outside += any(far > 1.05 * side for far, side in zip((x + width, y + height), sides, strict=True))
    if 2 * outside <= len(people):
        return ()
    return (
        f"{path}: {outside} of {len(people)} boxes end outside their images; they are read as x, y, width, height: "
        "convert them where they are the two corners x1, y1, x2, y2",
    )


def parsed_boxes(path: Path) -> Any:
    """What a file of boxes holds, not yet checked. Raises InputError where that is no JSON."""
    try:
        return parsed_json(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error}); the file may be cut short, fetch it again") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the detections ({error.strerror}); check the path") from error


def read_detections(path: Path) -> list[dict[str, Any]]:
    """The boxes of a file, checked. Raises InputError."""
    return checked_detections(path, parsed_boxes(path))


def checked_detections(path: Path, detections: Any) -> list[dict[str, Any]]:
    """The same of what the file holds."""
    if not isinstance(detections, list):
        raise InputError(f"{path}: not a detection file, which is a list with one entry per box")
    for position, detection in enumerate(detections):
        problem = _problem(detection)
        if problem:
            raise InputError(f"{path}: entry {position}: {problem}; correct or remove it")
    return detections


def _problem(detection: Any) -> str | None:
    if not isinstance(detection, dict):
        return f"is not a JSON object; each entry needs {', '.join(DETECTION_KEYS)}"
    for key in ("image_id", "category_id"):
        if type(detection.get(key)) is not int:
            return f"'{key}' must be a whole number, found {detection.get(key)!r:.40}"
    return numbers_problem("bbox", detection.get("bbox"), 4) or numbers_problem("score", [detection.get("score")], 1)
