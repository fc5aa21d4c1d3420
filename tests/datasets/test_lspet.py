"""LSPET's files in: the real photographs with their fixed split, and every way the files can be broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.io

from heatmark.datasets.formats import FORMATS, score
from heatmark.datasets.lspet import fingerprint, load_joints, load_lspet, split_of, torso_lengths
from heatmark.datasets.metrics.score_lspet import score_lspet
from heatmark.datasets.predictions import Predictions
from heatmark.datasets.skeletons import LSP_PERSON
from heatmark.foundation.errors import InputError

IMAGES = 903


def joints_143N(images: int = IMAGES) -> np.ndarray:
    """The first is at (10 + joint, 20 + 2 * joint), the next one pixel further right, and so on; all labelled."""
    joint, image = np.mgrid[:14, :images]
    return np.stack([10.0 + joint + image, 20.0 + 2 * joint, np.ones((14, images))], axis=1)


def write(root: Path, joints: Any) -> Path:
    (root / "images").mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(root / "joints.mat", {"joints": joints})
    for number in (1, 2, 3, 901, 902):
        cv2.imwrite(str(root / "images" / f"im{number:05d}.jpg"), np.full((100, 120, 3), 90, np.uint8))
    return root


@pytest.fixture
def lspet(tmp_path: Path) -> Path:
    return write(tmp_path / "lspet", joints_143N())


def test_the_skeleton_is_the_readmes(real: Any) -> None:
    text = real("lspet/README.txt").read_text()
    lines = [line.strip().lower().replace(" ", "_") for line in text.splitlines()]
    first = lines.index("right_ankle")
    assert tuple(lines[first : first + 14]) == LSP_PERSON.joints
    for joint, mirrored in zip(LSP_PERSON.joints, LSP_PERSON.mirrored_order, strict=True):
        assert LSP_PERSON.joints[mirrored] == joint.replace("left", "?").replace("right", "left").replace("?", "right")


def test_the_split_is_fixed_by_the_number_of_an_image() -> None:
    assert [split_of(number) for number in (1, 900, 901, 1000, 1001, 1900, 1901)] == [
        *("train", "train", "val", "val", "train", "train", "val")
    ]
    assert sum(split_of(number) == "val" for number in range(1, 10_001)) == 1000


def test_the_real_photographs(real: Any) -> None:
    train, val = load_lspet(real("lspet"), "train"), load_lspet(real("lspet"), "val")
    assert (len(train.people), len(val.people)) == (4500, 500)
    assert not {each.image_id for each in train.people} & {each.image_id for each in val.people}
    assert "4500 listed images absent (im05001.jpg ...)" in train.notes[0]
    first = train.people[0]
    assert (first.image_id, first.image_path.name) == (1, "im00001.jpg")
    assert np.count_nonzero(first.visibility_K) == 13
    # README: the annotated person is roughly 150 pixels long.
    lengths = [np.hypot(*each.box_xywh[2:]) for each in train.people]
    assert 110 < np.median(lengths) < 170
    with pytest.raises(InputError, match="without strict"):
        load_lspet(real("lspet"), "val", strict=True)


def test_people_their_boxes_and_torsos(lspet: Path) -> None:
    dataset = load_lspet(lspet, "train")
    assert [each.image_id for each in dataset.people] == [1, 2, 3]
    assert [each.image_id for each in load_lspet(lspet, "val").people] == [901, 902]
    second = dataset.people[1]
    assert second.box_xywh == (11, 20, 13, 26)
    # Left shoulder, joint 9, to right hip, joint 2: 7 right and 14 down.
    assert second.reference_length == pytest.approx(np.hypot(7, 14))
    assert dataset.listed_people == 900 and "897 listed images absent (im00004.jpg ...)" in dataset.notes[0]


def test_a_torso_without_one_diagonal_has_the_other(lspet: Path) -> None:
    joints = joints_143N()
    joints[9, 2, 0] = joints[[8, 9], 2, 1] = 0
    annotations = load_joints(write(lspet, joints))
    lengths = torso_lengths(annotations)
    assert lengths[[0, 2]] == pytest.approx([np.hypot(5, 10), np.hypot(7, 14)])
    assert np.isnan(lengths[1]) and load_lspet(lspet, "train").people[1].reference_length is None


def test_people_without_an_extent_are_left_out_and_noted(lspet: Path) -> None:
    joints = joints_143N()
    joints[1:, 2, 0] = 0
    joints[:, 2, 1] = 0
    assert [each.image_id for each in load_lspet(write(lspet, joints), "train").people] == [3]
    assert "2 people with fewer than two joints apart left out (image 1 ...)" in load_lspet(lspet, "train").notes[1]


def test_a_run_measures_what_the_scorer_scores(lspet: Path) -> None:
    dataset = load_lspet(lspet, "train")
    true_NK2 = np.stack([each.joints_K2 for each in dataset.people])
    joints_NK3 = np.concatenate([true_NK2 + np.array([3.0, 0.0]), np.ones((3, 14, 1))], axis=-1)
    joints_NK3[2, 6, 0] += 20
    predictions = Predictions(np.array([0, 1, 2]), joints_NK3, np.ones(3))
    found = FORMATS["lspet"].measure(dataset, predictions)
    # 3 px of a torso of 15.7 px are 0.19 of it; one wrist of three is 23 px off.
    assert found["PCK@0.2"] == pytest.approx(41 / 42) and found["PCK@0.1"] == 0
    assert found["PCK@0.2/wrist"] == pytest.approx((2 / 3 + 1) / 2) and found["PCK@0.2/knee"] == 1
    assert found["EPE"] == pytest.approx((41 * 3 + 23) / 42)
    content = FORMATS["lspet"].usual_file(dataset, predictions)
    assert content is not None
    (lspet / "predictions.mat").write_bytes(content)
    scored = score("lspet", lspet / "joints.mat", lspet / "predictions.mat")
    assert scored["PCK@0.2"]["mean"] == pytest.approx(100 * 41 / 42) and scored["EPE"] == pytest.approx(found["EPE"])
    assert score("lspet", lspet, lspet / "predictions.mat") == scored


def test_all_images_may_be_scored_at_once(lspet: Path) -> None:
    for layout in ((2, 0, 1), (1, 0, 2)):
        preds = joints_143N()[:, :2].transpose(layout)
        scipy.io.savemat(lspet / "all.mat", {"preds": preds})
        scored = score_lspet(lspet / "joints.mat", lspet / "all.mat")
        assert scored["PCK@0.1"]["mean"] == 100 and scored["EPE"] == 0


def test_two_people_come_first(lspet: Path) -> None:
    preds = joints_143N()[:, :2, [4, 7]].transpose(2, 0, 1)
    scipy.io.savemat(lspet / "two.mat", {"preds": preds, "image_numbers": [5, 8]})
    assert score_lspet(lspet / "joints.mat", lspet / "two.mat")["EPE"] == 0


def test_other_data_has_another_fingerprint(lspet: Path) -> None:
    prints = [fingerprint(lspet)]
    (lspet / "images" / "im00002.jpg").unlink()
    prints.append(fingerprint(lspet))
    write(lspet, joints_143N() + np.array([1.0, 0, 0])[None, :, None])
    prints.append(fingerprint(lspet))
    assert len(set(prints)) == 3


def spoiled(joint: int, coordinate: int, image: int, value: float) -> np.ndarray:
    joints = joints_143N()
    joints[joint, coordinate, image] = value
    return joints


MALFORMED = {
    "transposed": (joints_143N().transpose(2, 0, 1), r"'joints' must be 14 x 3 x images, found \(903, 14, 3\)"),
    "LSP's own": (joints_143N().transpose(1, 0, 2), r"'joints' must be 14 x 3 x images, found \(3, 14, 903\)"),
    "label 2": (spoiled(3, 2, 4, 2), "image 5, left_hip: the label must be 0 or 1, found .*, 2"),
    "label 0.5": (spoiled(3, 2, 4, 0.5), "image 5, left_hip: the label must be 0 or 1"),
    "NaN": (spoiled(3, 0, 4, np.nan), r"'joints' must hold finite numbers, found nan at \[3, 0, 4\]"),
    "huge": (spoiled(3, 1, 4, -1e9), "image 5, left_hip: no image is that large"),
    "text": ("joints", "'joints' must hold numbers"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_joints_are_named(case: str, lspet: Path) -> None:
    joints, message = MALFORMED[case]
    with pytest.raises(InputError, match=message) as caught:
        load_lspet(write(lspet, joints), "train")
    assert str(caught.value).startswith(f"{lspet / 'joints.mat'}: ") and "\n" not in str(caught.value)


PREDICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "13 joints": ({"preds": np.zeros((3, 13, 2))}, r"'preds' must be people x 14 x 2 .*found \(3, 13, 2\)"),
    "a part without numbers": ({"preds": np.zeros((3, 14, 2))}, "3 people for 903 images; .*add 'image_numbers'"),
    "too few numbers": ({"preds": np.zeros((3, 14, 2)), "image_numbers": [1, 2]}, "'image_numbers' must be one whole"),
    "twice": ({"preds": np.zeros((3, 14, 2)), "image_numbers": [1, 2, 2]}, "'image_numbers' must be .*none twice"),
    "from zero": ({"preds": np.zeros((3, 14, 2)), "image_numbers": [0, 1, 2]}, "'image_numbers' must be .*from 1"),
    "too large": ({"preds": np.zeros((3, 14, 2)), "image_numbers": [1, 2, 904]}, "'image_numbers' must be .*to 903"),
    "NaN": ({"preds": np.full((3, 14, 2), np.nan)}, "'preds' must hold finite numbers"),
    "none": ({"predictions": np.zeros((3, 14, 2))}, "there is no array 'preds'"),
}


@pytest.mark.parametrize("case", PREDICTIONS)
def test_predictions_that_are_none_are_named(case: str, lspet: Path) -> None:
    content, message = PREDICTIONS[case]
    scipy.io.savemat(lspet / "preds.mat", content)
    with pytest.raises(InputError, match=message) as caught:
        score_lspet(lspet / "joints.mat", lspet / "preds.mat")
    assert str(caught.value).startswith(f"{lspet / 'preds.mat'}: ") and "\n" not in str(caught.value)


def test_missing_folders_and_files_are_named(lspet: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere/joints\.mat: cannot be read"):
        load_lspet(lspet / "nowhere", "train")
    for path in (lspet / "images").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"no person to use in train .*900 listed images absent"):
        load_lspet(lspet, "train")
    (lspet / "images").rmdir()
    with pytest.raises(InputError, match=r"images: cannot list the image folder"):
        load_lspet(lspet, "train")
    content = (lspet / "joints.mat").read_bytes()
    (lspet / "joints.mat").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"not a MATLAB or HDF5 file .*fetch it again"):
        load_lspet(lspet, "train")
