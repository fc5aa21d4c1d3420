"""2.5D hands: the real samples project to their pixels, and every hand comes back from its relative depths."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from heatmark.datasets.hand_depth import from_relative_depth, project, to_relative_depth

CAMERA_33 = np.array([[290.0, 0, 158], [0, 295, 163], [0, 0, 1]])


def test_the_real_samples_project_to_their_pixels(real: Any) -> None:
    content = json.loads(real("rhd/test_rhd.json").read_bytes())
    cameras = {image["id"]: image["cam_param"] for image in content["images"]}
    for hand in content["annotations"]:
        (fx, fy), (cx, cy) = cameras[hand["image_id"]]["focal"], cameras[hand["image_id"]]["princpt"]
        camera_33 = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        xyz_K3 = np.array(hand["joint_cam"])
        assert project(xyz_K3, camera_33) == pytest.approx(np.array(hand["keypoints"])[:, :2], abs=0.08)
        uvz_K3, length = to_relative_depth(xyz_K3, camera_33)
        # An adult's hand in millimetres.
        assert 60 < length < 130
        assert from_relative_depth(uvz_K3, camera_33, length) == pytest.approx(xyz_K3, abs=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_the_round_trip_is_exact(seed: int) -> None:
    random = np.random.default_rng(seed)
    xyz_K3 = random.uniform([-0.3, -0.3, 0.4], [0.3, 0.3, 0.9], (1, 3)) + random.normal(0, 0.05, (21, 3))
    uvz_K3, length = to_relative_depth(xyz_K3, CAMERA_33)
    assert uvz_K3[0, 2] == 0
    assert from_relative_depth(uvz_K3, CAMERA_33, length) == pytest.approx(xyz_K3, abs=1e-9)
    # Another root, another bone and another unit of length.
    uvz_K3, length = to_relative_depth(1000 * xyz_K3, CAMERA_33, root=12, bone=(12, 11))
    assert from_relative_depth(uvz_K3, CAMERA_33, length, bone=(12, 11)) == pytest.approx(1000 * xyz_K3, abs=1e-6)


def test_a_bone_by_hand() -> None:
    # Focal length 1: a bone of 1 across the view at a depth of 5, its ends at x = -0.1 and 0.1.
    uvz_K3 = np.array([[-0.1, 0, 0], [0.1, 0, 0]])
    found = from_relative_depth(uvz_K3, np.eye(3), length=2.0, bone=(0, 1))
    assert found == pytest.approx(np.array([[-1.0, 0, 10], [1, 0, 10]]))


def test_depths_that_no_bone_has_give_numbers_all_the_same() -> None:
    uvz_K3 = np.array([[0.0, 0, 0], [0.1, 0, 9]])
    assert np.isfinite(from_relative_depth(uvz_K3, np.eye(3), 1.0, bone=(0, 1))).all()
    assert np.isfinite(from_relative_depth(np.zeros((2, 3)), np.eye(3), 1.0, bone=(0, 1))).all()
