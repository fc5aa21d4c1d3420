"""What kind of error a joint is, on people drawn so that every similarity is known, and on real predictions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from heatmark.datasets.metrics.error_kinds import KINDS, error_kinds, towards
from heatmark.datasets.metrics.oks import person_oks
from heatmark.datasets.people import Person, Skeleton
from heatmark.datasets.predictions import truth_of
from heatmark.datasets.skeletons import COCO_PERSON
from tests.datasets.plain_kinds import plain_kind

# Of area 100 and sigma .1 a joint at a distance d is as similar as exp(-d^2 / 8).
SKELETON = Skeleton("two hands", ("left", "right", "nose"), ((0, 1),), ((0, 2), (1, 2)), (0.1, 0.1, 0.1))
CLOSE, FAR = math.sqrt(-8 * math.log(0.85)), math.sqrt(-8 * math.log(0.5))


def person(number: int, joints: list[list[float]], visibility: tuple[int, ...] = (2, 2, 2), image: int = 1) -> Person:
    box = (0.0, 0.0, 200.0, 100.0)
    return Person(image, number, Path("a.jpg"), box, np.array(joints, float), np.array(visibility, float), area=100.0)


HERE = person(1, [[20, 50], [60, 50], [40, 20]])
THERE = person(2, [[120, 50], [160, 50], [140, 20]])
ELSEWHERE = person(3, [[21, 50], [61, 50], [41, 20]], image=2)


def kinds_of(found: list[list[float]], own: Person = HERE) -> list[str]:
    people = [HERE, THERE, ELSEWHERE]
    found_1K2 = np.array([found], float)
    kinds = error_kinds(found_1K2, [people.index(own)], people, SKELETON)
    return ["" if not code else KINDS[code - 1] for code in kinds.kind_NK[0]]


@pytest.mark.parametrize(
    ("off", "kind"),
    [(0.0, "good"), (CLOSE - 1e-6, "good"), (CLOSE + 1e-6, "jitter"), (FAR - 1e-6, "jitter"), (FAR + 1e-6, "miss")],
)
def test_a_joint_by_itself_is_good_a_jitter_or_a_miss(off: float, kind: str) -> None:
    assert kinds_of([[20 + off, 50], [60, 50], [40, 20 - off]]) == [kind, "good", kind]


def test_left_and_right_of_one_person_exchanged_are_inversions() -> None:
    assert kinds_of([[60, 50], [20, 51], [40, 20]]) == ["inversion", "inversion", "good"]


def test_a_joint_on_somebody_else_is_a_swap_whichever_side() -> None:
    assert kinds_of([[120, 50], [120, 50], [140, 20]]) == ["swap", "swap", "swap"]


def test_who_is_in_another_image_is_not_asked() -> None:
    assert kinds_of([[21, 50], [61, 50], [41, 20]]) == ["good"] * 3


def test_the_nearer_of_two_decides() -> None:
    """20 to the left of the one, 1 to the right of the other, both of a sigma as large as that."""
    wide = Skeleton("wide", SKELETON.joints, SKELETON.swaps, SKELETON.bones, (2.0, 2.0, 2.0))
    found = error_kinds(np.array([[[101.0, 50], [60, 50], [41, 20]]]), [0], [HERE, THERE], wide)
    assert [KINDS[code - 1] for code in found.kind_NK[0]] == ["swap", "good", "good"]


def test_what_is_not_labelled_has_no_kind_and_attracts_nobody() -> None:
    blind = person(4, [[20, 50], [60, 50], [40, 20]], (0, 2, 1))
    found = error_kinds(np.array([[[20.0, 50], [20, 50], [40, 20]]]), [0], [blind], SKELETON)
    assert found.kind_NK.tolist() == [[0, 5, 1]]


def test_mending_a_kind_is_worth_what_it_takes_from_oks() -> None:
    """One jitter of .6, one inversion whose wrong joint is hit exactly, one miss by 30 pixels."""
    jitter = math.sqrt(-8 * math.log(0.6))
    found_1K2 = np.array([[[60, 50], [60 + jitter, 50], [40, 50]]], float)
    found = error_kinds(found_1K2, [0], [HERE, THERE], SKELETON)
    assert [KINDS[code - 1] for code in found.kind_NK[0]] == ["inversion", "jitter", "miss"]
    today = person_oks(found_1K2, *truth_of([HERE]), [100.0], SKELETON.sigmas)[0]
    assert today == pytest.approx(0.6 / 3, abs=1e-9)
    jittering, inverted, swapped, missed = found.oks_NE[0].tolist()
    assert jittering == pytest.approx(0.85 / 3) and inverted == pytest.approx(1.6 / 3)
    assert swapped == pytest.approx(today) and missed == pytest.approx(1.1 / 3)


def test_a_skeleton_without_sigmas_is_refused() -> None:
    bare = Skeleton("bare", SKELETON.joints, SKELETON.swaps, SKELETON.bones)
    with pytest.raises(ValueError, match="skeleton bare: kinds of error need OKS sigmas"):
        error_kinds(np.zeros((1, 3, 2)), [0], [HERE], bare)


def test_an_error_points_towards_the_centre_of_the_box_or_away() -> None:
    """The box's centre is at (100, 50): left of it an error to the right points there."""
    found_1K2 = np.array([[[23, 50], [60, 58], [37, 16]]], float)
    left, right, nose = towards(found_1K2, [HERE])[0].tolist()
    assert left == pytest.approx(3) and right == pytest.approx(0)
    # (-3, -4) along (60, 30) / sqrt(4500).
    assert nose == pytest.approx((-3 * 60 - 4 * 30) / math.sqrt(4500))
    hidden = person(5, [[20, 50], [100, 50], [40, 20]], (0, 2, 2))
    assert np.isnan(towards(found_1K2, [hidden])[0]).tolist() == [True, True, False]


def test_real_predictions_have_the_kinds_that_can_be_counted_by_hand(real: Callable[[str], Path]) -> None:
    """The published predictions, each given to the person it is most like; joint by joint as the definition says."""
    folder = real("coco_predictions")
    truth = json.loads((folder / "example_coco_val.json").read_text())["annotations"]
    people = [
        Person(
            each["image_id"],
            each["id"],
            Path("a.jpg"),
            tuple(each["bbox"]),
            np.array(each["keypoints"], float).reshape(17, 3)[:, :2],
            np.array(each["keypoints"], float)[2::3],
            area=each["area"],
        )
        for each in truth
        if each["num_keypoints"] and not each["iscrowd"]
    ]
    found = json.loads((folder / "example_coco_preds.json").read_text())
    joints, own = [], []
    for each in found:
        pose_K2 = np.array(each["keypoints"], float).reshape(17, 3)[:, :2]
        rows = [row for row, one in enumerate(people) if one.image_id == each["image_id"]]
        likeness = person_oks(
            np.repeat(pose_K2[None], len(rows), 0),
            *truth_of([people[row] for row in rows]),
            [people[row].area for row in rows],
            COCO_PERSON.sigmas,
        )
        if likeness.max() >= 0.1:
            joints.append(pose_K2)
            own.append(rows[int(likeness.argmax())])
    kinds = error_kinds(np.stack(joints), own, people, COCO_PERSON)
    assert len(own) > 20 and set(np.unique(kinds.kind_NK)) >= {0, 1, 2, 5}
    for pose_K2, row, codes in zip(joints, own, kinds.kind_NK.tolist(), strict=True):
        assert codes == [plain_kind(pose_K2, joint, people[row], people) for joint in range(17)]
