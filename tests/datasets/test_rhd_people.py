"""RHD's native tree as people: which hand, which joints are seen, the two boxes, and every defect of the files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from heatmark.datasets.check import check, recognise
from heatmark.datasets.formats import FORMATS, load_split
from heatmark.datasets.predictions import Predictions
from heatmark.datasets.rhd import fingerprint, hand3d_box, load_rhd, mmpose_box
from heatmark.datasets.skeletons import RHD_HAND
from heatmark.foundation.errors import InputError
from tests.rhd_tree import CAMERA_33, hand_xyz, write_rhd


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_rhd(tmp_path / "rhd")
    return tmp_path / "rhd"


def test_the_dominant_hand_is_read_in_space_and_in_the_image(root: Path) -> None:
    dataset = load_rhd(root, "val")
    assert [person.image_id for person in dataset.people] == [0, 1, 2, 3] and dataset.listed_people == 4
    for person in dataset.people:
        assert person.hand is not None and person.hand.camera_33.tolist() == CAMERA_33.tolist()
        assert person.hand.xyz_K3[0, 2] == pytest.approx(600)
        projected = person.hand.xyz_K3 @ CAMERA_33.T
        assert person.joints_K2 == pytest.approx(projected[:, :2] / projected[:, 2:])
        # A right hand's thumb is on the left of its little finger, seen from the back.
        thumb, little = person.joints_K2[1], person.joints_K2[17]
        assert (thumb[0] > little[0]) == (person.image_id % 2 == 0)
    assert dataset.skeleton.mirrored_order == tuple(range(21))
    assert len(RHD_HAND.joints) == len(set(RHD_HAND.joints)) == 21 and len(RHD_HAND.bones) == 20


def test_visibility_is_that_of_the_surface_within_delta(root: Path) -> None:
    person = load_rhd(root, "train").people[0]
    assert person.visibility_K.tolist() == [1.0 if joint % 2 else 2.0 for joint in range(21)]
    assert (load_rhd(root, "train", delta_mm=30).people[0].visibility_K == 2).all()
    (note,) = load_rhd(root, "train").notes
    assert note == "anno_training.pickle: 52.4 % of the joints visible (Eq. 27, delta 3 mm)"


def test_hand3ds_box_reaches_the_farthest_flagged_joint() -> None:
    uv_K2 = np.full((21, 2), 100.0)
    uv_K2[3] = 130.0, 60.0
    uv_K2[5] = 100.0, 190.0
    assert hand3d_box(uv_K2, np.ones(21)) == (10.0, 10.0, 180.0, 180.0)
    without_the_fifth = np.arange(21) != 5
    assert hand3d_box(uv_K2, without_the_fifth) == (60.0, 60.0, 80.0, 80.0)
    # None flagged: all count. At least 50 pixels, at most 500.
    assert hand3d_box(uv_K2, np.zeros(21)) == (10.0, 10.0, 180.0, 180.0)
    assert hand3d_box(np.full((21, 2), 100.0), np.ones(21))[2:] == (50.0, 50.0)
    assert hand3d_box(uv_K2 * 10, np.ones(21))[2:] == (500.0, 500.0)


def test_mmposes_box_is_that_of_its_converted_annotations(real: Any) -> None:
    for each in json.loads(real("rhd/test_rhd.json").read_bytes())["annotations"]:
        uv_K2 = np.array(each["keypoints"])[:, :2]
        assert mmpose_box(uv_K2) == pytest.approx(each["bbox"], abs=1e-3)


def test_the_boxes_are_chosen_by_the_source(root: Path) -> None:
    (square, *_), (tight, *_) = (
        load_split("rhd", root, "val", False, None, source).people for source in ("gt", "mmpose")
    )
    assert square.box_xywh == hand3d_box(square.joints_K2, np.ones(21))
    assert tight.box_xywh == mmpose_box(square.joints_K2)
    assert tight.reference_length == square.reference_length == max(tight.box_xywh[2:])


def test_the_folder_is_recognised_sound_and_fingerprinted(root: Path) -> None:
    assert recognise(root) == "rhd"
    report = check(root)
    assert report.defects == () and len(report.notes) == 3
    assert "pictures of val are in train, too" in report.notes[2]  # drawn alike
    assert report.splits["val"] == {"images": 4, "people": 4, "labelled_joints": 84}
    before = fingerprint(root)
    assert fingerprint(root) == before
    (root / "training" / "color" / "00003.png").unlink()
    assert fingerprint(root) != before


def test_hands_without_their_images_are_left_out_and_noted(root: Path) -> None:
    for part, number in (("color", 0), ("mask", 1), ("depth", 2)):
        (root / "training" / part / f"{number:05d}.png").unlink()
    dataset = load_rhd(root, "train")
    assert [person.image_id for person in dataset.people] == [3]
    assert [note.partition(": ")[2][:23] for note in dataset.notes[:3]] == ["1 listed images absent "] * 3
    assert [path.parent.name for path in dataset.absent] == ["color", "mask", "depth"]
    with pytest.raises(InputError, match=r"color: 1 listed images absent \(00000\.png"):
        load_rhd(root, "train", strict=True)
    assert len(check(root).defects) == 3


def test_every_defect_is_found_and_named_once(root: Path) -> None:
    folder = root / "training"
    path = folder / "anno_training.pickle"
    records = pickle.loads(path.read_bytes())
    (folder / "mask" / "00002.png").write_bytes(b"")
    cv2.imwrite(str(folder / "depth" / "00003.png"), np.zeros((10, 10, 3), np.uint8))
    assert [each.removeprefix(f"{path}: ") for each in check(root).defects] == [
        f"image 2: {folder / 'mask' / '00002.png'}: cannot decode this image; replace the file",
        "image 3: the mask is (320, 320) and the depth map (10, 10); fetch mask/00003.png and depth/00003.png again",
    ]
    records[1]["K"], records[0]["xyz"][5] = None, np.nan
    path.write_bytes(pickle.dumps(records))
    assert [each.removeprefix(f"{path}: ")[:13] for each in check(root).defects] == [
        "image 0: 'xyz",
        "image 1: 'K' ",
        "image 2: " + str(folder)[:4],
        "image 3: the ",
    ]
    path.unlink()
    assert "the annotations of the train split are not there; expected {training,evaluation}" in check(root).defects[0]


def test_no_hand_left_is_the_users_mistake(root: Path) -> None:
    for image in (root / "evaluation" / "mask").iterdir():
        image.unlink()
    with pytest.raises(InputError, match=r"anno_evaluation\.pickle: no hand to use .*mask: 4 listed images absent"):
        load_rhd(root, "val")
    (root / "evaluation" / "mask").rmdir()
    with pytest.raises(InputError, match=r"mask: cannot list the image folder"):
        load_rhd(root, "val")


def test_the_metrics_of_a_run_are_those_of_table_7_and_of_both_codebases(root: Path) -> None:
    dataset = load_rhd(root, "val")
    joints_NK3 = np.stack([np.column_stack([person.joints_K2, np.ones(21)]) for person in dataset.people])
    # Visible joints are 2 pixels off, occluded ones 5.
    joints_NK3[:, 0::2, 0] += 2
    joints_NK3[:, 1::2, 1] -= 5
    found = FORMATS["rhd"].measure(dataset, Predictions(np.arange(4), joints_NK3, np.ones(4)))
    assert found["EPE/visible"] == pytest.approx(2) and found["EPE/occluded"] == pytest.approx(5)
    assert found["EPE"] == found["EPE/flagged"] == pytest.approx((11 * 2 + 10 * 5) / 21)
    assert found["AUC@0-30px exact"] == pytest.approx(1 - (11 * 2 + 10 * 5) / 21 / 30)
    # Thresholds of 1.5 i: 2 is below the second, 5 below the fourth.
    assert found["AUC@0-30px mmpose"] == pytest.approx((11 * 18 + 10 * 16) / 21 / 20)
    assert found["PCK@0.2"] == 1 and FORMATS["rhd"].headline in found
    joints_NK3[0, :, 0] += 1000
    found = FORMATS["rhd"].measure(dataset, Predictions(np.arange(4), joints_NK3, np.ones(4)))
    assert found["PCK@0.2"] == pytest.approx(0.75)


def test_the_drawn_hand_is_a_hand() -> None:
    for left in (False, True):
        xyz_K3 = hand_xyz((0.0, 0.0, 0.6), 0.0, left=left)
        assert np.linalg.norm(xyz_K3[8] - xyz_K3[0]) == pytest.approx(0.09)
