"""Sub-benchmarks: the bands by hand, and the paper's proportions on genuine annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatmark.datasets.coco import load_coco
from heatmark.datasets.coco_file import load_annotations
from heatmark.datasets.formats import FORMATS
from heatmark.datasets.metrics.evaluation import subset_errors
from heatmark.datasets.people import Person
from heatmark.datasets.predictions import Predictions
from heatmark.datasets.subsets import INTERSECTION, OCCLUDED, PRESETS, cell_counts, members, preset
from heatmark.foundation.errors import InputError

TEXT, COUNTS = PRESETS["paper_text"], PRESETS["paper_counts"]
# Tables 10 and 11: people by size or occlusion (rows) and joints 1-5, 6-10, 11-17 (columns).
TABLE_10 = np.array([[401, 794, 1218], [174, 327, 747], [103, 187, 492], [256, 484, 1169]])
TABLE_11 = np.array([[585, 1059, 2972], [182, 584, 602], [167, 149, 52]])


def person(visible: int = 17, hidden: int = 0, area: float = 150.0**2, box: tuple[float, float] = (150, 150)) -> Person:
    visibility_K = np.zeros(17)
    visibility_K[:visible], visibility_K[visible : visible + hidden] = 2, 1
    return Person(1, 1, Path("a.jpg"), (0, 0, *box), np.zeros((17, 2)), visibility_K, area)


@pytest.mark.parametrize(("joints", "band"), [(1, "1-5"), (5, "1-5"), (6, "6-10"), (10, "6-10"), (11, "11-17")])
def test_joints_are_the_labelled_ones(joints: int, band: str) -> None:
    assert TEXT.joints.band_of(person(visible=joints - 1, hidden=1)) == band
    assert TEXT.joints.band_of(person(visible=0)) is None


@pytest.mark.parametrize(
    ("root", "band"), [(31.9, None), (32, "32-64"), (64, "64-96"), (95.9, "64-96"), (96, "96-128"), (128, ">128")]
)
def test_sizes_are_of_the_segment_or_of_the_box(root: float, band: str | None) -> None:
    assert COUNTS.size.band_of(person(area=root**2 + 1e-9, box=(500, 500))) == band
    assert TEXT.size.band_of(person(area=1e9, box=(10, root))) == band


@pytest.mark.parametrize(
    ("visible", "hidden", "text", "counts"),
    [
        (10, 0, "low", "low"),
        (10, 1, "low", "low"),
        (9, 1, "middle", "low"),
        (8, 2, "middle", "middle"),
        (5, 5, "middle", "high"),
        (4, 6, "high", "high"),
        (0, 3, "high", "high"),
    ],
)
def test_occlusion_is_the_share_of_hidden_joints(visible: int, hidden: int, text: str, counts: str) -> None:
    someone = person(visible=visible, hidden=hidden)
    assert (TEXT.occlusion.band_of(someone), COUNTS.occlusion.band_of(someone)) == (text, counts)


def test_the_intersection_wants_every_factor_and_occlusion_one() -> None:
    people = [
        person(),
        person(visible=5, hidden=3, area=80.0**2),
        person(visible=1, hidden=3, area=40.0**2),
        person(area=100.0**2),
        person(visible=4, area=40.0**2),
    ]
    by_all = [COUNTS.difficulty_of(each, INTERSECTION) for each in people]
    assert by_all == ["easy", "medium", "hard", None, None]
    by_occlusion = [COUNTS.difficulty_of(each, OCCLUDED) for each in people]
    assert by_occlusion == ["easy", "medium", "hard", "easy", "easy"] == [COUNTS.difficulty_of(each) for each in people]
    found = members(people, COUNTS)
    assert [found[f"intersection/{name}"] for name in ("easy", "medium", "hard")] == [[0], [1], [2]]
    assert (found["easy"], found["medium"], found["hard"]) == ([0, 3, 4], [1], [2])
    assert found["joints=1-5,size=32-64"] == [2, 4] and found["joints=11-17,occlusion=low"] == [0, 3]
    assert len(found) == 3 + 3 + 12 + 9


def excerpt(real: Any) -> list[Person]:
    coco = load_annotations(real("coco_val2017_excerpt/annotations/person_keypoints_val2017.json"))
    rows = zip(coco.annotations, coco.keypoints_NK3, strict=True)
    return [
        Person(each["image_id"], each["id"], Path("-"), tuple(each["bbox"]), xyv_K3[:, :2], xyv_K3[:, 2], each["area"])
        for each, xyv_K3 in rows
        if each["num_keypoints"] and not each["iscrowd"]
    ]


def distance(counts: dict[str, dict[str, int]], table: np.ndarray) -> float:
    """Between the proportions within each column, summed over all cells."""
    found = np.array([list(row.values()) for row in counts.values()])
    return float(np.abs(found / found.sum(axis=0) - table / table.sum(axis=0)).sum())


def test_the_papers_counts_follow_from_paper_counts_and_not_from_its_text(real: Any) -> None:
    people = excerpt(real)
    assert len(people) == 1354
    # 95 % of samples of this many people stay below 0.30 and 0.24.
    assert distance(cell_counts(people, COUNTS.size, COUNTS.joints), TABLE_10) == pytest.approx(0.27, abs=0.01)
    assert distance(cell_counts(people, COUNTS.occlusion, COUNTS.joints), TABLE_11) == pytest.approx(0.037, abs=0.002)
    assert distance(cell_counts(people, TEXT.size, TEXT.joints), TABLE_10) == pytest.approx(2.24, abs=0.02)
    assert distance(cell_counts(people, TEXT.occlusion, TEXT.joints), TABLE_11) == pytest.approx(1.01, abs=0.02)
    sizes = cell_counts(people, COUNTS.size, COUNTS.joints)
    assert sum(count for row in sizes.values() for count in row.values()) == 1354
    assert all(members(people, COUNTS).values())


def test_the_error_of_every_sub_benchmark(coco: Any) -> None:
    content = coco.content(images=1, people_per_image=3)
    # Easy, hard, and easy by joints and occlusion though not by size.
    content["annotations"][0].update(area=22500.0)
    hard = [*(20, 15, 1), *(23, 19, 1), *(26, 23, 2), *[0] * 42]
    content["annotations"][1].update(area=1600.0, keypoints=hard, num_keypoints=3)
    coco.write("val", content)
    dataset = load_coco(coco.root, "val")
    joints_NK3 = np.stack([np.column_stack([each.joints_K2, np.ones(17)]) for each in dataset.people])
    joints_NK3[:, :, 0] += np.array([1.0, 5.0, 9.0])[:, None]
    order = np.array([2, 0, 1])
    predictions = Predictions(order, joints_NK3[order], np.ones(3))
    found = subset_errors(dataset, predictions, COUNTS)
    names = ("easy", "medium", "hard")
    assert [found[name] for name in names] == [5, None, 5]
    assert [found[f"intersection/{name}"] for name in names] == [1, None, 5]
    assert found["joints=11-17,occlusion=low"] == 5 and found["joints=11-17,size=32-64"] == 9
    measured = FORMATS["coco"].measure(dataset, predictions)
    assert [measured[f"EPE/{name}"] for name in names] == [5, None, 5]
    assert [measured[f"EPE/intersection/{name}"] for name in names] == [1, None, 5]


def test_unknown_rules_are_named() -> None:
    with pytest.raises(InputError, match=r"paper: no such rules .*; valid: paper_text, paper_counts"):
        preset("paper")
