"""Drawn people written as a genuine MPII tree in the layout of microsoft's and HRNet's code.

root/images/%09d.jpg, root/annot/{train,valid}.json and root/annot/gt_valid.mat. All pixels are counted from 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from heatmark.datasets.mpii import FILE_STEMS, TRUTH_FILE
from heatmark.datasets.mpii_files import PIXELS_PER_SCALE, SHIFT_PER_SCALE, SHORT_NAMES
from heatmark.datasets.people import SPLITS, FloatArray, Split
from heatmark.datasets.skeletons import MPII_PERSON
from heatmark.datasets.synthetic.matlab_file import write_matlab
from heatmark.datasets.synthetic.pictures import scenes, write_jpeg
from heatmark.datasets.synthetic.recipe import Recipe, as_json, write_bytes
from heatmark.datasets.synthetic.scene import DrawnPerson, joints_inside
from heatmark.datasets.synthetic.segmentation import tight_box

_IMAGES_PER_SPLIT = 10_000_000
_DECIMALS = 4
# What the published json has for a joint that nobody labelled.
_NO_JOINT = [-1.0, -1.0]


@dataclass(frozen=True)
class SyntheticMpii(Recipe):
    """The recipe of an MPII tree: the people of the COCO tree of the same seed, with MPII's joints."""

    format: ClassVar[str] = "mpii"
    version: ClassVar[int] = 1

    def write(self, root: Path, progress: Callable[[int], None]) -> None:
        (root / "images").mkdir()
        (root / "annot").mkdir()
        for split in SPLITS:
            people = _write_images(root / "images", self, split, self.progress_of(split, progress))
            write_bytes(root / "annot" / f"{FILE_STEMS[split]}.json", as_json([each.record for each in people]))
            if split == "val":
                write_matlab(root / "annot" / TRUTH_FILE, _truth(people))


@dataclass(frozen=True)
class _Annotated:
    """record: an entry of the json. joints_K2, labelled_K, head_22: the same person in gt_valid.mat."""

    record: dict[str, Any]
    joints_K2: FloatArray
    labelled_K: npt.NDArray[np.bool_]
    head_22: FloatArray


def _write_images(folder: Path, recipe: Recipe, split: Split, progress: Callable[[int], None]) -> list[_Annotated]:
    annotated: list[_Annotated] = []
    first = SPLITS.index(split) * _IMAGES_PER_SPLIT + 1
    for number, scene in enumerate(scenes(recipe.seed, split, recipe.people(split), progress), first):
        name = f"{number:09d}.jpg"
        write_jpeg(folder / name, scene.image_HW3)
        annotated += [_annotated(name, person) for person in scene.people]
    return annotated


def _annotated(name: str, person: DrawnPerson) -> _Annotated:
    """Every joint inside the picture is labelled, seen or not, as MPII's are."""
    joints_K2 = np.stack([person.figure.points[joint] for joint in MPII_PERSON.joints])
    labelled_K = joints_inside(joints_K2, person.mask_HW.shape)
    joints_K2 = np.round(joints_K2 + 1, _DECIMALS)
    pairs = zip(joints_K2.tolist(), labelled_K.tolist(), strict=True)
    centre, scale = _centre_and_scale(person)
    record = {
        "joints_vis": labelled_K.astype(int).tolist(),
        "joints": [joint if labelled else _NO_JOINT for joint, labelled in pairs],
        "image": name,
        "scale": scale,
        "center": centre,
    }
    return _Annotated(record, joints_K2, labelled_K, np.round(person.figure.skull_22 + 1, _DECIMALS))


def _centre_and_scale(person: DrawnPerson) -> tuple[list[float], float]:
    """So that the square that MPII's users crop, which lies lower than its centre, is about the middle of the person.

    The scale is that of the whole person, whatever the picture's edge leaves of them.
    """
    x, y, width, height = tight_box(person.mask_HW)
    scale = person.figure.stature / PIXELS_PER_SCALE
    centre = [x + width / 2 + 1, y + height / 2 + 1 - SHIFT_PER_SCALE * scale]
    return [round(value, _DECIMALS) for value in centre], round(scale, 6)


def _truth(people: list[_Annotated]) -> dict[str, Any]:
    """The arrays of gt_valid.mat, in the order of valid.json; a missing joint is at 0, 0."""
    joints_NK2 = np.stack([np.where(each.labelled_K[:, None], each.joints_K2, 0.0) for each in people])
    names = np.empty((1, len(SHORT_NAMES)), dtype=object)
    names[0] = SHORT_NAMES
    return {
        "dataset_joints": names,
        "jnt_missing": np.stack([~each.labelled_K for each in people]).T.astype(np.uint8),
        "pos_gt_src": joints_NK2.transpose(1, 2, 0),
        "headboxes_src": np.stack([each.head_22 for each in people]).transpose(1, 2, 0),
    }
