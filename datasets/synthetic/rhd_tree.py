"""Drawn hands written as a genuine tree of the Rendered Hand-pose Dataset.

root/{training,evaluation}/{color,mask,depth}/%05d.png and root/<part>/anno_<part>.pickle, a dict from the number of an
image to xyz (42 x 3 metres before the camera, the left hand first), uv_vis (42 x 3 pixels and flag) and K (3 x 3).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import SPLITS, FloatArray, Split
from heatmark.datasets.rhd_files import FARTHEST_METRES, JOINTS_PER_HAND, LEFT_PARTS, RIGHT_PARTS
from heatmark.datasets.synthetic.drawing import ByteArray
from heatmark.datasets.synthetic.hand_scene import HandScene, compose_hands, pixels
from heatmark.datasets.synthetic.pictures import picture_stream
from heatmark.datasets.synthetic.recipe import Recipe, write_bytes

PARTS: dict[Split, str] = {"train": "training", "val": "evaluation"}
# As in the published files; any newer one would be read as well.
_PICKLE_PROTOCOL = 2
_COMPRESSION = [cv2.IMWRITE_PNG_COMPRESSION, 1]


@dataclass(frozen=True)
class SyntheticRhd(Recipe):
    """The recipe of an RHD tree. Every image is of one person's hands, and counts as one of the people asked for."""

    format: ClassVar[str] = "rhd"
    version: ClassVar[int] = 1

    def write(self, root: Path, progress: Callable[[int], None]) -> None:
        for split in SPLITS:
            folder = root / PARTS[split]
            for kind in ("color", "mask", "depth"):
                (folder / kind).mkdir(parents=True)
            done, content = self.progress_of(split, progress), {}
            for number in range(self.people(split)):
                scene = compose_hands(picture_stream(self.seed, split, number))
                name = f"{number:05d}.png"
                _write_png(folder / "color" / name, scene.image_HW3)
                _write_png(folder / "mask" / name, scene.mask_HW)
                _write_png(folder / "depth" / name, encoded_depth(scene.depth_HW))
                content[number] = _record(scene)
                done(number + 1)
            write_bytes(folder / f"anno_{PARTS[split]}.pickle", pickle.dumps(content, _PICKLE_PROTOCOL))


def encoded_depth(depth_HW: FloatArray) -> ByteArray:
    """Blue, green, red: 65535 stands for 5 m, the high byte is red and the low one green; blue says nothing."""
    units_HW = np.rint(np.clip(depth_HW / FARTHEST_METRES, 0.0, 1.0) * 65535).astype(np.uint16)
    return np.stack([np.zeros_like(units_HW), units_HW & 255, units_HW >> 8], axis=-1).astype(np.uint8)


def _record(scene: HandScene) -> dict[str, Any]:
    uv_2K2 = pixels(scene)
    flag_2K = np.stack([_flags(uv_2K2[side], scene.mask_HW, side) for side in (0, 1)])
    uv_vis_2K3 = np.concatenate([uv_2K2, flag_2K[..., None]], axis=-1)
    return {
        "xyz": np.concatenate([hand.joints_K3 for hand in scene.hands]),
        "uv_vis": uv_vis_2K3.reshape(2 * JOINTS_PER_HAND, 3),
        "K": scene.camera_33,
    }


def _flags(uv_K2: FloatArray, mask_HW: ByteArray, side: int) -> npt.NDArray[np.bool_]:
    """RHD's own flag is a rough one: whether the hand itself shows near the joint's place in the picture.

    Another finger in front leaves it set; another hand, a thing or the picture's edge do not.
    """
    low, high = (LEFT_PARTS, RIGHT_PARTS)[side]
    own_HW = cv2.dilate(((mask_HW >= low) & (mask_HW <= high)).astype(np.uint8), np.ones((3, 3), np.uint8))
    height, width = mask_HW.shape
    column_K, row_K = np.rint(uv_K2).astype(np.int64).T
    inside_K = (column_K >= 0) & (column_K < width) & (row_K >= 0) & (row_K < height)
    shown_K = own_HW[np.clip(row_K, 0, height - 1), np.clip(column_K, 0, width - 1)] > 0
    flags_K: npt.NDArray[np.bool_] = inside_K & shown_K
    return flags_K


def _write_png(path: Path, image: ByteArray) -> None:
    encoded, content = cv2.imencode(".png", image, _COMPRESSION)
    assert encoded, "an array of bytes can be encoded"
    path.write_bytes(content.tobytes())
