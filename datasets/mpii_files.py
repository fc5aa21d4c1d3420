"""MPII's annotation files, read and checked: HRNet's json, Tompson's h5, and gt_valid.mat for the truth of PCKh."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from heatmark.datasets.array_files import numbers, read_arrays
from heatmark.datasets.image_folder import is_text
from heatmark.datasets.metrics.pckh import head_sizes
from heatmark.datasets.number_lists import numbers_problem
from heatmark.datasets.people import FloatArray
from heatmark.datasets.skeletons import MPII_PERSON
from heatmark.foundation.errors import InputError

JOINTS = 16
# dataset_joints of gt_valid.mat: the order that everything of MPII is in.
SHORT_NAMES = ("rank", "rkne", "rhip", "lhip", "lkne", "lank", "pelv", "thor", "neck", "head",
               "rwri", "relb", "rsho", "lsho", "lelb", "lwri")  # fmt: skip
PIXELS_PER_SCALE = 200.0
SHIFT_PER_SCALE = 15.0
H5_PADDING = 1.25
# The h5 holds whole pixels, gt_valid.mat fractions of them; a joint of another person is farther off than this.
SAME_JOINT_PX = 2.0
MEND = "correct or remove this person"


@dataclass(frozen=True)
class MpiiTruth:
    """The validation people: joints_NK2 in the file's 1-based pixels, labelled_NK 0 or 1, 0.6 head box diagonals."""

    joints_NK2: FloatArray
    labelled_NK: FloatArray
    head_size_N: FloatArray


@dataclass(frozen=True)
class MpiiAnnotations:
    """One split as it stands in its file: images by name, joints_NK2 in 1-based pixels, labelled_NK 0 or 1.

    centre_N2 (1-based) and side_N: the square around each person, shifted but not padded. head_size_N: 0.6 of the head
    box's diagonal, where the file has it.
    """

    path: Path
    images: Sequence[str]
    joints_NK2: FloatArray
    labelled_NK: FloatArray
    centre_N2: FloatArray
    side_N: FloatArray
    head_size_N: FloatArray | None = None


def load_mpii_file(path: Path) -> MpiiAnnotations:
    """Read and check one annotation file of either kind. The first fault is an InputError naming the person."""
    annotations = _from_h5(path) if path.suffix == ".h5" else _from_json(path)
    for row, name in enumerate(annotations.images):
        if not name or PurePath(name).name != name or not is_text(name):
            raise InputError(f"{path}: person {row}: 'image' {name!r:.60} is no plain file name; {MEND}")
    if (annotations.side_N <= 0).any():
        raise InputError(f"{path}: person {int(annotations.side_N.argmin())}: 'scale' must be positive; {MEND}")
    return annotations


def load_truth(path: Path) -> MpiiTruth:
    """Read and check a file with the arrays of gt_valid.mat: pos_gt_src 16x2xN, jnt_missing 16xN, headboxes_src."""
    content = read_arrays(path, ("pos_gt_src", "jnt_missing", "headboxes_src", "dataset_joints?"))
    _check_order(path, content.get("dataset_joints"))
    joints_K2N, missing_KN, boxes_22N = (
        numbers(path, content, name) for name in ("pos_gt_src", "jnt_missing", "headboxes_src")
    )
    people = joints_K2N.shape[-1] if joints_K2N.ndim else 0
    shapes = {"pos_gt_src": (joints_K2N, (JOINTS, 2, people)), "jnt_missing": (missing_KN, (JOINTS, people)),
              "headboxes_src": (boxes_22N, (2, 2, people))}  # fmt: skip
    for name, (array, expected) in shapes.items():
        if array.shape != expected or not people:
            wanted = " x ".join([*map(str, expected[:-1]), "people"])
            raise InputError(f"{path}: '{name}' must be {wanted}, found {array.shape}; give MPII's gt_valid.mat")
    if not np.isin(missing_KN, (0, 1)).all():
        raise InputError(f"{path}: 'jnt_missing' must hold 0 or 1, found {missing_KN.max():g}; fetch the file again")
    size_N = head_sizes(boxes_22N.transpose(2, 0, 1))
    if (size_N <= 0).any():
        raise InputError(f"{path}: the head box of person {int(size_N.argmin())} is empty; fetch the file again")
    return MpiiTruth(joints_K2N.transpose(2, 0, 1), 1 - missing_KN.T, size_N)


def with_truth(annotations: MpiiAnnotations, path: Path) -> MpiiAnnotations:
    """The validation people with the joints and head sizes of gt_valid.mat, which PCKh is defined by."""
    if not path.is_file():
        if annotations.head_size_N is not None:
            return annotations
        raise InputError(
            f"{path}: no such file; PCKh needs the head boxes in it, put it beside {annotations.path.name}"
        )
    truth = load_truth(path)
    if len(truth.joints_NK2) != len(annotations.images):
        raise InputError(
            f"{path}: {len(truth.joints_NK2)} people, {annotations.path} has {len(annotations.images)}; "
            "both must be of the same split, in the same order"
        )
    both_NK = (truth.labelled_NK > 0) & (annotations.labelled_NK > 0)
    apart_NK = np.abs(truth.joints_NK2 - annotations.joints_NK2).max(axis=-1)
    other_N = (np.where(both_NK, apart_NK, 0) > SAME_JOINT_PX).sum(axis=1) > both_NK.sum(axis=1) / 2
    if other_N.any():
        row = int(other_N.argmax())
        raise InputError(f"{path}: person {row} is somebody else than in {annotations.path}; both must be in one order")
    return replace(
        annotations, joints_NK2=truth.joints_NK2, labelled_NK=truth.labelled_NK, head_size_N=truth.head_size_N
    )


def _from_h5(path: Path) -> MpiiAnnotations:
    content = read_arrays(path, ("imgname", "part", "center", "scale", "normalize?"))
    joints_NK2, centre_N2, scale_N = (numbers(path, content, name) for name in ("part", "center", "scale"))
    people = len(np.atleast_1d(content["imgname"]))
    for name, array, expected in (
        ("part", joints_NK2, (people, JOINTS, 2)),
        ("center", centre_N2, (people, 2)),
        ("scale", scale_N, (people,)),
    ):
        if array.shape != expected:
            raise InputError(f"{path}: '{name}' must be {expected} for {people} people, found {array.shape}; {MEND}")
    # A joint that nobody labelled lies in the corner, which in 1-based pixels is outside the image.
    labelled_NK = (joints_NK2 != 0).any(axis=-1).astype(np.float64)
    head_N = numbers(path, content, "normalize") if "normalize" in content else None
    if head_N is not None and (head_N.shape != (people,) or (head_N <= 0).any()):
        raise InputError(f"{path}: 'normalize' must hold one positive head size per person; {MEND}")
    side_N = PIXELS_PER_SCALE * scale_N / H5_PADDING
    return MpiiAnnotations(path, _text(content["imgname"]), joints_NK2, labelled_NK, centre_N2, side_N, head_N)


def _text(names: Any) -> list[str]:
    """File names, which are bytes or, in Tompson's own files, rows of character codes."""
    rows = np.asarray(names)
    if rows.dtype.kind in "fiu" and rows.ndim == 2:
        return ["".join(chr(int(code)) for code in row if code > 0) for row in rows]
    return [name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in rows.tolist()]


def person_problems(path: Path) -> Iterator[str]:
    """Everything that is wrong with the people of a json file, one line each; of an h5 file the first fault.

    Raises InputError where the file as a whole is no good.
    """
    if path.suffix == ".json":
        yield from _faults(_parsed(path))
    else:
        load_mpii_file(path)


def _faults(people: list[Any]) -> Iterator[str]:
    for row, person in enumerate(people):
        problem = _problem(person)
        if problem:
            yield f"person {row}: {problem}; {MEND}"


def _parsed(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the folder") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error}); the file may be cut short, fetch it again") from error
    if not isinstance(content, list) or not content:
        raise InputError(f"{path}: not an MPII annotation file, which is a list with one entry per person")
    return content


def _from_json(path: Path) -> MpiiAnnotations:
    content = _parsed(path)
    for problem in _faults(content):
        raise InputError(f"{path}: {problem}")
    joints_NK2 = np.array([person["joints"] for person in content], dtype=np.float64)
    labelled_NK = np.array([person["joints_vis"] for person in content], dtype=np.float64)
    centre_N2 = np.array([person["center"] for person in content], dtype=np.float64)
    scale_N = np.array([person["scale"] for person in content], dtype=np.float64)
    # As HRNet's loader: a centre of -1 stands for none, and stays where it is.
    shift_N = np.where(centre_N2[:, 0] == -1, 0.0, SHIFT_PER_SCALE * scale_N)
    centre_N2 = centre_N2 + np.column_stack([np.zeros_like(shift_N), shift_N])
    images = [person["image"] for person in content]
    return MpiiAnnotations(path, images, joints_NK2, labelled_NK, centre_N2, PIXELS_PER_SCALE * scale_N)


def _problem(person: Any) -> str | None:
    if not isinstance(person, dict):
        return "is not a JSON object"
    if type(person.get("image")) is not str:
        return f"'image' must be a file name, found {person.get('image')!r:.40}"
    problem = numbers_problem("center", person.get("center"), 2) or numbers_problem("scale", [person.get("scale")], 1)
    joints, labelled = person.get("joints"), person.get("joints_vis")
    if problem:
        return problem
    if not isinstance(joints, list) or len(joints) != JOINTS:
        return f"'joints' must be {JOINTS} pairs, found {len(joints) if isinstance(joints, list) else joints!r:.40}"
    for joint, point in zip(MPII_PERSON.joints, joints, strict=True):
        problem = numbers_problem(f"joints ({joint})", point, 2)
        if problem:
            return problem
    if not isinstance(labelled, list) or len(labelled) != JOINTS or any(each not in (0, 1) for each in labelled):
        return f"'joints_vis' must be {JOINTS} times 0 or 1, found {labelled!r:.60}"
    return None


def _check_order(path: Path, names: Any) -> None:
    if getattr(names, "dtype", np.dtype(float)).kind != "O":
        return
    found = tuple(str(np.asarray(name).ravel()[0]) if np.asarray(name).size else "" for name in names.ravel())
    # In a MATLAB 7.3 file they are references, which say nothing by themselves.
    if all(name.isalpha() for name in found) and found != SHORT_NAMES:
        raise InputError(f"{path}: 'dataset_joints' is not MPII's order ({', '.join(SHORT_NAMES)}); convert the file")
