"""Leeds Sports Pose Extended in its native layout: joints.mat beside images/im00001.jpg, im00002.jpg and so on.

The set has no official split. Ours depends on an image's number alone: of every thousand consecutive images the last
hundred validate. Blocks, because photographs of one session stand next to each other. It has no boxes either: a
person's box is the extent of the labelled joints, which a padding of 1.25 then surrounds.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from heatmark.datasets.array_files import numbers, read_arrays
from heatmark.datasets.image_folder import absent_images, absent_paths, file_names
from heatmark.datasets.people import FloatArray, Person, PoseDataset, Split
from heatmark.datasets.skeletons import LSP_PERSON
from heatmark.foundation.errors import InputError

JOINTS = len(LSP_PERSON.joints)
JOINTS_FILE = "joints.mat"
VALIDATION_BLOCK, VALIDATION_PERIOD = 100, 1000
# Either diagonal of the torso: left shoulder to right hip, or right shoulder to left hip.
TORSO_DIAGONALS = ((9, 2), (8, 3))
LARGEST_COORDINATE = 1e6


@dataclass(frozen=True)
class LspetAnnotations:
    """joints_NK2 as in the file, labelled_NK 0 or 1; row n is image number n + 1."""

    path: Path
    joints_NK2: FloatArray
    labelled_NK: FloatArray


def load_lspet(root: Path, split: Split, *, strict: bool = False) -> PoseDataset:
    """The people of one split, in the order of their images; image and annotation id are the image's number.

    People with fewer than two labelled joints, or with all of them in one place, have no box: they are left out and
    noted. So are people on images that are not there; with strict these are an InputError.
    """
    annotations = load_joints(root / JOINTS_FILE)
    folder = root / "images"
    present = file_names(folder)
    listed = [number for number in range(1, len(annotations.joints_NK2) + 1) if split_of(number) == split]
    # A number with neither an image nor a label is a gap in the numbers, and no image is missing there.
    labelled_N = np.count_nonzero(annotations.labelled_NK, axis=1)
    absent = Counter(name for n in listed if (name := image_name(n)) not in present and labelled_N[n - 1])
    notes = absent_images(folder, absent)
    if strict and notes:
        raise InputError(f"{notes[0]}; add the images or run without strict")
    here = [number for number in listed if image_name(number) in present]
    found = {number: _person(annotations, number, folder) for number in here}
    people = [person for person in found.values() if person is not None]
    without_box = [number for number, person in found.items() if person is None]
    if without_box:
        notes += (f"{len(without_box)} people with fewer than two joints apart left out (image {without_box[0]} ...)",)
    if not people:
        found_text = "; ".join(notes) or f"{len(listed)} of its images are in this split"
        raise InputError(f"{annotations.path}: no person to use in {split} ({found_text}); check {folder}")
    return PoseDataset(
        "lspet", split, LSP_PERSON, people, annotations.path, notes, len(listed), absent_paths(folder, absent)
    )


def fingerprint(root: Path) -> str:
    """Hash of joints.mat and of which images are there: other data, other fingerprint."""
    annotations = load_joints(root / JOINTS_FILE)
    listed = {image_name(number) for number in range(1, len(annotations.joints_NK2) + 1)}
    names = "\n".join(sorted(listed & file_names(root / "images")))
    content = hashlib.sha256(annotations.path.read_bytes()).digest()
    return f"sha256:{hashlib.sha256(content + names.encode()).hexdigest()}"


def split_of(number: int) -> Split:
    """The split of an image by its number, which counts from 1."""
    position = (number - 1) % VALIDATION_PERIOD
    return "val" if position >= VALIDATION_PERIOD - VALIDATION_BLOCK else "train"


def image_name(number: int) -> str:
    """The file of an image. number: counted from 1."""
    return f"im{number:05d}.jpg"


def joint_problems(path: Path) -> Iterator[str]:
    """Nothing more than what load_joints refuses: the file is one array, good or not."""
    load_joints(path)
    yield from ()


def load_joints(path: Path) -> LspetAnnotations:
    """Read and check joints.mat: `joints`, 14 x 3 x images, each x, y and 1 where the joint is labelled."""
    if path.is_dir():
        path = path / JOINTS_FILE
    joints_K3N = numbers(path, read_arrays(path, ("joints",)), "joints")
    if joints_K3N.ndim != 3 or joints_K3N.shape[:2] != (JOINTS, 3) or not joints_K3N.shape[2]:
        raise InputError(f"{path}: 'joints' must be {JOINTS} x 3 x images, found {joints_K3N.shape}; give LSPET's file")
    joints_NK3 = joints_K3N.transpose(2, 0, 1)
    for wrong_NK, message in (
        (~np.isin(joints_NK3[..., 2], (0, 1)), "the label must be 0 or 1"),
        (np.abs(joints_NK3[..., :2]).max(axis=-1) > LARGEST_COORDINATE, "no image is that large"),
    ):
        if wrong_NK.any():
            row, joint = (int(index) for index in np.argwhere(wrong_NK)[0])
            found = ", ".join(f"{value:g}" for value in joints_NK3[row, joint])
            raise InputError(
                f"{path}: image {row + 1}, {LSP_PERSON.joints[joint]}: {message}, found {found}; fetch the file again"
            )
    return LspetAnnotations(path, joints_NK3[..., :2], joints_NK3[..., 2])


def torso_lengths(annotations: LspetAnnotations) -> FloatArray:
    """The diagonal of each torso, the other one where a joint of the first is not labelled, NaN without either."""
    length_N = np.full(len(annotations.joints_NK2), np.nan)
    for shoulder, hip in reversed(TORSO_DIAGONALS):
        known_N = annotations.labelled_NK[:, [shoulder, hip]].all(axis=1)
        diagonal_N2 = annotations.joints_NK2[:, shoulder] - annotations.joints_NK2[:, hip]
        length_N = np.where(known_N, np.linalg.norm(diagonal_N2, axis=-1), length_N)
    lengths: FloatArray = np.where(length_N > 0, length_N, np.nan)
    return lengths


def _person(annotations: LspetAnnotations, number: int, folder: Path) -> Person | None:
    row = number - 1
    joints_K2, labelled_K = annotations.joints_NK2[row], annotations.labelled_NK[row]
    seen_K: npt.NDArray[np.bool_] = labelled_K > 0
    if not seen_K.any():
        return None
    low_2, high_2 = joints_K2[seen_K].min(axis=0), joints_K2[seen_K].max(axis=0)
    width, height = (high_2 - low_2).tolist()
    if max(width, height) <= 0:
        return None
    one = LspetAnnotations(annotations.path, joints_K2[None], labelled_K[None])
    torso = float(torso_lengths(one)[0])
    return Person(
        image_id=number,
        annotation_id=number,
        image_path=folder / image_name(number),
        box_xywh=(float(low_2[0]), float(low_2[1]), width, height),
        joints_K2=np.where(seen_K[:, None], joints_K2, 0.0),
        # The third number says which joints are labelled, not which are seen.
        visibility_K=2.0 * labelled_K,
        area=width * height,
        reference_length=None if np.isnan(torso) else torso,
    )
