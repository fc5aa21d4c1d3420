"""What label tools write otherwise than COCO does, and what is meant by it: mended before a file is checked, and told.

Nothing is guessed: what has one meaning alone is taken for it, each kind with one counted line; all else is left for
the checks to refuse.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from heatmark.datasets.number_lists import numbers_problem

Record = dict[str, Any]

IDS = ("id", "image_id", "category_id")


def mended(content: Record) -> tuple[str, ...]:
    """Mend the lists `images`, `annotations` and `categories` of a file where they stand; a line for each kind.

    Whole numbers may be written as 7.0 or as text; annotations may have no keypoints (another class, boxes alone), no
    area (that of the box is taken), coordinates that are no numbers where a joint is not labelled, and a
    `num_keypoints` of 0 beside labelled joints, which then count.
    """
    done: Counter[str] = Counter()
    for records, names in ((content["images"], ("id", "width", "height")), (content["categories"], ("id",))):
        for record in records:
            _make_whole(record, names, done)
    kept = []
    for annotation in content["annotations"]:
        if not isinstance(annotation, dict):
            kept.append(annotation)
        elif not annotation.get("keypoints") and annotation.get("keypoints", None) in (None, []):
            done["annotations without keypoints are left out"] += 1
        else:
            _make_whole(annotation, (*IDS, "num_keypoints", "iscrowd"), done)
            _mend(annotation, done)
            kept.append(annotation)
    content["annotations"] = kept
    return tuple(f"{count} {what}" for what, count in done.items())


def _make_whole(record: Any, names: tuple[str, ...], done: Counter[str]) -> None:
    if not isinstance(record, dict):
        return
    for name in names:
        value = record.get(name)
        if type(value) is int or value is None:
            continue
        whole = _whole(value)
        if whole is not None:
            record[name] = whole
            done["whole numbers are written as text or with a point"] += 1


def _whole(value: object) -> int | None:
    """Exact, however many digits it has."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    return None


def _mend(annotation: Record, done: Counter[str]) -> None:
    keypoints, box = annotation["keypoints"], annotation.get("bbox")
    if isinstance(keypoints, list) and len(keypoints) % 3 == 0:
        if _without_numbers(keypoints):
            annotation["keypoints"] = keypoints = _zeros_where_unlabelled(keypoints)
            done["annotations have no numbers for joints that are not labelled"] += 1
        if annotation.get("num_keypoints") == 0 and any(keypoints[2::3]):
            annotation["num_keypoints"] = sum(1 for each in keypoints[2::3] if each)
            done["people have labelled joints and a num_keypoints of 0; the joints count"] += 1
    if annotation.get("area") is None and numbers_problem("bbox", box, 4) is None:
        annotation["area"] = annotation["bbox"][2] * annotation["bbox"][3]
        done["annotations have no area; that of the box is taken"] += 1


def _without_numbers(keypoints: list[Any]) -> bool:
    """Whether a coordinate is null or NaN."""
    try:
        total = sum(keypoints)
    except TypeError:
        return None in keypoints
    return bool(total != total)


def _zeros_where_unlabelled(keypoints: list[Any]) -> list[Any]:
    mended_keypoints: list[Any] = []
    for x, y, visibility in zip(keypoints[::3], keypoints[1::3], keypoints[2::3], strict=True):
        mended_keypoints += [x, y, visibility] if visibility else [0, 0, visibility or 0]
    return mended_keypoints
