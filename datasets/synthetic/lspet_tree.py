"""Drawn athletes written as a genuine Leeds Sports Pose Extended tree: root/images/im%05d.jpg and root/joints.mat.

The split of an image follows from its number (datasets/lspet.py), so a tree has no images for the numbers between the
end of one split's people and the next block; in joints.mat nobody is labelled there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from heatmark.datasets.lspet import JOINTS, JOINTS_FILE, image_name, split_of
from heatmark.datasets.people import SPLITS, FloatArray, Split
from heatmark.datasets.skeletons import LSP_PERSON
from heatmark.datasets.synthetic.matlab_file import write_matlab
from heatmark.datasets.synthetic.pictures import picture_stream, write_jpeg
from heatmark.datasets.synthetic.recipe import Recipe
from heatmark.datasets.synthetic.scene import Scene, compose_athlete, joints_inside


@dataclass(frozen=True)
class SyntheticLspet(Recipe):
    """The recipe of an LSPET tree: one person in sport on every image."""

    format: ClassVar[str] = "lspet"
    version: ClassVar[int] = 1

    def write(self, root: Path, progress: Callable[[int], None]) -> None:
        (root / "images").mkdir()
        numbers = {split: image_numbers(split, self.people(split)) for split in SPLITS}
        joints_NK3 = np.zeros((max(map(max, numbers.values())), JOINTS, 3))
        for split in SPLITS:
            done = self.progress_of(split, progress)
            for index, number in enumerate(numbers[split]):
                scene = compose_athlete(picture_stream(self.seed, split, index))
                write_jpeg(root / "images" / image_name(number), scene.image_HW3)
                joints_NK3[number - 1] = _joints(scene)
                done(index + 1)
        write_matlab(root / JOINTS_FILE, {"joints": joints_NK3.transpose(1, 2, 0)})


def image_numbers(split: Split, people: int) -> list[int]:
    """The first numbers, from 1, of images that are in a split."""
    return list(itertools.islice((number for number in itertools.count(1) if split_of(number) == split), people))


def _joints(scene: Scene) -> FloatArray:
    """joints_K3: x, y and 1; three zeros for a joint outside the picture."""
    (person,) = scene.people
    joints_K2 = np.stack([person.figure.points[joint] for joint in LSP_PERSON.joints])
    inside_K1 = joints_inside(joints_K2, person.mask_HW.shape)[:, None]
    return np.where(inside_K1, np.concatenate([joints_K2, np.ones((JOINTS, 1))], axis=1), 0.0)
