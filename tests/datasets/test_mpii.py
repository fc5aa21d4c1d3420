"""MPII's files in, in both layouts: the real ones, and every way they can be broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
import scipy.io

from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.formats import FORMATS
from heatmark.datasets.geometry import apply_affine, crop_affine
from heatmark.datasets.loader import make_loader
from heatmark.datasets.metrics.score_mpii import score_mpii
from heatmark.datasets.mpii import fingerprint, load_mpii
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.predictions import Predictions
from heatmark.datasets.skeletons import MPII_PERSON
from heatmark.foundation.errors import InputError

Person = dict[str, Any]
IMAGES = ("a.png", "b.png", "c.png")


def person(row: int) -> Person:
    joints = [[50.0 + 3 * joint, 40.0 + 2 * joint + row] for joint in range(16)]
    return {"image": IMAGES[row % 3], "center": [80.0, 60.0], "scale": 0.4, "joints": joints, "joints_vis": [1] * 16}


def truth_of(people: list[Person]) -> dict[str, Any]:
    return {
        "pos_gt_src": np.array([each["joints"] for each in people]).transpose(1, 2, 0),
        "jnt_missing": 1 - np.array([each["joints_vis"] for each in people]).T,
        "headboxes_src": np.stack([np.full((2, len(people)), 50.0), np.tile([[56.0], [58.0]], len(people))]),
    }


def write(root: Path, people: list[Person]) -> Path:
    """HRNet's layout, the same people in both splits."""
    (root / "annot").mkdir(parents=True, exist_ok=True)
    (root / "images").mkdir(exist_ok=True)
    for stem in ("train", "valid"):
        (root / "annot" / f"{stem}.json").write_text(json.dumps(people))
    for name in IMAGES:
        cv2.imwrite(str(root / "images" / name), np.full((120, 160, 3), 90, np.uint8))
    return root


@pytest.fixture
def mpii(tmp_path: Path) -> Path:
    people = [person(row) for row in range(6)]
    root = write(tmp_path / "mpii", people)
    scipy.io.savemat(root / "annot" / "gt_valid.mat", truth_of(people))
    return root


def test_the_skeleton_is_mpiis_order(real: Any) -> None:
    names = scipy.io.loadmat(real("mpii/detections_our_format.mat"))["dataset_joints"].ravel()
    initials = {"rank": "right_ankle", "lkne": "left_knee", "pelv": "pelvis", "thor": "thorax", "neck": "upper_neck",
                "head": "head_top", "rwri": "right_wrist", "lelb": "left_elbow", "lsho": "left_shoulder"}  # fmt: skip
    for joint, name in enumerate(str(each[0]) for each in names):
        assert MPII_PERSON.joints[joint] == initials.get(name, MPII_PERSON.joints[joint])
    for own, mirrored in zip(MPII_PERSON.joints, MPII_PERSON.mirrored_order, strict=True):
        assert MPII_PERSON.joints[mirrored] == own.replace("left", "?").replace("right", "left").replace("?", "right")


def test_people_count_from_zero_and_stand_in_the_order_of_the_file(mpii: Path) -> None:
    dataset = load_mpii(mpii, "val", strict=True)
    assert [each.annotation_id for each in dataset.people] == [1, 2, 3, 4, 5, 6]
    assert [each.image_id for each in dataset.people] == [1, 2, 3, 1, 2, 3]
    first = dataset.people[0]
    assert first.image_path == mpii / "images" / "a.png"
    assert first.joints_K2[1].tolist() == [52, 41]
    # Down by 15 * 0.4, a side of 200 * 0.4, and everything from 0.
    assert first.box_xywh == pytest.approx((79 - 40, 59 + 6 - 40, 80, 80))
    # 0.6 of the diagonal of a head box of 6 x 8.
    assert first.reference_length == pytest.approx(6)
    assert (dataset.notes, dataset.listed_people, dataset.skeleton) == ((), 6, MPII_PERSON)
    assert load_mpii(mpii, "train").people[0].reference_length is None


def test_the_crop_is_hrnets() -> None:
    # HRNet: a square of 200 * (1.25 * scale) around the shifted centre, which lands in the middle of the crop.
    box = (79 - 40.0, 65 - 40.0, 80.0, 80.0)
    affine_23 = crop_affine(box, (256, 256), CropSettings().padding)
    corners_22 = apply_affine(affine_23, np.array([[79.0, 65.0], [79 + 50.0, 65 - 50.0]]))
    assert corners_22 == pytest.approx(np.array([[128, 128], [256, 0]]))


def test_both_layouts_say_the_same_of_the_real_people(real: Any, tmp_path: Path) -> None:
    folder = real("mpii")
    (tmp_path / "annot").mkdir()
    shutil.copy(folder / "test_mpii.json", tmp_path / "annot" / "train.json")
    shutil.copy(folder / "valid.h5", tmp_path / "annot" / "valid.h5")
    shutil.copy(folder / "detections_our_format.mat", tmp_path / "annot" / "gt_valid.mat")
    (tmp_path / "images").symlink_to(folder)
    train, val = load_mpii(tmp_path, "train", strict=True), load_mpii(tmp_path, "val")
    assert (len(train.people), val.listed_people) == (5, 2958)
    assert [np.count_nonzero(each.visibility_K) for each in train.people] == [16, 16, 14, 14, 16]
    by_joints = {tuple(np.round(each.joints_K2[9])): each for each in val.people}
    matched = [
        (each, by_joints[key]) for each in train.people if (key := tuple(np.round(each.joints_K2[9]))) in by_joints
    ]
    assert matched
    for one, other in matched:
        assert one.image_path.name == other.image_path.name
        assert one.box_xywh == pytest.approx(other.box_xywh, abs=1e-3)
        assert one.joints_K2 == pytest.approx(other.joints_K2, abs=0.01)


def whole_split(real: Any, root: Path, *, with_truth: bool) -> PoseDataset:
    """The standard validation split beside empty files that have the images' names."""
    (root / "images").mkdir(parents=True)
    shutil.copy(real("mpii/valid.h5"), root / "valid.h5")
    with h5py.File(root / "valid.h5") as file:
        for name in set(file["imgname"][:]):
            (root / "images" / name.decode()).touch()
    if with_truth:
        shutil.copy(real("mpii/detections_our_format.mat"), root / "gt_valid.mat")
    return load_mpii(root, "val", strict=True)


def test_a_run_measures_what_the_scorer_scores(real: Any, tmp_path: Path) -> None:
    dataset = whole_split(real, tmp_path, with_truth=True)
    published_NK2 = scipy.io.loadmat(real("mpii/bearpaw-hg_s2_b1.mat"))["preds"].astype(np.float64)
    joints_NK3 = np.concatenate([published_NK2 - 1, np.ones((2958, 16, 1))], axis=-1)
    order = np.random.default_rng(0).permutation(2958)
    predictions = Predictions(order, joints_NK3[order], np.ones(2958))
    found = FORMATS["mpii"].measure(dataset, predictions)
    shown = {name: round(100 * found[name], 3) for name in ("PCKh@0.5", "PCKh@0.10", "PCKh@0.11")}  # type: ignore[operator]
    assert shown == {"PCKh@0.5": 87.299, "PCKh@0.10": 23.914, "PCKh@0.11": 28.082}
    assert round(100 * found["PCKh@0.5/wrist"], 2) == 83.31  # type: ignore[operator]
    assert found["EPE"] is not None and 10 < found["EPE"] < 30
    content = FORMATS["mpii"].usual_file(dataset, predictions)
    assert content is not None
    (tmp_path / "predictions.mat").write_bytes(content)
    scored = score_mpii(tmp_path / "gt_valid.mat", tmp_path / "predictions.mat")
    assert scored["PCKh@0.5"]["mean"] == pytest.approx(100 * found["PCKh@0.5"])  # type: ignore[operator]
    part = Predictions(order[1:], joints_NK3[order[1:]], np.ones(2957))
    assert FORMATS["mpii"].usual_file(dataset, part) is None


def test_the_h5_has_head_sizes_of_its_own(real: Any, tmp_path: Path) -> None:
    with_truth = whole_split(real, tmp_path / "with", with_truth=True)
    without = whole_split(real, tmp_path / "without", with_truth=False)
    lengths = [[each.reference_length for each in dataset.people] for dataset in (with_truth, without)]
    assert lengths[0] == pytest.approx(lengths[1], abs=1e-3)


def test_absent_images_are_noted_or_refused(mpii: Path) -> None:
    (mpii / "images" / "b.png").unlink()
    dataset = load_mpii(mpii, "val")
    assert [each.annotation_id for each in dataset.people] == [1, 3, 4, 6]
    assert "1 listed images absent (b.png ...), 2 people on them left out" in dataset.notes[0]
    with pytest.raises(InputError, match="without strict"):
        load_mpii(mpii, "val", strict=True)


def test_other_data_has_another_fingerprint(mpii: Path) -> None:
    prints = [fingerprint(mpii)]
    (mpii / "images" / "unlisted.png").touch()
    assert fingerprint(mpii) == prints[0]
    (mpii / "images" / "b.png").unlink()
    prints.append(fingerprint(mpii))
    scipy.io.savemat(mpii / "annot" / "gt_valid.mat", truth_of([person(row + 1) for row in range(6)]))
    prints.append(fingerprint(mpii))
    assert len(set(prints)) == 3


def test_crops_are_squares_with_the_joints_in_them(mpii: Path) -> None:
    settings = CropSettings(input_size=(64, 64), scale=0.25, rotation=30)
    (batch,) = make_loader(load_mpii(mpii, "train"), settings, training=True, batch_size=6)
    assert batch["image_BHW3"].shape == (6, 64, 64, 3) and batch["joints_BK2"].shape == (6, 16, 2)
    assert batch["labelled_BK"].all() and not batch["unreadable_B"].any()


def change(**fields: Any) -> Any:
    return lambda people: people[1].update(fields)


MALFORMED = {
    "no list": (lambda _people: None, "not an MPII annotation file"),
    "a number": (lambda people: people.insert(1, 5), "person 1: is not a JSON object"),
    "no image": (lambda people: people[1].pop("image"), "person 1: 'image' must be a file name, found None"),
    "image elsewhere": (change(image="../images/a.png"), "person 1: 'image' '../images/a.png' is no plain file name"),
    "image of two lines": (change(image="a\nb.png"), r"person 1: 'image' 'a\\nb.png' is no plain file name"),
    "centre of three": (change(center=[1, 2, 3]), "person 1: 'center' must be a list of 2 numbers, found 3"),
    "NaN centre": (change(center=[1, float("nan")]), "person 1: 'center' must hold finite numbers, found nan"),
    "no scale": (change(scale=None), "person 1: 'scale' must hold finite numbers, found None"),
    "scale 0": (change(scale=0), "person 1: 'scale' must be positive"),
    "negative scale": (change(scale=-1.5), "person 1: 'scale' must be positive"),
    "15 joints": (change(joints=[[1, 2]] * 15), "person 1: 'joints' must be 16 pairs, found 15"),
    "a triple": (change(joints=[[1, 2, 3]] * 16), r"person 1: 'joints \(right_ankle\)' must be a list of 2 numbers"),
    "text joint": (change(joints=[["1", 2]] * 16), r"'joints \(right_ankle\)' must hold finite numbers, found '1'"),
    "huge joint": (change(joints=[[10**400, 2]] * 16), r"'joints \(right_ankle\)' must hold finite numbers"),
    "visibility 3": (change(joints_vis=[3] * 16), "person 1: 'joints_vis' must be 16 times 0 or 1"),
    "visibility of 4": (change(joints_vis=[1] * 4), "person 1: 'joints_vis' must be 16 times 0 or 1"),
    "visibility text": (change(joints_vis="1111"), "person 1: 'joints_vis' must be 16 times 0 or 1"),
    "nobody labelled": (lambda people: [each.update(joints_vis=[0] * 16) for each in people], "no person to use"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_annotations_are_named(case: str, mpii: Path) -> None:
    spoil, message = MALFORMED[case]
    people: Any = [person(row) for row in range(4)]
    spoil(people)
    path = mpii / "annot" / "train.json"
    path.write_text(json.dumps({"people": people} if case == "no list" else people))
    with pytest.raises(InputError, match=message) as caught:
        load_mpii(mpii, "train")
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b'[{"image": ', b"\xff\xfe\x00", b"[" * 200_000], ids=range(4))
def test_files_that_are_not_json_are_named(content: bytes, mpii: Path) -> None:
    (mpii / "annot" / "train.json").write_bytes(content)
    with pytest.raises(InputError, match=r"train\.json: not valid JSON .*fetch it again"):
        load_mpii(mpii, "train")


def test_a_truth_of_other_people_is_refused(mpii: Path) -> None:
    path = mpii / "annot" / "gt_valid.mat"
    scipy.io.savemat(path, truth_of([person(row) for row in range(5)]))
    with pytest.raises(InputError, match=r"gt_valid\.mat: 5 people, .*valid\.json has 6"):
        load_mpii(mpii, "val")
    scipy.io.savemat(path, truth_of([person(row) for row in (0, 4, 2, 3, 1, 5)]))
    with pytest.raises(InputError, match=r"gt_valid\.mat: person 1 is somebody else"):
        load_mpii(mpii, "val")
    path.unlink()
    with pytest.raises(InputError, match=r"gt_valid\.mat: no such file; PCKh needs the head boxes"):
        load_mpii(mpii, "val")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("part", np.zeros((6, 14, 2)), r"'part' must be \(6, 16, 2\) for 6 people, found \(6, 14, 2\)"),
        ("center", np.zeros((5, 2)), r"'center' must be \(6, 2\)"),
        ("scale", np.full(6, np.nan), "'scale' must hold finite numbers, found nan"),
        ("scale", np.zeros(6), "person 0: 'scale' must be positive"),
        ("normalize", np.zeros(6), "'normalize' must hold one positive head size per person"),
        ("imgname", np.array([b"../a.png"] * 6), "person 0: 'image' '../a.png' is no plain file name"),
        ("imgname", None, "there is no array 'imgname'"),
    ],
)
def test_malformed_h5_files_are_named(name: str, value: Any, message: str, mpii: Path) -> None:
    good = {
        "imgname": np.array([b"a.png"] * 6),
        "part": np.ones((6, 16, 2)),
        "center": np.full((6, 2), 60.0),
        "scale": np.ones(6),
        "normalize": np.ones(6),
    }
    (mpii / "annot" / "train.json").unlink()
    with h5py.File(mpii / "annot" / "train.h5", "w") as file:
        for key, array in {**good, name: value}.items():
            if array is not None:
                file[key] = array
    with pytest.raises(InputError, match=message) as caught:
        load_mpii(mpii, "train")
    assert "train.h5: " in str(caught.value) and "\n" not in str(caught.value)


def test_missing_folders_and_files_are_named(mpii: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: neither annot/train\.json nor annot/train\.h5 is there"):
        load_mpii(mpii / "nowhere", "train")
    for path in (mpii / "images").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"no person to use .*3 listed images absent"):
        load_mpii(mpii, "train")
