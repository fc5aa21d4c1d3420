"""The Rendered Hand-pose Dataset in its native layout, one hand per image: the dominant one by the mask.

{training,evaluation}/ each hold anno_{training,evaluation}.pickle beside color/, mask/ and depth/ with %05d.png. Left
hands stay left hands, as in mmpose: nothing is mirrored to a common side, and the flip of the augmentation makes of
each hand one of the other side.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from heatmark.datasets.geometry import Box
from heatmark.datasets.image_folder import absent_images, absent_paths, file_names
from heatmark.datasets.people import SPLITS, FloatArray, Hand, Person, PoseDataset, Split
from heatmark.datasets.rhd_files import (
    HandImage,
    dominant_hand,
    hand_pixels,
    load_hands,
    read_depth,
    read_mask,
    sound_and_faulty,
    surface_gap,
)
from heatmark.datasets.skeletons import RHD_HAND
from heatmark.foundation.errors import InputError

FOLDERS: dict[Split, str] = {"train": "training", "val": "evaluation"}
PARTS = ("color", "mask", "depth")
# The paper's delta of Eq. 27; joints lie 5 to 10 mm below the skin, so that it calls many seen joints occluded.
DELTA_MM = 3.0
# hand3d's crop: a square around the base of the middle finger, with sides between these.
CROP_CENTRE, SHORTEST_SIDE, LONGEST_SIDE = 12, 50.0, 500.0
# mmpose's box: the extent of the joints, grown by this; its longest side is what mmpose's PCK is a fraction of.
MMPOSE_GROWTH = 1.2

VISIBLE_NOTE = "% of the joints visible (Eq. 27"

Item = TypeVar("Item")
Found = TypeVar("Found")


def load_rhd(root: Path, split: Split, *, strict: bool = False, delta_mm: float = DELTA_MM) -> PoseDataset:
    """The dominant hands of one split by ascending number of the image, which is their image and annotation id.

    All 21 joints are labelled; which are visible is Eq. 27's, see `visible_within`. The box is hand3d's. Hands whose
    color, mask or depth image is not there are left out and noted; with strict they are an InputError. So is a mask or
    depth map that cannot be read: it says which hand is meant.
    """
    path = annotation_path(root, split)
    hands = load_hands(path)
    here, absent = _with_files(path, hands)
    notes = tuple(note for part in PARTS for note in absent_images(path.parent / part, absent[part]))
    if strict and notes:
        raise InputError(f"{notes[0]}; add the images or run without strict")
    if not here:
        raise InputError(f"{path}: no hand to use ({'; '.join(notes)}); check the images in {path.parent}")
    people = _in_threads(lambda hand: _person(path, hand), here)
    paths = tuple(each for part in PARTS for each in absent_paths(path.parent / part, absent[part]))
    return visible_within(PoseDataset("rhd", split, RHD_HAND, people, path, notes, len(hands), paths), delta_mm)


def visible_within(dataset: PoseDataset, delta_mm: float) -> PoseDataset:
    """The same hands with the joints visible that the seen surface is within delta of (Eq. 27), and a note of it."""
    people = [replace(person, visibility_K=_visibility(person, delta_mm)) for person in dataset.people]
    seen = float(np.mean([person.visibility_K == 2 for person in people]))
    others = tuple(note for note in dataset.notes if VISIBLE_NOTE not in note)
    note = f"{dataset.annotation_file.name}: {100 * seen:.1f} {VISIBLE_NOTE}, delta {delta_mm:g} mm)"
    return replace(dataset, people=people, notes=(*others, note))


def _visibility(person: Person, delta_mm: float) -> FloatArray:
    assert person.hand is not None, "every person of RHD is a hand"
    visibility_K: FloatArray = np.where(person.hand.gap_K < delta_mm, 2.0, 1.0)
    return visibility_K


def in_mmpose_boxes(dataset: PoseDataset) -> PoseDataset:
    """The same hands in the boxes of mmpose's converted annotations: the extent of the joints times 1.2."""
    people = [replace(person, box_xywh=mmpose_box(person.joints_K2)) for person in dataset.people]
    return replace(dataset, people=people)


def hand3d_box(uv_K2: FloatArray, flagged_K: FloatArray) -> Box:
    """The square around the base of the middle finger that reaches the farthest flagged joint on either axis."""
    counted_K: npt.NDArray[np.bool_] = flagged_K > 0 if (flagged_K > 0).any() else np.ones(len(uv_K2), dtype=np.bool_)
    x, y = uv_K2[CROP_CENTRE].tolist()
    reach = float(np.abs(uv_K2[counted_K] - uv_K2[CROP_CENTRE]).max())
    side = min(max(2 * reach, SHORTEST_SIDE), LONGEST_SIDE)
    return x - side / 2, y - side / 2, side, side


def mmpose_box(uv_K2: FloatArray) -> Box:
    """The box around the joints as MMPose draws it: grown by MMPOSE_GROWTH about its middle, in pixels."""
    low_2, high_2 = uv_K2.min(axis=0), uv_K2.max(axis=0)
    width, height = (np.maximum(high_2 - low_2, 1.0) * MMPOSE_GROWTH).tolist()
    x, y = ((low_2 + high_2) / 2).tolist()
    return x - width / 2, y - height / 2, width, height


def annotation_path(root: Path, split: Split) -> Path:
    """The pickle of one split, where RHD's layout has it."""
    folder = FOLDERS[split]
    return root / folder / f"anno_{folder}.pickle"


def image_name(number: int) -> str:
    """The file of a hand's image, mask and depth alike. number: counted from 0."""
    return f"{number:05d}.png"


def fingerprint(root: Path) -> str:
    """Hash of both annotation files and of which images are there: other data, other fingerprint."""
    digest = hashlib.sha256()
    for split in SPLITS:
        path = annotation_path(root, split)
        listed = {image_name(hand.number) for hand in load_hands(path)}
        digest.update(hashlib.sha256(path.read_bytes()).digest())
        for part in PARTS:
            names = "\n".join(sorted(listed & file_names(path.parent / part)))
            digest.update(hashlib.sha256(names.encode()).digest())
    return f"sha256:{digest.hexdigest()}"


def problems(path: Path) -> Iterator[str]:
    """Every record that is no good, then every mask and depth map that is there and cannot be read."""
    hands, faults = sound_and_faulty(path)
    yield from faults
    here, _ = _with_files(path, hands)

    def fault(hand: HandImage) -> str | None:
        try:
            _read_maps(path, hand)
        except InputError as error:
            return str(error).removeprefix(f"{path}: ")
        return None

    yield from (found for found in _in_threads(fault, here) if found is not None)


def _with_files(path: Path, hands: list[HandImage]) -> tuple[list[HandImage], dict[str, Counter[str]]]:
    """The hands whose images are all there, and the absent files of each part."""
    present = {part: file_names(path.parent / part) for part in PARTS}
    names = {hand.number: image_name(hand.number) for hand in hands}
    absent = {part: Counter(name for name in names.values() if name not in present[part]) for part in PARTS}
    here = [hand for hand in hands if all(names[hand.number] in present[part] for part in PARTS)]
    return here, absent


def _person(path: Path, hand: HandImage) -> Person:
    mask_HW, depth_HW = _read_maps(path, hand)
    side = dominant_hand(mask_HW)
    uv_K2, flagged_K, xyz_K3 = hand.uv_2K2[side], hand.flag_2K[side], hand.xyz_2K3[side]
    _, _, width, height = mmpose_box(uv_K2)
    return Person(
        image_id=hand.number,
        annotation_id=hand.number,
        image_path=path.parent / "color" / image_name(hand.number),
        box_xywh=hand3d_box(uv_K2, flagged_K),
        joints_K2=uv_K2,
        visibility_K=np.ones(len(uv_K2)),
        area=float(hand_pixels(mask_HW)[side]),
        reference_length=max(width, height),
        hand=Hand(1000 * xyz_K3, hand.camera_33, flagged_K, 1000 * surface_gap(uv_K2, xyz_K3[:, 2], depth_HW)),
    )


def _read_maps(path: Path, hand: HandImage) -> tuple[npt.NDArray[np.uint8], FloatArray]:
    """mask_HW and depth_HW of an image; an InputError names the image as well as the file."""
    name = image_name(hand.number)
    try:
        mask_HW, depth_HW = read_mask(path.parent / "mask" / name), read_depth(path.parent / "depth" / name)
    except InputError as error:
        raise InputError(f"{path}: image {hand.number}: {error}") from error
    if mask_HW.shape != depth_HW.shape:
        raise InputError(
            f"{path}: image {hand.number}: the mask is {mask_HW.shape} and the depth map {depth_HW.shape}; "
            f"fetch mask/{name} and depth/{name} again"
        )
    return mask_HW, depth_HW


def _in_threads(work: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    # The decoder lets go of the interpreter's lock: a full split is 41,000 masks and depth maps.
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(work, items))
