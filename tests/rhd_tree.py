"""A folder in RHD's native layout: flat hands at known depths, every odd joint 20 mm behind the surface seen there."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIZE = 320
CAMERA_33 = np.array([[290.0, 0, 160], [0, 290, 160], [0, 0, 1]])
# Fingers from the thumb on: direction in degrees, and the distance of tip, middle joints and base from the wrist.
FINGERS = ((150, (0.10, 0.08, 0.055, 0.03)), *((angle, (0.18, 0.155, 0.13, 0.09)) for angle in (110, 90, 75, 60)))


def hand_xyz(wrist: tuple[float, float, float], turn_deg: float, *, left: bool) -> np.ndarray:
    """xyz_K3 in metres: fingers spread in a plane, their tips bent 5 mm away from the camera per joint."""
    joints = [np.zeros(3)]
    for angle, distances in FINGERS:
        radians = np.radians((180 - angle if left else angle) + turn_deg)
        for bend, distance in zip((3, 2, 1, 0), distances, strict=True):
            joints.append(np.array([distance * np.cos(radians), -distance * np.sin(radians), 0.005 * bend]))
    return np.asarray(np.stack(joints) + np.array(wrist))


def write_rhd(root: Path, train: int = 4, val: int = 4) -> Path:
    """Images numbered from 0. The left hand is dominant on the even ones. Returns the evaluation split's pickle."""
    for folder, count in (("training", train), ("evaluation", val)):
        records = {number: write_image(root / folder, number) for number in range(count)}
        (root / folder / f"anno_{folder}.pickle").write_bytes(pickle.dumps(records, protocol=2))
    return root / "evaluation" / "anno_evaluation.pickle"


def write_image(folder: Path, number: int) -> dict[str, Any]:
    """One image with its mask and depth map; returns its record. The other hand is off to the side."""
    left_first = number % 2 == 0
    random = np.random.default_rng(number)
    near = hand_xyz((random.uniform(-0.05, 0.05), 0.08, 0.6), random.uniform(-30, 30), left=left_first)
    far = hand_xyz((0.25, 0.3, 1.5), 0.0, left=not left_first)
    xyz_NK3 = np.stack([near, far] if left_first else [far, near])
    uv_NK3 = xyz_NK3 @ CAMERA_33.T
    uv_NK2 = uv_NK3[..., :2] / uv_NK3[..., 2:]
    image, mask = random.integers(0, 90, (SIZE, SIZE, 3)).astype(np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    depth = np.full((SIZE, SIZE), 5.0)
    for side, first_part in ((0, 2), (1, 18)):
        for joint, (u, v) in enumerate(uv_NK2[side].tolist()):
            place = (round(u), round(v))
            cv2.circle(mask, place, 6, first_part + joint % 16, -1)
            cv2.circle(image, place, 6, (200 - 5 * joint, 40 + 10 * joint, 120), -1)
    for joint, (u, v) in enumerate(uv_NK2[0 if left_first else 1].tolist()):
        depth[round(v), round(u)] = near[joint, 2] - (0.02 if joint % 2 else 0.001)
    value = np.rint(depth / 5 * 65535).astype(int)
    pictures = {"color": image, "mask": mask, "depth": np.stack([value * 0, value % 256, value // 256], axis=-1)}
    for part, picture in pictures.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / part / f"{number:05d}.png"), picture.astype(np.uint8))
    return {
        "uv_vis": np.concatenate([uv_NK2.reshape(42, 2), np.ones((42, 1))], axis=1),
        "xyz": xyz_NK3.reshape(42, 3),
        "K": CAMERA_33,
    }
