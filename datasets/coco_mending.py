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

    Whole numbers may be written as 7.0 or as text; annotations may have no keypoints (another class, boxes alone),
    coordinates that are no numbers where a joint is not labelled, and a `num_keypoints` of 0 beside labelled joints,
    which then count.
    """
    done: Counter[str] = Counter()
    for records, names in ((content["images"], ("id", "width", "height")), (content["categories"], ("id",))):
        for record in records:
            _make_whole(record, names, done)
    kept = []
    for annotation in content["annotations"]:
        if not isinstance(annotation, dict):
            kept.append(annotation)
        elif annotation.get("keypoints") in (None, []):
            done["annotations without keypoints are left out"] += 1
        else:
            _make_whole(annotation, (*IDS, "num_keypoints"), done)
            _mend(annotation, done)
            kept.append(annotation)
    content["annotations"] = kept
    return tuple(f"{count} {what}" for what, count in done.items())


def with_boxes(annotations: list[Any]) -> tuple[str, ...]:
    """Give annotations the box that they lack, the extent of their labelled joints; a line where there are such."""
    done = 0
    for annotation in annotations:
        without = isinstance(annotation, dict) and annotation.get("bbox") in (None, [])
        if without and (extent := _extent(annotation.get("keypoints"))):
            annotation["bbox"] = extent
            done += 1
    return (f"{done} annotations have no box; the extent of their labelled joints is taken",) if done else ()


def with_areas(annotations: list[Any], box_area_share: float = 1.0) -> tuple[str, ...]:
    """Give annotations the area that they lack; a line for each kind.

    It is that of the segmentation, else the box's; or, where an evaluation takes a share of the box, always that.
    """
    done: Counter[str] = Counter()
    for annotation in annotations:
        lacks = isinstance(annotation, dict) and annotation.get("area") is None
        if not lacks or numbers_problem("bbox", annotation.get("bbox"), 4):
            continue
        area = _segmented_area(annotation.get("segmentation")) if box_area_share == 1 else None
        annotation["area"] = area or box_area_share * annotation["bbox"][2] * annotation["bbox"][3]
        of_box = "that of the box" if box_area_share == 1 else f"{box_area_share:g} of the box"
        done[f"annotations have no area; {'that of their segmentation' if area else of_box} is taken"] += 1
    return tuple(f"{count} {what}" for what, count in done.items())


def _extent(keypoints: Any) -> list[float] | None:
    """x, y, width, height of the labelled joints, at least a pixel on a side."""
    if not isinstance(keypoints, list) or numbers_problem("keypoints", keypoints, len(keypoints)):
        return None
    labelled = [(x, y) for x, y, seen in zip(keypoints[::3], keypoints[1::3], keypoints[2::3], strict=False) if seen]
    if not labelled:
        return None
    (left, right), (top, bottom) = ((min(each), max(each)) for each in zip(*labelled, strict=True))
    return [left, top, max(right - left, 1), max(bottom - top, 1)]


def _segmented_area(segmentation: Any) -> float | None:
    """Square pixels within polygons, or of a run-length mask that is not compressed; None for anything else."""
    if isinstance(segmentation, dict) and isinstance(segmentation.get("counts"), list):
        counts = segmentation["counts"]
        return None if numbers_problem("counts", counts, len(counts)) else float(sum(counts[1::2]))
    if not isinstance(segmentation, list) or not segmentation:
        return None
    area = 0.0
    for ring in segmentation:
        if not isinstance(ring, list) or len(ring) < 6 or numbers_problem("segmentation", ring, len(ring)):
            return None
        x, y = ring[::2], ring[1::2]
        turned = zip(x, y, [*x[1:], x[0]], [*y[1:], y[0]], strict=False)
        area += abs(sum(x0 * y1 - x1 * y0 for x0, y0, x1, y1 in turned)) / 2
    return area or None


def _make_whole(record: Any, names: tuple[str, ...], done: Counter[str]) -> None:
    if not isinstance(record, dict):
        return
    for name in names:
        value = record.get(name)
        if type(value) in (int, bool) or value is None:
            continue
        whole = _whole(value)
        if whole is not None:
            record[name] = whole
            done["whole numbers are written as text or with a point"] += 1


def _whole(value: object) -> int | None:
    """Exact, however many digits it has."""
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    return None


def _mend(annotation: Record, done: Counter[str]) -> None:
    keypoints = annotation.get("keypoints")
    if isinstance(keypoints, list) and len(keypoints) % 3 == 0:
        if _without_numbers(keypoints):
            annotation["keypoints"] = keypoints = _zeros_where_unlabelled(keypoints)
            done["annotations have no numbers for joints that are not labelled"] += 1
        if annotation.get("num_keypoints") == 0 and any(keypoints[2::3]):
            annotation["num_keypoints"] = sum(1 for each in keypoints[2::3] if each)
            done["people have labelled joints and a num_keypoints of 0; the joints count"] += 1
    if isinstance(annotation.get("iscrowd"), bool | str | float):
        crowd = _whole(annotation["iscrowd"])
        annotation["iscrowd"] = annotation["iscrowd"] if crowd is None else crowd


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
