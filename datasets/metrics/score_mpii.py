"""Anyone's MPII predictions against gt_valid.mat: PCKh in percent, as the tables print it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heatmark.datasets.array_files import numbers, read_arrays
from heatmark.datasets.errors import InputError
from heatmark.datasets.metrics.pckh import THRESHOLDS, head_sizes, pckh, relative_errors
from heatmark.datasets.people import FloatArray

JOINTS = 16
# dataset_joints of gt_valid.mat: the order that everything of MPII is in.
SHORT_NAMES = ("rank", "rkne", "rhip", "lhip", "lkne", "lank", "pelv", "thor", "neck", "head",
               "rwri", "relb", "rsho", "lsho", "lelb", "lwri")  # fmt: skip


@dataclass(frozen=True)
class MpiiTruth:
    """The validation people: joints_NK2 in the file's 1-based pixels, labelled_NK 0 or 1, 0.6 head box diagonals."""

    joints_NK2: FloatArray
    labelled_NK: FloatArray
    head_size_N: FloatArray


def score_mpii(truth_file: Path, predictions_file: Path, *, zero_based: bool = False) -> dict[str, Any]:
    """PCKh@0.5, @0.10 and @0.11 in percent, by joint group and in the mean; None where nothing is labelled."""
    truth = load_truth(truth_file)
    predicted_NK2 = load_predictions(predictions_file, len(truth.joints_NK2)) + (1.0 if zero_based else 0.0)
    errors_NK = relative_errors(predicted_NK2, truth.joints_NK2, truth.head_size_N)
    found = {}
    for threshold in THRESHOLDS:
        shares = pckh(errors_NK, truth.labelled_NK, float(threshold))
        found[f"PCKh@{threshold}"] = {name: None if share is None else 100 * share for name, share in shares.items()}
    return found


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


def load_predictions(path: Path, people: int) -> FloatArray:
    """`preds` as people x 16 x 2, from a .mat or .h5 file that has it so, as 2 x 16 x people or as 16 x 2 x people."""
    values = numbers(path, read_arrays(path, ("preds",)), "preds")
    axes = {(people, JOINTS, 2): (0, 1, 2), (2, JOINTS, people): (2, 1, 0), (JOINTS, 2, people): (2, 0, 1)}
    if values.shape not in axes:
        raise InputError(
            f"{path}: 'preds' must be {people} x {JOINTS} x 2 or 2 x {JOINTS} x {people} (the {people} people of the "
            f"validation split in its order), found {' x '.join(map(str, values.shape)) or 'one number'}"
        )
    return values.transpose(axes[values.shape])


def _check_order(path: Path, names: Any) -> None:
    if getattr(names, "dtype", np.dtype(float)).kind != "O":
        return
    found = tuple(str(np.asarray(name).ravel()[0]) if np.asarray(name).size else "" for name in names.ravel())
    # In a MATLAB 7.3 file they are references, which say nothing by themselves.
    if all(name.isalpha() for name in found) and found != SHORT_NAMES:
        raise InputError(f"{path}: 'dataset_joints' is not MPII's order ({', '.join(SHORT_NAMES)}); convert the file")
