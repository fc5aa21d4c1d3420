"""One person in one image: what every data set format is read into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from heatmark.datasets.keypoint_truth import KeypointTruth

FloatArray = npt.NDArray[np.float64]
Split = Literal["train", "val"]
SPLITS: tuple[Split, ...] = ("train", "val")


@dataclass(frozen=True)
class Skeleton:
    """The joints of what a data set is of, and what is known of them. datasets/skeletons/ has them as files.

    swaps: left and right joint of each pair that a mirror swaps. bones: to draw. sigmas: of OKS; none without it.
    upper_body: where published augmentations cut bodies in two. subject: what it is of, in a word (`person`).
    reference: the length that PCK and NME are fractions of: `box`, its longest side; `head`, given by the data set; or
    pairs of joints, of which the first that is labelled counts. box_area_share: the area of a person that has none, in
    areas of its box. parts: of the body that are measured by themselves too. mirrors: whether a mirrored picture is
    one of the same kind; not where it is not known what a mirror swaps.
    """

    name: str
    joints: tuple[str, ...]
    swaps: tuple[tuple[int, int], ...]
    bones: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...] = ()
    upper_body: tuple[int, ...] = ()
    subject: str = ""
    reference: Literal["box", "head"] | tuple[tuple[int, int], ...] = "box"
    box_area_share: float = 1.0
    parts: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)
    mirrors: bool = True

    @property
    def mirrored_order(self) -> tuple[int, ...]:
        """For each joint, the joint it becomes in a mirrored image."""
        order = list(range(len(self.joints)))
        for left, right in self.swaps:
            order[left], order[right] = right, left
        return tuple(order)

    def side_of(self, joint: int) -> Literal["left", "right"] | None:
        """Of a joint that has a twin on the other side."""
        if any(joint == left for left, _ in self.swaps):
            return "left"
        return "right" if any(joint == right for _, right in self.swaps) else None


@dataclass(frozen=True)
class Hand:
    """What is known of a hand beyond its pixels.

    xyz_K3: millimetres in the camera's coordinates. camera_33: its intrinsics, which take xyz to (u z, v z, z).
    flagged_K: 1 for the joints that the file itself calls visible, by a rule of its own. gap_K: millimetres between a
    joint and the surface seen at its pixel, which visibility is cut from (Eq. 27).
    """

    xyz_K3: FloatArray
    camera_33: FloatArray
    flagged_K: FloatArray
    gap_K: FloatArray


@dataclass(frozen=True)
class Person:
    """An annotated person.

    box_xywh: x, y, width, height in image pixels. joints_K2: (x, y) in 0-indexed image pixels.
    visibility_K: 0 not labelled, 1 labelled but hidden, 2 visible. area: segment area in square pixels.
    reference_length: the length in pixels that PCK is a fraction of (MPII: 0.6 of the head box's diagonal); None where
    the data set has none for this person. image_size: width and height of the picture that was labelled, where the data
    set tells. box_score: the detector's, 1 for an annotated box. hand: for hands in 3D.
    category_id: where the data set has several.
    """

    image_id: int
    annotation_id: int
    image_path: Path
    box_xywh: tuple[float, float, float, float]
    joints_K2: FloatArray
    visibility_K: FloatArray
    area: float
    reference_length: float | None = None
    box_score: float = 1.0
    hand: Hand | None = None
    category_id: int | None = None
    image_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class PoseDataset:
    """One split of a data set: its skeleton, its people, and where its annotations are.

    notes: what a reader should know about the files, one line each (absent images with their count, and so on).
    listed_people: entries in the annotation file, usable or not, where predictions are filed by their order.
    absent: images that people are on but that are not there.
    detected: the boxes are a detector's, and the people have no joints. evaluated_images: where there may be people;
    None where that is the images that people are on. keypoint_truth: what COCO's evaluation needs of the annotation
    file, where that was kept. category: the number that the people have there, and predictions are written with.
    """

    name: str
    split: str
    skeleton: Skeleton
    people: Sequence[Person]
    annotation_file: Path
    notes: tuple[str, ...] = ()
    listed_people: int = 0
    absent: tuple[Path, ...] = ()
    detected: bool = False
    evaluated_images: frozenset[int] | None = None
    keypoint_truth: KeypointTruth | None = field(default=None, compare=False, repr=False)
    category: int = 1
