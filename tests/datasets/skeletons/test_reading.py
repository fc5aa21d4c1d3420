"""A skeleton from anyone's file: what is derived is told, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heatmark.datasets.skeletons import (
    COCO_PERSON,
    as_mapping,
    read_skeleton,
    shipped,
    skeleton_of_category,
)
from heatmark.datasets.skeletons.sides import pairs_by_name
from heatmark.foundation.errors import InputError

ARM = {"joints": ["neck", "left_hand", "right_hand"]}


@pytest.mark.parametrize(
    ("joints", "pairs"),
    [
        (["nose", "left_eye", "right_eye"], ["left_eye right_eye"]),
        (["right hem", "left hem", "left collar", "right collar"], ["left hem|right hem", "left collar|right collar"]),
        (["l_hip", "r_hip"], ["l_hip r_hip"]),
        (["L_F_Paw", "R_F_Paw", "L_B_Paw", "R_B_Paw"], ["L_F_Paw R_F_Paw", "L_B_Paw R_B_Paw"]),
        (["eyeR", "eyeL", "wingL", "wingR"], ["eyeL eyeR", "wingL wingR"]),
        (["forelegR1", "forelegR2", "forelegL1", "forelegL2"], ["forelegL1 forelegR1", "forelegL2 forelegR2"]),
        (["hip_left", "hip_right", "knee.l", "knee.r"], ["hip_left hip_right", "knee.l knee.r"]),
        (["LShoulder", "RShoulder", "leftEye", "rightEye"], ["LShoulder RShoulder", "leftEye rightEye"]),
        (["Left_Eye", "right_eye"], ["Left_Eye right_eye"]),
        (["lefteye", "righteye"], ["lefteye righteye"]),
        (["Lknee", "Rknee", "eyel", "eyer"], ["Lknee Rknee", "eyel eyer"]),
        (["leg", "reg_no", "lip", "ring", "tail", "rear"], []),
        (["kpt-0", "kpt-1"], []),
        (["left_eye", "right_eye", "eye_right_left"], ["left_eye right_eye"]),
        # Which right eye is whose cannot be told.
        (["left_eye", "right_eye", "Right Eye"], []),
        (["left_hand", "right_foot"], []),
    ],
)
def test_pairs_are_told_from_names(joints: list[str], pairs: list[str]) -> None:
    split = [tuple(pair.split("|" if "|" in pair else " ")) for pair in pairs]
    assert [(joints[left], joints[right]) for left, right in pairs_by_name(joints)] == split


@pytest.mark.parametrize(
    "name", ["coco", "mpii", "aic", "animalpose", "ap10k", "fly", "zebra", "deepfashion_full", "halpe26", "posetrack18"]
)
def test_the_pairs_of_published_skeletons_are_those_of_their_names(name: str) -> None:
    assert set(pairs_by_name(shipped(name).joints)) == set(shipped(name).swaps)


def test_what_is_derived_is_told() -> None:
    skeleton, (note,) = read_skeleton(ARM, "here")
    assert skeleton.swaps == ((1, 2),) and skeleton.sigmas == () and skeleton.reference == "box"
    assert note == "pairs: derived from the names, left_hand with right_hand"
    _, notes = read_skeleton({"joints": [*ARM["joints"], "left_foot"]}, "here")
    assert notes[1] == "pairs: no twin on the other side was found of left_foot: not swapped by a mirror"
    (note,) = read_skeleton({"joints": ["snout", "tail"]}, "here").notes
    assert "no joint's name says left or right" in note


def test_what_is_given_is_not_told() -> None:
    assert read_skeleton({**ARM, "pairs": []}, "here").notes == ()
    assert read_skeleton({**ARM, "pairs": []}, "here").skeleton.swaps == ()


def test_numbers_tell_no_sides() -> None:
    skeleton, (note,) = read_skeleton({"joints": ["kpt-0..kpt-4"]}, "here")
    assert skeleton.joints == ("kpt-0", "kpt-1", "kpt-2", "kpt-3", "kpt-4") and skeleton.swaps == ()
    assert "none can be derived from numbers" in note and "training is without mirroring" in note
    assert not skeleton.mirrors
    assert COCO_PERSON.mirrors and shipped("wflw").mirrors and shipped("freihand2d").mirrors


def test_a_file_says_everything(tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(
        """
        subject: robot
        joints: [base, arm1..arm3, Left Grip, right_grip]
        pairs: [[left_grip, right grip]]
        limbs: [[base, arm1..arm3], [arm3, left_grip], [right_grip..arm3]]
        sigmas: {base: 0.1, arm1..arm3: 5e-2, Left Grip..right_grip: 0.02}
        upper_body: [arm2..right_grip]
        reference: [[base, arm1], [arm1, arm2]]
        box_area_share: 0.5
        parts: {arm: [arm1..arm3], grip: [Left Grip, right_grip]}
        """
    )
    skeleton, notes = read_skeleton(path, "sweep.yaml: skeleton")
    assert notes == ()
    assert skeleton.name == "robot" and skeleton.subject == "robot"
    assert skeleton.joints == ("base", "arm1", "arm2", "arm3", "Left Grip", "right_grip")
    assert skeleton.swaps == ((4, 5),)
    assert skeleton.bones == ((0, 1), (1, 2), (2, 3), (3, 4), (5, 4), (4, 3))
    assert skeleton.sigmas == (0.1, 0.05, 0.05, 0.05, 0.02, 0.02)
    assert skeleton.upper_body == (2, 3, 4, 5)
    assert skeleton.reference == ((0, 1), (1, 2)) and skeleton.box_area_share == 0.5
    assert skeleton.parts == {"arm": (1, 2, 3), "grip": (4, 5)}
    assert read_skeleton(as_mapping(skeleton), "here") == (skeleton, ())
    assert read_skeleton(str(path), "here").skeleton == skeleton


def test_a_torso_is_a_diagonal_of_shoulder_and_hip() -> None:
    joints = ["Left Hip", "Right Hip", "Left Shoulder", "Right Shoulder"]
    assert read_skeleton({"joints": joints, "reference": "torso"}, "here").skeleton.reference == ((2, 1), (3, 0))
    assert read_skeleton({"joints": joints, "reference": joints[:2]}, "here").skeleton.reference == ((0, 1),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": []}, "no joints; give joints"),
        ({"joints": None}, "no joints; give joints"),
        ({"joints": ["a", "b", "a"]}, "'a' is there twice, as number 0 and 2"),
        ({"joints": ["a", 2]}, "a name is expected, not 2"),
        ({"joints": ["a..b"]}, "'a..b' is no range that counts"),
        ({"sigma": [0.1]}, "unknown key 'sigma' of a skeleton; did you mean 'sigmas'?"),
        ({"pairs": [["left_hand", "right_hnd"]]}, "pairs: no joint 'right_hnd'; did you mean 'right_hand'?"),
        ({"pairs": [["left_hand", "right_hand"], ["left_hand", "neck"]]}, "'left_hand' is in two"),
        ({"pairs": [["neck", "neck"]]}, "'neck' is in two"),
        ({"pairs": [["left_hand"]]}, "a left and a right joint are expected"),
        ({"pairs": ["left_hand", "right_hand"]}, "write [[a, b], [c, d]]"),
        ({"pairs": "derive"}, "pairs: a list of lists of joints is expected"),
        ({"pairs": [["neck..left_hand", "right_hand"]]}, "are 2 joints and right_hand 1"),
        ({"limbs": [["nek", "left_hand"]]}, "limbs: no joint 'nek'; did you mean 'neck'?"),
        ({"limbs": [["neck"]]}, "two joints or more are expected"),
        ({"limbs": [[0, 1]]}, "limbs: no joint 0"),
        ({"upper_body": ["neckk"]}, "upper_body: no joint 'neckk'; did you mean 'neck'?"),
        ({"upper_body": "neck"}, "upper_body: a list of joints is expected"),
        ({"sigmas": [0.1, 0.1]}, "2 sigmas of 3 joints"),
        ({"sigmas": [0.1, 0.1, 0.0]}, "sigmas: right_hand: a number above 0 is expected, not 0.0"),
        ({"sigmas": [0.1, -1, 0.1]}, "left_hand: a number above 0 is expected, not -1"),
        ({"sigmas": [0.1, "0.1", 0.1]}, "a number above 0 is expected, not '0.1'"),
        ({"sigmas": [0.1, float("nan"), 0.1]}, "a number above 0 is expected, not nan"),
        ({"sigmas": {"neck": 0.1}}, "sigmas: none of left_hand, right_hand"),
        ({"sigmas": {"nek": 0.1}}, "did you mean 'neck'"),
        ({"sigmas": 0.1}, "a list or a mapping by joint"),
        ({"reference": ["neck", "left_foot"]}, "reference: no joint 'left_foot'"),
        ({"reference": "torso"}, "reference: no joint 'left_shoulder'"),
        ({"reference": "boxes"}, "reference: box, head, torso, or the two joints"),
        ({"reference": ["neck", "neck"]}, "from 'neck' to itself is no length"),
        ({"reference": [["neck"]]}, "reference: two joints are expected"),
        ({"box_area_share": 0}, "above 0 and at most 1"),
        ({"box_area_share": True}, "above 0 and at most 1"),
        ({"parts": ["neck"]}, "parts: a mapping"),
        ({"parts": {"arm": []}}, "parts: arm: joints are expected"),
        ({"parts": {"arm": ["elbow"]}}, "parts: arm: no joint 'elbow'"),
        ({"subject": 3}, "subject: a text is expected"),
    ],
)
def test_a_mistake_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_skeleton({**ARM, **change}, "sweep.yaml: data.mine.skeleton")
    assert str(caught.value).startswith("sweep.yaml: data.mine.skeleton: ") and message in str(caught.value)


def test_a_skeleton_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"here: no skeleton 'crowdpos' is shipped; did you mean 'crowdpose'\?"):
        read_skeleton("crowdpos", "here")
    with pytest.raises(
        InputError, match=r"here: .*none\.yaml: no such file; give a skeleton file, or one of 300w, aic"
    ):
        read_skeleton(str(tmp_path / "none.yaml"), "here")
    with pytest.raises(InputError, match="no such file"):
        read_skeleton(tmp_path, "here")
    (tmp_path / "bad.yaml").write_text("joints: [a, b")
    with pytest.raises(InputError, match=r"bad\.yaml: not valid YAML"):
        read_skeleton(tmp_path / "bad.yaml", "here")
    (tmp_path / "list.yaml").write_text("- a\n- b\n")
    with pytest.raises(InputError, match=r"list\.yaml: no skeleton; its keys are"):
        read_skeleton(tmp_path / "list.yaml", "here")


def test_a_category_of_its_own_is_read() -> None:
    category = {"name": "crab", "keypoints": ["shell", "clawL", "clawR"], "skeleton": [[1, 2], [1, 3], [1, 4], [2, 2]]}
    skeleton, notes = skeleton_of_category(category, 3, "crabs.json")
    assert skeleton.name == skeleton.subject == "crab" and skeleton.swaps == ((1, 2),)
    assert skeleton.bones == ((0, 1), (0, 2))
    assert notes == (
        "pairs: derived from the names, clawL with clawR",
        "limbs: 2 of the category point outside its 3 joints: dropped",
    )
    from_0 = {**category, "skeleton": [[0, 1], [0, 2]]}
    assert skeleton_of_category(from_0, 3, "crabs.json").skeleton.bones == ((0, 1), (0, 2))


def test_a_category_without_names_is_numbered_and_told_who_it_could_be() -> None:
    for category in ({"name": "face", "keypoints": []}, {"name": "face"}):
        skeleton, notes = skeleton_of_category(category, 98, "faces.json")
        assert skeleton.joints[0] == "kpt-0" and len(skeleton.joints) == 98 and not skeleton.mirrors
        assert notes[0] == "98 joints without names; if they are wflw's, say skeleton: wflw"
        assert "none can be derived from numbers" in notes[1]
    (hint, _) = skeleton_of_category({}, 21, "hands.json").notes
    assert hint.endswith(
        "those of freihand2d, hand_rhd, interhand2d or onehand10k, say which, as in skeleton: freihand2d"
    )
    assert len(skeleton_of_category({}, 5, "five.json").notes) == 1


def test_of_equal_joints_the_limbs_choose() -> None:
    crowd, dark = shipped("crowdpose"), shipped("exlpose")
    assert crowd.joints == dark.joints
    category = {"keypoints": list(dark.joints), "skeleton": [[b + 1, a + 1] for a, b in dark.bones]}
    assert skeleton_of_category(category, 14, "here").skeleton == dark
    skeleton, (note,) = skeleton_of_category({"keypoints": list(dark.joints)}, 14, "here")
    assert skeleton == crowd and "crowdpose's (as are exlpose's)" in note


@pytest.mark.parametrize(
    ("category", "joints", "message"),
    [
        ({"keypoints": ["a", "b"]}, 3, "names 2 key points, and the annotations have 3"),
        ({"keypoints": ["a", "a"]}, 2, "'a' is there twice"),
        ({"keypoints": ["a", 1]}, 2, "a list of names is expected"),
        ({"keypoints": "a"}, 1, "a list of names is expected"),
        ({"keypoints": ["a1..a2", "b"]}, 2, "rename the joint"),
        ({}, 0, "no joints"),
    ],
)
def test_a_category_that_tells_nothing_sound_is_named(category: dict[str, Any], joints: int, message: str) -> None:
    with pytest.raises(InputError, match=r"mine\.json: ") as caught:
        skeleton_of_category(category, joints, "mine.json")
    assert message in str(caught.value)
