"""The skeletons that are shipped, against the published ones and the genuine annotation files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatmark.datasets.people import Skeleton
from heatmark.datasets.skeletons import (
    COCO_PERSON,
    LSP_PERSON,
    MPII_PERSON,
    RHD_HAND,
    as_mapping,
    notes_of_sigmas,
    read_skeleton,
    shipped,
    shipped_like,
    shipped_names,
    shipped_of_size,
    sigmas_or_default,
    skeleton_of_category,
)
from heatmark.datasets.skeletons.names import normalised

SAMPLES = {
    **{name: f"{name}/test_{name}.json" for name in ("300w", "aic", "animalpose", "ap10k", "cofw", "crowdpose")},
    **{name: f"{name}/test_{name}.json" for name in ("exlpose", "fly", "halpe", "horse10", "onehand10k", "wflw")},
    "zebra": "zebra/test_zebra.json",
    "deepfashion_full": "fld/test_fld.json",
    "freihand2d": "freihand/test_freihand.json",
    "jhmdb": "jhmdb/test_jhmdb_sub1.json",
    "posetrack18": "posetrack18/annotations/test_posetrack18_val.json",
}


def spelled(skeleton: Skeleton, pairs: Any) -> list[tuple[str, str]]:
    return [(skeleton.joints[a], skeleton.joints[b]) for a, b in pairs]


@pytest.mark.parametrize(
    ("skeleton", "name", "mirrored", "bones"),
    [
        (
            COCO_PERSON,
            "coco_person",
            (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15),
            "15-13 13-11 16-14 14-12 11-12 5-11 6-12 5-6 5-7 6-8 7-9 8-10 1-2 0-1 0-2 1-3 2-4 3-5 4-6",
        ),
        (
            LSP_PERSON,
            "lsp_person",
            (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13),
            "0-1 1-2 2-3 3-4 4-5 6-7 7-8 8-12 9-12 9-10 10-11 2-8 3-9 12-13",
        ),
        (
            MPII_PERSON,
            "mpii_person",
            (5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10),
            "0-1 1-2 2-6 3-6 3-4 4-5 6-7 7-8 8-9 10-11 11-12 12-7 13-7 13-14 14-15",
        ),
        (
            RHD_HAND,
            "rhd_hand",
            tuple(range(21)),
            "0-4 4-3 3-2 2-1 0-8 8-7 7-6 6-5 0-12 12-11 11-10 10-9 0-16 16-15 15-14 14-13 0-20 20-19 19-18 18-17",
        ),
    ],
)
def test_the_built_in_formats_have_the_skeletons_that_their_numbers_were_made_with(
    skeleton: Skeleton, name: str, mirrored: tuple[int, ...], bones: str
) -> None:
    assert skeleton.name == name
    assert skeleton.mirrored_order == mirrored
    assert " ".join(f"{a}-{b}" for a, b in skeleton.bones) == bones


def test_the_left_joints_of_the_built_in_formats_are_named_first() -> None:
    assert LSP_PERSON.swaps == ((5, 0), (4, 1), (3, 2), (11, 6), (10, 7), (9, 8))
    assert MPII_PERSON.swaps == ((5, 0), (4, 1), (3, 2), (15, 10), (14, 11), (13, 12))
    assert COCO_PERSON.swaps == ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16))
    assert COCO_PERSON.upper_body == tuple(range(11))
    assert MPII_PERSON.joints[6:10] == ("pelvis", "thorax", "upper_neck", "head_top")
    assert RHD_HAND.joints[:5] == ("wrist", "thumb4", "thumb3", "thumb2", "thumb1")


def test_lengths_that_joints_are_measured_by() -> None:
    assert (COCO_PERSON.reference, RHD_HAND.reference, MPII_PERSON.reference) == ("box", "box", "head")
    assert LSP_PERSON.reference != "box" and LSP_PERSON.reference != "head"
    assert spelled(LSP_PERSON, LSP_PERSON.reference) == [
        ("left_shoulder", "right_hip"),
        ("right_shoulder", "left_hip"),
    ]
    # The outer corners of the eyes: interocular NME.
    assert shipped("wflw").reference == ((60, 72),)
    assert shipped("300w").reference == ((36, 45),)
    assert shipped("cofw").reference == ((8, 9),)
    assert {name for name in shipped_names() if shipped(name).box_area_share == 0.53} == {
        *("aic", "crowdpose", "exlpose"),
    }


def test_parts_of_whole_bodies_are_the_published_counts() -> None:
    parts = {part: (joints[0], joints[-1], len(joints)) for part, joints in shipped("coco_wholebody").parts.items()}
    assert parts == {
        "body": (0, 16, 17),
        "foot": (17, 22, 6),
        "face": (23, 90, 68),
        "lefthand": (91, 111, 21),
        "righthand": (112, 132, 21),
    }
    assert sorted(joint for part in shipped("halpe").parts.values() for joint in part) == list(range(136))


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_skeleton_has_nothing_to_derive_and_survives_being_written(name: str) -> None:
    skeleton, notes = read_skeleton(name, "here")
    assert notes == () and skeleton is shipped(name)
    assert skeleton.subject and all(len(set(pair)) == 2 for pair in skeleton.swaps)
    written = json.loads(json.dumps(as_mapping(skeleton)))
    assert written == as_mapping(skeleton)
    assert read_skeleton(written, "here") == (skeleton, ())


@pytest.mark.parametrize("name", shipped_names())
def test_names_that_say_a_side_are_on_that_side(name: str) -> None:
    skeleton = shipped(name)
    for joint, spelling in enumerate(skeleton.joints):
        for side in ("left", "right"):
            if normalised(spelling).startswith(f"{side}_"):
                assert skeleton.side_of(joint) == side


def test_sigmas_that_nobody_stated_are_told() -> None:
    assert sigmas_or_default(COCO_PERSON) == COCO_PERSON.sigmas and notes_of_sigmas(COCO_PERSON) == ()
    assert sigmas_or_default(shipped("zebra")) == (0.05,) * 9
    (note,) = notes_of_sigmas(shipped("zebra"))
    assert "0.05 for each joint" in note and "compares only with itself" in note


def test_shipped_skeletons_are_found_by_joints_and_by_size() -> None:
    assert shipped_like([joint.replace("_", " ").title() for joint in COCO_PERSON.joints]) == COCO_PERSON
    assert shipped_like(COCO_PERSON.joints[::-1]) is None
    assert shipped_of_size(98) == ("wflw",)
    assert shipped_of_size(21) == ("freihand2d", "hand_rhd", "interhand2d", "onehand10k")
    assert shipped_of_size(3) == ()


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    path = Path(__file__).resolve().parents[4] / "shared" / "spec" / "skeletons.json"
    if not path.exists():
        pytest.skip(f"no published skeletons at {path}")
    return dict(json.loads(path.read_bytes()))


def test_the_published_skeletons_are_shipped_as_they_are(published: dict[str, Any]) -> None:
    assert set(published) <= set(shipped_names())
    for name, facts in published.items():
        skeleton, names = shipped(name), facts["names"]
        assert len(skeleton.joints) == facts["K"] == len(names)
        named_otherwise = {"ap10k": 14, "crowdpose": 1}  # as their annotation files have them
        differ = sum(normalised(a) != normalised(b) for a, b in zip(skeleton.joints, names, strict=True))
        assert differ == named_otherwise.get(name, 0), name

        def numbers(joints: list[str], names: list[str] = names) -> tuple[int, ...]:
            return tuple(names.index(joint) for joint in joints)

        assert sorted(map(sorted, skeleton.swaps)) == sorted(sorted(numbers(pair)) for pair in facts.get("swap", []))
        assert list(skeleton.sigmas) == facts.get("sigmas", [])
        assert skeleton.upper_body == numbers(facts.get("upper", []))
        if "limbs" in facts:
            assert skeleton.bones == tuple(numbers(limb) for limb in facts["limbs"]), name


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in ("300w", "cofw", "wflw", "halpe")])
def test_the_category_of_a_genuine_file_is_recognised(name: str, real: Callable[[str], Path]) -> None:
    content = json.loads(real(f"keypoint_sets/{SAMPLES[name]}").read_bytes())
    (category, *_) = content["categories"]
    joints = len(content["annotations"][0]["keypoints"]) // 3
    skeleton, (note,) = skeleton_of_category(category, joints, "categories")
    same = "freihand2d" if name == "onehand10k" else name  # the same joints and limbs
    assert skeleton == shipped(same) and f"the joints are {same}'s" in note


def test_a_whole_body_file_names_the_body_alone(real: Callable[[str], Path]) -> None:
    content = json.loads(real("keypoint_sets/coco_wholebody/test_coco_wholebody.json").read_bytes())
    (category,) = content["categories"]
    assert skeleton_of_category(category, 133, "categories").skeleton == shipped("coco_wholebody")
    assert skeleton_of_category(category, 17, "categories").skeleton == COCO_PERSON


@pytest.mark.parametrize("name", ["300w", "cofw", "wflw", "halpe"])
def test_the_right_side_of_a_face_is_at_the_left_of_the_picture(name: str, real: Callable[[str], Path]) -> None:
    """On average over the faces: where all of a pair are labelled."""
    content = json.loads(real(f"keypoint_sets/{SAMPLES[name]}").read_bytes())
    skeleton = shipped(name)
    joints_NK3 = np.array([each["keypoints"] for each in content["annotations"]], float)
    joints_NK3 = joints_NK3.reshape(len(joints_NK3), len(skeleton.joints), 3)
    faces = [pair for pair in skeleton.swaps if skeleton.joints[pair[0]].startswith(("kpt-", "face-"))]
    assert len(faces) == {"300w": 29, "cofw": 11, "wflw": 44, "halpe": 29}[name]
    for left, right in faces:
        both_N = (joints_NK3[:, (left, right), 2] > 0).all(axis=1)
        assert joints_NK3[both_N, left, 0].mean() > joints_NK3[both_N, right, 0].mean(), skeleton.joints[left]
