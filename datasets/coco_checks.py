"""What an annotation file must be to be COCO's: its lists, and every entry of them, each fault named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heatmark.datasets.coco_folder import joined_files
from heatmark.datasets.image_folder import is_text
from heatmark.datasets.json_files import parsed_json
from heatmark.datasets.number_lists import LARGEST_NUMBER, numbers_problem
from heatmark.datasets.people import FloatArray
from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.foundation.errors import InputError

Record = dict[str, Any]

MEND = "correct or remove this annotation"


def read_file(path: Path) -> bytes:
    """The content of an annotation file, or of all in a folder as one. Raises InputError for what cannot be read."""
    try:
        return joined_files(path) if path.is_dir() else path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the annotation file ({error.strerror}); check the folder") from error


def parsed(path: Path, content: bytes) -> Record:
    """The JSON object of an annotation file, with the three lists that make it COCO."""
    try:
        value = parsed_json(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error}); the file may be cut short, fetch it again") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(value, dict) or not isinstance(value.get(key), list):
            raise InputError(
                f"{path}: not a COCO annotation file: there is no list '{key}'; give person_keypoints_*.json"
            )
    result: Record = value
    return result


def images_by_id(path: Path, content: Record) -> dict[int, Record]:
    """Every image once: some files list an image once per annotation."""
    images: dict[int, Record] = {}
    for position, image in enumerate(content["images"]):
        if not isinstance(image, dict) or type(image.get("id")) is not int or type(image.get("file_name")) is not str:
            raise InputError(
                f"{path}: images[{position}] needs a whole number 'id' and a text 'file_name'; mend the entry"
            )
        if not is_text(image["file_name"]):
            raise InputError(
                f"{path}: image {image['id']}: 'file_name' {image['file_name']!r:.60} is no file name; mend the entry"
            )
        for side in ("width", "height") if ("width" in image or "height" in image) else ():
            if type(image.get(side)) is not int or not 0 < image[side] <= LARGEST_NUMBER:
                raise InputError(
                    f"{path}: image {image['id']}: '{side}' must be a positive whole number; mend the entry"
                )
        first = images.setdefault(image["id"], image)
        if first["file_name"] != image["file_name"]:
            names = f"{first['file_name']} and {image['file_name']}"
            raise InputError(f"{path}: image {image['id']} is listed with two file names, {names}; keep one")
    return images


def categories_of(path: Path, content: Record) -> list[Record]:
    """The categories, each with a number of its own."""
    for position, category in enumerate(content["categories"]):
        if not isinstance(category, dict) or type(category.get("id")) is not int:
            raise InputError(f"{path}: categories[{position}] needs a whole number 'id'; mend the entry")
    categories: list[Record] = content["categories"]
    return categories


def refuse_other_joints(path: Path, categories: list[Record]) -> None:
    """Raises InputError where a category names joints that are not COCO's in COCO's order."""
    for category in categories:
        # A label tool's super-category names none.
        if (category.get("keypoints") or list(COCO_PERSON.joints)) != list(COCO_PERSON.joints):
            raise InputError(
                f"{path}: category {category['id']}: its keypoints are not the {len(COCO_PERSON.joints)} COCO joints "
                f"in COCO's order ({COCO_PERSON.joints[0]}, {COCO_PERSON.joints[1]}, ...); files of any joints are "
                "read with `format: keypoints`"
            )


def faults(
    annotations: list[Any], images: dict[int, Record], categories: list[Record], joints: int
) -> Iterator[tuple[int, Any, str]]:
    """Position, annotation and what is wrong with it, of those that are not what an annotation must be."""
    seen: set[int] = set()
    known = {category["id"] for category in categories}
    for position, annotation in enumerate(annotations):
        problem = _annotation_problem(annotation, images, known, seen, joints)
        if problem:
            yield position, annotation, problem
        else:
            seen.add(annotation["id"])


def keypoints_of(annotations: list[Record], joints: int) -> FloatArray:
    """(x, y, visibility) of every annotation: keypoints_NK3."""
    return np.array([each["keypoints"] for each in annotations], dtype=np.float64).reshape(-1, joints, 3)


def annotation_name(annotation: Any, position: int) -> str:
    """By its id, or by its place in the list where it has none."""
    known = isinstance(annotation, dict) and type(annotation.get("id")) is int
    return f"annotation {annotation['id']}" if known else f"annotations[{position}]"


def _annotation_problem(
    annotation: Any, images: dict[int, Record], categories: set[int], seen: set[int], joints: int
) -> str | None:
    if not isinstance(annotation, dict):
        return "is not a JSON object"
    for key in ("id", "image_id", "category_id"):
        if type(annotation.get(key)) is not int:
            return f"'{key}' must be a whole number, found {annotation.get(key)!r:.40}"
    if annotation["id"] in seen:
        return "this id stands twice in the file"
    if annotation["image_id"] not in images:
        return f"its image_id {annotation['image_id']} is not in 'images'"
    # An evaluator would average over a category that nobody can be found in.
    if annotation["category_id"] not in categories:
        return f"its category_id {annotation['category_id']} is not in 'categories'"
    if annotation.get("iscrowd", 0) not in (0, 1):
        return f"'iscrowd' must be 0 or 1, found {annotation['iscrowd']!r:.40}"
    if type(annotation.get("num_keypoints", 0)) is not int:
        return f"'num_keypoints' must be a whole number, found {annotation['num_keypoints']!r:.40}"
    return (
        numbers_problem("keypoints", annotation.get("keypoints"), 3 * joints)
        or numbers_problem("bbox", annotation.get("bbox"), 4)
        or numbers_problem("area", [annotation.get("area")], 1)
        or ("'bbox' has a negative width or height" if min(annotation["bbox"][2:]) < 0 else None)
    )


def visibility_problems(annotations: list[Record], keypoints_NK3: FloatArray, joints: Sequence[str]) -> Iterator[str]:
    """A line for each joint whose visibility is none."""
    for row, joint in np.argwhere(~np.isin(keypoints_NK3[..., 2], (0, 1, 2))).tolist():
        value = keypoints_NK3[row, joint, 2]
        found = f"{value:g} for {joints[joint]}"
        if 0 < value < 1:
            found += ", which looks like the confidence of a prediction"
        yield f"annotation {annotations[row]['id']}: visibility must be 0, 1 or 2, found {found}; {MEND}"
