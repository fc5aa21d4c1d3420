"""The three real pictures of RHD with their joints, laid out as the native tree that they came from."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from heatmark.datasets.check import check
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.formats import FORMATS
from heatmark.datasets.hand_depth import project, relative_depth
from heatmark.datasets.metrics.hand_space import xyz_of
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.predictions import Predictions
from heatmark.datasets.rhd import load_rhd
from heatmark.workloads.contact_sheet import contact_sheet


@pytest.fixture
def hands(real: Any, tmp_path: Path) -> PoseDataset:
    """Mask and depth map, which could not be had, show a disc at each joint of the annotated hand."""
    content = json.loads(real("rhd/test_rhd.json").read_bytes())
    cameras = {image["id"]: image["cam_param"] for image in content["images"]}
    records: dict[str, dict[int, Any]] = {"training": {}, "evaluation": {}}
    for annotation in content["annotations"]:
        number, side = annotation["image_id"], int(annotation["hand_type"] == "right")
        camera_33 = np.eye(3)
        camera_33[[0, 1], [0, 1]], camera_33[:2, 2] = cameras[number]["focal"], cameras[number]["princpt"]
        uv_vis, xyz = np.zeros((2, 21, 3)), np.ones((2, 21, 3))
        uv_vis[side], xyz[side] = annotation["keypoints"], np.array(annotation["joint_cam"]) / 1000
        mask, depth = np.zeros((320, 320), np.uint8), np.full((320, 320), 65535)
        for (u, v), z in zip(uv_vis[side, :, :2], xyz[side, :, 2], strict=True):
            cv2.circle(mask, (round(u), round(v)), 5, 2 + 16 * side, -1)
            depth[round(v), round(u)] = round(z / 5 * 65535)
        for split, known in records.items():
            known[number] = {"uv_vis": uv_vis.reshape(42, 3), "xyz": xyz.reshape(42, 3), "K": camera_33}
            pictures = {"mask": mask, "depth": np.stack([depth * 0, depth % 256, depth // 256], -1).astype(np.uint8)}
            for part in ("color", *pictures):
                (tmp_path / split / part).mkdir(parents=True, exist_ok=True)
            for part, picture in pictures.items():
                cv2.imwrite(str(tmp_path / split / part / f"{number:05d}.png"), picture)
            shutil.copy(real(f"rhd/{number:05d}.png"), tmp_path / split / "color")
    for split, known in records.items():
        (tmp_path / split / f"anno_{split}.pickle").write_bytes(pickle.dumps(known, protocol=2))
    return load_rhd(tmp_path, "val")


def test_real_hands_are_sound_people(hands: PoseDataset) -> None:
    assert [person.image_id for person in hands.people] == [111, 1111, 11111]
    assert check(hands.annotation_file.parent.parent).defects == ()
    for person in hands.people:
        assert person.hand is not None and (person.visibility_K == 2).all()
        assert project(person.hand.xyz_K3, person.hand.camera_33) == pytest.approx(person.joints_K2, abs=0.08)
        # The square around the base of the middle finger holds every joint.
        x, y, side, _ = person.box_xywh
        assert (person.joints_K2 >= [x - 1e-6, y - 1e-6]).all()
        assert (person.joints_K2 <= [x + side + 1e-6, y + side + 1e-6]).all()
        assert 90 < np.linalg.norm(person.hand.xyz_K3[8] - person.hand.xyz_K3[0]) < 100
    assert contact_sheet(hands, CropSettings(input_size=(256, 256)), 3).shape == (3 * 224, 6 * 224, 3)


def test_real_hands_come_back_from_25d_within_a_millimetre(hands: PoseDataset) -> None:
    """Pixels are annotated to 0.08 px of the projection, and the depth of the root is worked out from pixels."""
    joints_NK3 = np.stack([np.column_stack([person.joints_K2, np.ones(21)]) for person in hands.people])
    depth_NK = np.stack([relative_depth(person) for person in hands.people])
    predictions = Predictions(np.arange(3), joints_NK3, np.ones(3), depth_NK=depth_NK)
    found = FORMATS["rhd"].measure(hands, predictions)
    assert found["EPE"] == 0 and found["PCK@0.2"] == 1
    assert found["EPE mm"] is not None and found["EPE mm"] < 1 and found["AUC@20-50mm"] == 1
    assert np.isfinite(xyz_of(hands, predictions)).all()
