"""PCKh: values worked out by hand, and the published numbers of published predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from heatmark.datasets.formats import score
from heatmark.datasets.metrics.pckh import head_sizes, pck, pckh, relative_errors
from heatmark.datasets.metrics.score_mpii import score_mpii
from heatmark.datasets.mpii_files import SHORT_NAMES
from heatmark.foundation.errors import InputError

PEOPLE = 20
# What bearpaw printed for hg_s2_b1, in the order of its table.
PRINTED = {
    "head": 95.80,
    "shoulder": 94.57,
    "elbow": 88.12,
    "wrist": 83.31,
    "hip": 86.24,
    "knee": 80.88,
    "ankle": 77.44,
}


def truth_arrays(people: int = PEOPLE) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "pos_gt_src": random.uniform(10, 500, (16, 2, people)),
        "jnt_missing": (random.random((16, people)) < 0.2).astype(np.uint8),
        "headboxes_src": np.stack([np.full((2, people), 100.0), np.tile([[130.0], [140.0]], people)]),
        "dataset_joints": np.array([SHORT_NAMES], dtype=object),
    }


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "gt_valid.mat"
    scipy.io.savemat(path, truth_arrays())
    return path


def perfect_N162() -> np.ndarray:
    return np.asarray(truth_arrays()["pos_gt_src"]).transpose(2, 0, 1)


def test_the_length_is_six_tenths_of_the_head_boxes_diagonal() -> None:
    assert head_sizes(np.array([[[100.0, 100.0], [130.0, 140.0]]])).tolist() == pytest.approx([30.0])


def test_groups_and_means_by_hand() -> None:
    # Two people of length 10. Everything exact, but for: the right wrist of both off by 6, of which one is not
    # labelled; pelvis and thorax far off; the neck of the first off by 5, which is on the limit and counts.
    true_NK2, predicted_NK2, labelled_NK = np.zeros((2, 16, 2)), np.zeros((2, 16, 2)), np.ones((2, 16))
    predicted_NK2[:, 10] = [0, 6]
    labelled_NK[1, 10] = 0
    predicted_NK2[:, [6, 7]] = 1000
    predicted_NK2[0, 8] = [3, 4]
    errors_NK = relative_errors(predicted_NK2, true_NK2, np.array([10.0, 10.0]))
    found = pckh(errors_NK, labelled_NK, 0.5)
    assert found["wrist"] == 0.5 and found["head"] == found["elbow"] == found["ankle"] == 1
    assert found["mean"] == pytest.approx(26 / 27) and found["plain_mean"] == pytest.approx(13 / 14)
    assert pck(errors_NK, labelled_NK, 0.5) == pytest.approx((31 - 5) / 31)
    assert set(pckh(errors_NK, np.zeros((2, 16)), 0.5).values()) == {None}
    assert pck(errors_NK, np.zeros((2, 16)), 0.5) is None


def test_the_published_predictions_score_what_was_published(real: Any) -> None:
    found = score_mpii(real("mpii/detections_our_format.mat"), real("mpii/bearpaw-hg_s2_b1.mat"))
    assert {name: round(found["PCKh@0.5"][name], 2) for name in PRINTED} == PRINTED
    assert round(found["PCKh@0.5"]["plain_mean"], 2) == 86.76
    means = [found[f"PCKh@{threshold}"]["mean"] for threshold in ("0.5", "0.10", "0.11")]
    assert [round(mean, 3) for mean in means] == [87.299, 23.914, 28.082]


@pytest.mark.parametrize("layout", ["people first", "people last", "as the truth", "hdf5", "matlab 7.3"])
def test_predictions_may_be_laid_out_as_they_usually_are(layout: str, truth: Path, tmp_path: Path) -> None:
    path, perfect = tmp_path / "preds", perfect_N162()
    if layout == "hdf5":
        with h5py.File(path, "w") as file:
            file["preds"] = perfect
    elif layout == "matlab 7.3":
        with h5py.File(path, "w", userblock_size=512) as file:
            file["preds"] = perfect.transpose()
    else:
        axes = {"people first": (0, 1, 2), "people last": (2, 1, 0), "as the truth": (1, 2, 0)}[layout]
        scipy.io.savemat(path, {"preds": perfect.transpose(axes)}, appendmat=False)
    assert score_mpii(truth, path)["PCKh@0.10"]["mean"] == 100


@pytest.mark.parametrize("name", ["pred", "pos_pred_src"])
@pytest.mark.parametrize("sure", [False, True])
def test_predictions_under_other_names_and_with_confidences_are_read_and_said(
    name: str, sure: bool, truth: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    perfect = perfect_N162()
    found = np.concatenate([perfect, np.full((len(perfect), 16, 1), 0.7)], axis=2) if sure else perfect
    scipy.io.savemat(tmp_path / "found.mat", {name: found})
    assert score_mpii(truth, tmp_path / "found.mat")["PCKh@0.10"]["mean"] == 100
    assert f"found.mat: the predictions are taken from {name}" in caplog.text
    assert ("taken for its confidence" in caplog.text) == sure


@pytest.mark.parametrize("people", [1, 2, 3, 16])
def test_few_people_come_first_where_both_ways_are_one_shape(people: int, tmp_path: Path) -> None:
    arrays = truth_arrays(people)
    scipy.io.savemat(tmp_path / "few.mat", arrays)
    scipy.io.savemat(tmp_path / "preds.mat", {"preds": arrays["pos_gt_src"].transpose(2, 0, 1)})
    assert score_mpii(tmp_path / "few.mat", tmp_path / "preds.mat")["PCKh@0.10"]["mean"] == 100


def test_published_coordinates_count_from_one(truth: Path, tmp_path: Path) -> None:
    # A head of 30: 0.1 of it is 3.0 px. Both are 2.2 px off in x and y, 3.1 px in all; with the base mended, 1.7 px.
    scipy.io.savemat(tmp_path / "from_zero.mat", {"preds": perfect_N162() - 1})
    scipy.io.savemat(tmp_path / "far.mat", {"preds": perfect_N162() - [2.2, 2.2]})
    assert score("mpii", truth, tmp_path / "from_zero.mat", zero_based=True)["PCKh@0.10"]["mean"] == 100
    assert score("mpii", truth, tmp_path / "far.mat")["PCKh@0.10"]["mean"] == 0
    assert score("mpii", truth, tmp_path / "far.mat", zero_based=True)["PCKh@0.10"]["mean"] == 100
    with pytest.raises(InputError, match="--zero-based says nothing here"):
        score("coco", truth, truth, zero_based=True)


PREDICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "too few people": ({"preds": np.zeros((PEOPLE - 1, 16, 2))}, r"'preds' must be 20 x 16 x 2 .*, found 19 x 16 x 2"),
    "too few joints": (
        {"preds": np.zeros((PEOPLE, 14, 2))},
        r"'preds' must be 20 x 16 x 2 or 2 x 16 x 20 .*20 x 14 x 2",
    ),
    "four numbers": ({"preds": np.zeros((PEOPLE, 16, 4))}, r"found 20 x 16 x 4"),
    "flat": ({"preds": np.zeros((PEOPLE, 32))}, r"found 20 x 32"),
    "other name": ({"poses": np.zeros((PEOPLE, 16, 2))}, "there is no array 'preds'; it holds poses; give a file with"),
    "not a number": (
        {"preds": np.full((PEOPLE, 16, 2), np.nan)},
        r"'preds' must hold finite numbers, found nan at \[0",
    ),
    "huge": (
        {"preds": np.full((PEOPLE, 16, 2), 1e200)},
        r"'preds' must hold finite numbers, found 1e\+200 at \[0, 0, 0\]",
    ),
    "infinite": ({"preds": np.full((PEOPLE, 16, 2), np.inf)}, "'preds' must hold finite numbers, found inf"),
    "complex": ({"preds": np.full((PEOPLE, 16, 2), 1j)}, "'preds' must hold numbers, found complex128"),
    "text": ({"preds": "here"}, "'preds' must hold numbers"),
    "cells": ({"preds": np.array([[1, "a"]], dtype=object)}, "'preds' must hold numbers"),
}


@pytest.mark.parametrize("case", PREDICTIONS)
def test_predictions_that_are_none_are_named(case: str, truth: Path, tmp_path: Path) -> None:
    content, message = PREDICTIONS[case]
    path = tmp_path / "preds.mat"
    scipy.io.savemat(path, content)
    assert_refused(truth, path, message, path)


def spoiled(name: str, change: Any) -> dict[str, Any]:
    content = truth_arrays()
    content[name] = change(content[name])
    return {key: value for key, value in content.items() if value is not None}


def without_head(boxes: np.ndarray) -> np.ndarray:
    boxes = boxes.copy()
    boxes[1, :, 7] = boxes[0, :, 7]
    return boxes


TRUTHS = {
    "no head boxes": (spoiled("headboxes_src", lambda _: None), "there is no array 'headboxes_src'"),
    "an empty head box": (spoiled("headboxes_src", without_head), "the head box of person 7 is empty"),
    "other count": (spoiled("jnt_missing", lambda a: a[:, 1:]), r"'jnt_missing' must be 16 x people, found \(16, 19\)"),
    "missing 2": (spoiled("jnt_missing", lambda a: a + 1), "'jnt_missing' must hold 0 or 1, found 2"),
    "NaN": (spoiled("pos_gt_src", lambda a: a * np.nan), "'pos_gt_src' must hold finite numbers"),
    "transposed": (spoiled("pos_gt_src", lambda a: a.transpose()), r"'pos_gt_src' must be 16 x 2 x people, found"),
    "other order": (spoiled("dataset_joints", lambda a: a[:, ::-1]), "'dataset_joints' is not MPII's order"),
    "predictions": ({"preds": perfect_N162()}, "there is no array 'pos_gt_src'; it holds preds"),
}


@pytest.mark.parametrize("case", TRUTHS)
def test_a_truth_that_is_none_is_named(case: str, tmp_path: Path) -> None:
    content, message = TRUTHS[case]
    path = tmp_path / "gt_valid.mat"
    scipy.io.savemat(path, content)
    assert_refused(path, tmp_path / "unread.mat", message, path)


@pytest.mark.parametrize("kind", ["mat", "h5", "matlab 7.3"])
@pytest.mark.parametrize("kept", [0.0, 0.2, 0.9])
def test_files_cut_short_are_named(kind: str, kept: float, truth: Path, tmp_path: Path) -> None:
    path = tmp_path / "preds"
    if kind == "mat":
        scipy.io.savemat(path, {"preds": perfect_N162()}, appendmat=False)
    else:
        with h5py.File(path, "w", userblock_size=0 if kind == "h5" else 512) as file:
            file["preds"] = perfect_N162()
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert_refused(truth, path, "not a MATLAB or HDF5 file .*fetch it again", path)


def test_files_that_are_not_there_or_not_files_are_named(truth: Path, tmp_path: Path) -> None:
    assert_refused(truth, tmp_path / "none.mat", "cannot be read", tmp_path / "none.mat")
    assert_refused(tmp_path, truth, "cannot be read", tmp_path)
    (tmp_path / "text.mat").write_text("no arrays here " * 50)
    assert_refused(truth, tmp_path / "text.mat", "not a MATLAB or HDF5 file", tmp_path / "text.mat")


def assert_refused(truth: Path, predictions: Path, message: str, named: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        score_mpii(truth, predictions)
    assert str(caught.value).startswith(f"{named}: ") and "\n" not in str(caught.value)
