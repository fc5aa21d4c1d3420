"""2.5D from the files to the metrics: the depth a crop carries, and predictions put back into millimetres."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from heatmark.datasets.coco import load_coco
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.formats import FORMATS, score
from heatmark.datasets.hand_depth import INDEX_BASE, WRIST, relative_depth
from heatmark.datasets.loader import PersonCrops, collate
from heatmark.datasets.metrics.hand_space import space_errors, space_scores, xyz_of
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.predictions import Predictions
from heatmark.datasets.rhd import load_rhd
from tests.rhd_tree import CAMERA_33, write_rhd


@pytest.fixture
def hands(tmp_path: Path) -> PoseDataset:
    write_rhd(tmp_path / "rhd")
    return load_rhd(tmp_path / "rhd", "val")


def perfect(hands: PoseDataset) -> Predictions:
    joints_NK3 = np.stack([np.column_stack([person.joints_K2, np.ones(21)]) for person in hands.people])
    depth_NK = np.stack([relative_depth(person) for person in hands.people])
    return Predictions(np.arange(len(hands.people)), joints_NK3, np.ones(len(hands.people)), depth_NK=depth_NK)


def test_a_crop_carries_the_same_depths_however_it_is_turned(hands: PoseDataset) -> None:
    plain = PersonCrops(hands, CropSettings(input_size=(64, 64)), training=False, seed=0)[0, 0]
    # The drawn fingers bend by 5 mm a joint over bones of 90 mm to the base of the index finger.
    assert plain["depth_K"][1:5] * 90 == pytest.approx([15, 10, 5, 0]) and plain["depth_K"][WRIST] == 0
    varied = PersonCrops(hands, CropSettings(input_size=(64, 64), rotation=90.0), training=True, seed=0)
    crops = [varied[epoch, 0] for epoch in range(8)]
    assert len({crop["joints_K2"][1, 0] > crop["joints_K2"][17, 0] for crop in crops}) == 2
    assert all(crop["depth_K"].tolist() == plain["depth_K"].tolist() for crop in crops)
    assert collate(crops)["depth_BK"].shape == (8, 21)


def test_people_who_are_not_in_3d_have_no_depth(coco: Any) -> None:
    crop = PersonCrops(load_coco(coco.root, "train"), CropSettings(), training=False, seed=0)[0, 0]
    assert crop["depth_K"].tolist() == [0.0] * 17


def test_what_is_right_in_25d_is_right_in_millimetres(hands: PoseDataset) -> None:
    predictions = perfect(hands)
    true_NK3 = np.stack([person.hand.xyz_K3 for person in hands.people if person.hand is not None])
    assert xyz_of(hands, predictions) == pytest.approx(true_NK3, abs=1e-6)
    found = FORMATS["rhd"].measure(hands, predictions)
    assert found["EPE mm"] == pytest.approx(0, abs=1e-6)
    assert found["AUC@20-50mm"] == 1
    # A threshold of 0 mm is met by no rounded number: at most half a step of 19 is lost to it.
    assert found["AUC@0-50mm"] == pytest.approx(1, abs=0.5 / 19)
    without = Predictions(predictions.person_N, predictions.joints_NK3, predictions.score_N)
    assert not {"EPE mm", "AUC@20-50mm", "AUC@0-50mm"} & set(FORMATS["rhd"].measure(hands, without))


def test_a_depth_that_is_off_moves_the_joint_along_its_ray(hands: PoseDataset) -> None:
    predictions = perfect(hands)
    assert predictions.depth_NK is not None
    predictions.depth_NK[0, 5] += 0.2
    ray_3 = np.linalg.inv(CAMERA_33) @ [*hands.people[0].joints_K2[5], 1.0]
    hand = hands.people[0].hand
    assert hand is not None
    bone = np.linalg.norm(hand.xyz_K3[INDEX_BASE] - hand.xyz_K3[WRIST])
    error_NK = space_errors(xyz_of(hands, predictions), xyz_of(hands, perfect(hands)))
    assert error_NK[0, 5] == pytest.approx(0.2 * bone * np.linalg.norm(ray_3))
    assert np.delete(error_NK.ravel(), 5).max() < 1e-6


def test_the_wrist_is_laid_on_the_wrist() -> None:
    true_NK3 = np.random.default_rng(0).uniform(0, 500, (3, 21, 3))
    assert space_errors(true_NK3 + 200, true_NK3).max() < 1e-9


def test_scores_in_millimetres_by_hand() -> None:
    true_NK3 = np.zeros((2, 21, 3))
    predicted_NK3 = true_NK3.copy()
    predicted_NK3[:, 1:, 2] = 35
    found = space_scores(predicted_NK3, true_NK3)
    assert found["EPE mm"] == pytest.approx(35 * 20 / 21)
    # Thresholds of 50 i / 19: the first not below 35 is the fourteenth. Of 20 + 30 i / 19: the tenth. The
    # wrist is right.
    assert found["AUC@0-50mm"] == pytest.approx((20 * (19 - 14 + 0.5) / 19 + 1) / 21)
    assert found["AUC@20-50mm"] == pytest.approx((20 * (19 - 10 + 0.5) / 19 + 1) / 21)


def test_the_file_of_a_run_with_depth_is_scored_in_millimetres(hands: PoseDataset, tmp_path: Path) -> None:
    predictions = perfect(hands)
    assert predictions.depth_NK is not None
    predictions.depth_NK[1] += np.random.default_rng(0).normal(0, 0.3, 21)
    order = np.array([2, 0, 3, 1])
    shuffled = Predictions(
        order, predictions.joints_NK3[order], predictions.score_N, depth_NK=predictions.depth_NK[order]
    )
    content = FORMATS["rhd"].usual_file(hands, shuffled)
    assert content is not None
    (tmp_path / "preds.mat").write_bytes(content)
    assert scipy.io.loadmat(tmp_path / "preds.mat")["preds_xyz"].shape == (4, 21, 3)
    scored, found = score("rhd", hands.annotation_file, tmp_path / "preds.mat"), FORMATS["rhd"].measure(hands, shuffled)
    for name in ("EPE mm", "AUC@20-50mm", "AUC@0-50mm"):
        assert scored["all"][name] == pytest.approx(found[name]) and name not in scored["flagged"]
