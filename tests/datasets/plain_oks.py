"""COCO's keypoint evaluation as plain loops, of any skeleton: one place, one threshold and one pose after the other."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

Content = dict[str, Any]
# As numpy spaces them, so that an OKS on the line falls on the same side.
THRESHOLDS = np.linspace(0.5, 0.95, 10).tolist()
RECALLS = np.linspace(0, 1, 101).tolist()
ALL, MEDIUM, LARGE = (0.0, 1e10), (32.0**2, 96.0**2), (96.0**2, 1e10)
# precision at every recall, and the last recall, of every threshold.
Drawn = tuple[list[list[float]], list[float]]


def ten_numbers(content: Content, results: Sequence[Content], sigmas: Sequence[float]) -> dict[str, float | None]:
    """AP, AP50, AP75, APM, APL and the same of AR."""
    areas = {area: by_category(content, results, sigmas, area=area) for area in (ALL, MEDIUM, LARGE)}
    found: dict[str, float | None] = {}
    for kind, name in enumerate(("AP", "AR")):
        drawn = [each[kind] for each in areas[ALL].values() if each]
        found[name] = mean(drawn)
        found[f"{name}50"] = mean([each[0] for each in drawn])
        found[f"{name}75"] = mean([each[5] for each in drawn])
        found[f"{name}M"] = mean([each[kind] for each in areas[MEDIUM].values() if each])
        found[f"{name}L"] = mean([each[kind] for each in areas[LARGE].values() if each])
    return found


def average_precision(
    content: Content,
    results: Sequence[Content],
    sigmas: Sequence[float],
    *,
    joints: Sequence[int] | None = None,
    images: Collection[int] | None = None,
    category: int | None = None,
) -> float | None:
    """AP of people of any size, by some joints alone, on some images alone, of one category alone."""
    found = by_category(content, results, sigmas, joints=joints, images=images)
    return mean([each[0] for number, each in found.items() if each and category in (None, number)])


def mean(values: Any) -> float | None:
    flat = np.array(values, dtype=float).ravel()
    return float(flat.mean()) if flat.size else None


def by_category(
    content: Content,
    results: Sequence[Content],
    sigmas: Sequence[float],
    *,
    joints: Sequence[int] | None = None,
    area: tuple[float, float] = ALL,
    images: Collection[int] | None = None,
) -> dict[int, Drawn | None]:
    """None for categories that nobody is to be found of."""
    used = sorted(image["id"] for image in content["images"] if images is None or image["id"] in images)
    return {
        category["id"]: _drawn(content, results, sigmas, joints, area, used, category["id"])
        for category in content["categories"]
    }


def _drawn(
    content: Content,
    results: Sequence[Content],
    sigmas: Sequence[float],
    joints: Sequence[int] | None,
    area: tuple[float, float],
    images: Sequence[int],
    category: int,
) -> Drawn | None:
    chosen = list(range(len(sigmas))) if joints is None else list(joints)
    people = 0
    poses: list[tuple[float, list[str]]] = []
    for image in images:
        truth = [a for a in content["annotations"] if (a["image_id"], a["category_id"]) == (image, category)]
        found = [r for r in results if (r["image_id"], r["category_id"]) == (image, category)]
        if joints is not None:
            found = [result for result in found if any(result["keypoints"][3 * joint + 2] > 0 for joint in joints)]
        found = sorted(found, key=lambda result: -result["score"])[:20]
        ignored = []
        for annotation in truth:
            if joints is None:
                bare = annotation["num_keypoints"] == 0
            else:
                bare = not any(annotation["keypoints"][3 * joint + 2] > 0 for joint in joints)
            ignored.append(bool(annotation["iscrowd"] or bare or not area[0] <= annotation["area"] <= area[1]))
        people += ignored.count(False)
        oks = [[_oks(result, annotation, sigmas, chosen) for annotation in truth] for result in found]
        outcomes = [_outcomes(oks, truth, ignored, found, area, threshold) for threshold in THRESHOLDS]
        poses += [(result["score"], [each[row] for each in outcomes]) for row, result in enumerate(found)]
    if not people:
        return None
    poses.sort(key=lambda pose: -pose[0])
    curves = [_curve([pose[1][number] for pose in poses], people) for number in range(len(THRESHOLDS))]
    return [precision for precision, _ in curves], [recall for _, recall in curves]


def _oks(result: Content, annotation: Content, sigmas: Sequence[float], joints: Sequence[int]) -> float:
    keypoints, truth = result["keypoints"], annotation["keypoints"]
    labelled = [joint for joint in joints if truth[3 * joint + 2] > 0]
    left, top, width, height = annotation["bbox"]
    values = []
    for joint in labelled or joints:
        x, y = keypoints[3 * joint : 3 * joint + 2]
        if labelled:
            dx, dy = x - truth[3 * joint], y - truth[3 * joint + 1]
        else:
            dx = max(0, left - width - x) + max(0, x - (left + 2 * width))
            dy = max(0, top - height - y) + max(0, y - (top + 2 * height))
        values.append(math.exp(-(dx**2 + dy**2) / (2 * annotation["area"] * (2 * sigmas[joint]) ** 2)))
    return sum(values) / len(values)


def _outcomes(
    oks: list[list[float]],
    truth: list[Content],
    ignored: list[bool],
    found: list[Content],
    area: tuple[float, float],
    threshold: float,
) -> list[str]:
    """`right`, `wrong` or `ignored` for every pose, the best first."""
    taken: set[int] = set()
    outcomes = []
    for row, result in enumerate(found):
        free = [n for n, annotation in enumerate(truth) if annotation["iscrowd"] or n not in taken]
        near = [n for n in free if oks[row][n] >= threshold]
        near = [n for n in near if not ignored[n]] or near
        if near:
            best = max(near, key=lambda n: (oks[row][n], n))
            taken.add(best)
            outcomes.append("ignored" if ignored[best] else "right")
        else:
            xs, ys = result["keypoints"][::3], result["keypoints"][1::3]
            size = (max(xs) - min(xs)) * (max(ys) - min(ys))
            outcomes.append("wrong" if area[0] <= size <= area[1] else "ignored")
    return outcomes


def _curve(outcomes: list[str], people: int) -> tuple[list[float], float]:
    right = wrong = 0
    points = []
    for outcome in outcomes:
        right += outcome == "right"
        wrong += outcome == "wrong"
        points.append((right / people, right / (right + wrong) if right + wrong else 0.0))
    precision = [max((value for recall, value in points if recall >= wanted), default=0.0) for wanted in RECALLS]
    return precision, points[-1][0] if points else 0.0
