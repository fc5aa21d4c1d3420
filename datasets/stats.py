"""A data set in numbers: people, joints, sizes and the sub-benchmarks of each split."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from heatmark.datasets.people import PoseDataset
from heatmark.datasets.subsets import DIFFICULTIES, INTERSECTION, OCCLUDED, PRESETS, Rules, cell_counts

PERCENTILES = (5, 25, 50, 75, 95)


def dataset_stats(dataset: PoseDataset) -> dict[str, Any]:
    """Counts; box sides and labelled joints per person as percentiles; shares of people by joint, as plain JSON."""
    people = dataset.people
    visibility_NK = np.stack([person.visibility_K for person in people])
    side_N = np.array([max(person.box_xywh[2:]) for person in people])
    per_image = Counter(person.image_id for person in people)
    return {
        "people": len(people),
        "images": len(per_image),
        "most_people_on_an_image": max(per_image.values()),
        "longest_box_side_px": _percentiles(side_N),
        "labelled_joints_per_person": _percentiles(np.count_nonzero(visibility_NK, axis=1)),
        "labelled": dict(zip(dataset.skeleton.joints, (visibility_NK > 0).mean(axis=0).round(4).tolist(), strict=True)),
        "hidden": dict(zip(dataset.skeleton.joints, (visibility_NK == 1).mean(axis=0).round(4).tolist(), strict=True)),
        "notes": list(dataset.notes),
    }


def subset_stats(dataset: PoseDataset) -> dict[str, Any]:
    """People in the cells of the paper's Tables 10 and 11 and by difficulty, under both presets of the rules and
    both definitions of easy, medium and hard.
    """
    return {name: _cells(dataset, rules) for name, rules in PRESETS.items()}


def _cells(dataset: PoseDataset, rules: Rules) -> dict[str, Any]:
    return {
        "size_by_joints": cell_counts(dataset.people, rules.size, rules.joints),
        "occlusion_by_joints": cell_counts(dataset.people, rules.occlusion, rules.joints),
        "difficulty": _difficulties(dataset, rules, OCCLUDED),
        "difficulty_by_intersection": _difficulties(dataset, rules, INTERSECTION),
    }


def _difficulties(dataset: PoseDataset, rules: Rules, definition: str) -> dict[str, int]:
    found = Counter(rules.difficulty_of(person, definition) for person in dataset.people)
    return {name: found[name] for name in DIFFICULTIES}


def _percentiles(values: Any) -> dict[str, float]:
    return {f"p{part}": round(float(np.percentile(values, part)), 2) for part in PERCENTILES}
