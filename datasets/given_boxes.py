"""Boxes that somebody gives for pictures of their own: a detector's results, COCO annotations, or the whole picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heatmark.datasets.coco_detections import checked_detections, parsed_boxes
from heatmark.datasets.images import inspect_image
from heatmark.datasets.number_lists import numbers_problem
from heatmark.datasets.people import Person
from heatmark.foundation.errors import InputError


@dataclass(frozen=True)
class GivenBoxes:
    """people: one for each box, without joints. detected: the boxes have scores, and may be of one person several
    times. ids: of the pictures, by path. unreadable: pictures whose header cannot be read. notes: one line each.
    """

    people: tuple[Person, ...]
    detected: bool
    ids: Mapping[Path, int]
    unreadable: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def whole_pictures(pictures: Sequence[Path], joints: int) -> GivenBoxes:
    """One box a picture, all of it."""
    ids = numbered(pictures)
    people: list[Person] = []
    unreadable: list[Path] = []
    for path in pictures:
        size = inspect_image(path, decode=False).size
        if size is None:
            unreadable.append(path)
        else:
            people.append(_person(ids[path], len(people), path, (0.0, 0.0, float(size[0]), float(size[1])), joints))
    return GivenBoxes(tuple(people), False, ids, tuple(unreadable))


def boxes_in(file: Path, pictures: Sequence[Path], joints: int) -> GivenBoxes:
    """Those of a file that are on the pictures, in the file's order.

    A list is a detector's results in COCO's format, whose image_id is the number in a picture's name, as in COCO's own
    (000000000785.jpg). An object is annotations in COCO's format, whose pictures are found by file_name.
    Raises InputError for a file that is neither, and where none of its boxes is on a picture.
    """
    content = parsed_boxes(file)
    if isinstance(content, list):
        found = _detected(file, content, pictures, joints)
    else:
        found = _annotated(file, content, pictures, joints)
    if not found.people:
        raise InputError(f"{file}: none of its boxes is on one of the {len(pictures)} pictures; check both")
    return found


def numbered(pictures: Sequence[Path]) -> dict[Path, int]:
    """The number in each one's name, where all have one and no two the same; else 1 to N in their order."""
    numbers = [int(path.stem) if path.stem.isdecimal() else None for path in pictures]
    if None not in numbers and len(set(numbers)) == len(numbers):
        return {path: number for path, number in zip(pictures, numbers, strict=True) if number is not None}
    return {path: number for number, path in enumerate(pictures, start=1)}


def _detected(file: Path, content: Any, pictures: Sequence[Path], joints: int) -> GivenBoxes:
    ids = numbered(pictures)
    by_id = {number: path for path, number in ids.items()}
    if any(not path.stem.isdecimal() for path in pictures):
        raise InputError(
            f"{file}: detections name pictures by number, and not all of these have one for a name; give boxes as COCO "
            "annotations, whose pictures have file names"
        )
    people = [
        _person(each["image_id"], position, by_id[each["image_id"]], _box(each["bbox"]), joints, float(each["score"]))
        for position, each in enumerate(checked_detections(file, content))
        if each["image_id"] in by_id and min(each["bbox"][2:]) > 0
    ]
    return GivenBoxes(tuple(people), True, ids)


def _annotated(file: Path, content: Any, pictures: Sequence[Path], joints: int) -> GivenBoxes:
    if not isinstance(content, dict) or not {"images", "annotations"} <= content.keys():
        raise InputError(f"{file}: neither a list of detections nor COCO annotations with images and annotations")
    by_name = {path.name: path for path in pictures}
    paths = {each["id"]: by_name.get(Path(str(each.get("file_name"))).name) for each in _rows(file, content, "images")}
    people, foreign = [], 0
    for position, each in enumerate(_rows(file, content, "annotations")):
        path = paths.get(each.get("image_id"))
        problem = numbers_problem("bbox", each.get("bbox"), 4)
        if problem:
            raise InputError(f"{file}: annotation {each['id']}: {problem}; correct or remove it")
        if path is None or min(each["bbox"][2:]) <= 0 or each.get("iscrowd"):
            foreign += 1
        else:
            people.append(_person(each["image_id"], position, path, _box(each["bbox"]), joints))
    ids = {path: number for number, path in paths.items() if path is not None}
    note = f"{file}: {foreign} boxes of crowds, of no size or on other pictures are left out"
    return GivenBoxes(tuple(people), False, ids, notes=(note,) * bool(foreign))


def _rows(file: Path, content: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    for each in content[key]:
        if not isinstance(each, dict) or type(each.get("id")) is not int:
            raise InputError(f"{file}: {key}: each needs a whole number `id`; correct or remove it")
        yield each


def _box(values: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = (float(value) for value in values)
    return x, y, width, height


def _person(
    image: int, number: int, path: Path, box: tuple[float, float, float, float], joints: int, score: float = 1.0
) -> Person:
    return Person(
        image_id=image,
        annotation_id=number,
        image_path=path,
        box_xywh=box,
        joints_K2=np.zeros((joints, 2)),
        visibility_K=np.zeros(joints),
        area=box[2] * box[3],
        box_score=score,
    )
