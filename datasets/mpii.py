"""MPII in its two usual layouts: HRNet's annot/{train,valid}.json with gt_valid.mat, and Tompson's {train,valid}.h5.

Both count pixels from 1; people here count from 0. The crop is given by a centre and a scale (person height / 200 px):
the centre goes down by 15 * scale and the side of the square is 200 * scale, times a padding of 1.25. The h5 files have
the shift and the 1.25 in their numbers already.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np

from heatmark.datasets.geometry import Box
from heatmark.datasets.image_folder import absent_images, absent_paths, file_names
from heatmark.datasets.mpii_files import MpiiAnnotations, load_mpii_file, with_truth
from heatmark.datasets.people import SPLITS, Person, PoseDataset, Split
from heatmark.datasets.skeletons import MPII_PERSON
from heatmark.foundation.errors import InputError

FILE_STEMS: dict[Split, str] = {"train": "train", "val": "valid"}
TRUTH_FILE = "gt_valid.mat"


def load_mpii(root: Path, split: Split, *, strict: bool = False) -> PoseDataset:
    """The people of one split with at least one labelled joint, in the order of the file.

    annotation_id counts the file's people from 1. People on images that are not there are left out and noted, with
    strict they are an InputError. The validation split needs head sizes: from gt_valid.mat, whose joints are then the
    truth, or else from the h5 file.
    """
    annotations = load_mpii_file(annotation_path(root, split))
    if split == "val":
        annotations = with_truth(annotations, annotations.path.with_name(TRUTH_FILE))
    folder = image_folder(root)
    present = file_names(folder)
    image_ids = {name: number for number, name in enumerate(dict.fromkeys(annotations.images), start=1)}
    labelled_N = np.count_nonzero(annotations.labelled_NK, axis=1)
    here = [row for row, name in enumerate(annotations.images) if name in present]
    people = [_person(annotations, row, folder, image_ids) for row in here if labelled_N[row]]
    absent = Counter(name for name in annotations.images if name not in present)
    notes = absent_images(folder, absent)
    if strict and notes:
        raise InputError(f"{notes[0]}; add the images or run without strict")
    if not people:
        raise InputError(
            f"{annotations.path}: no person to use ({'; '.join(notes) or 'none with a labelled joint'}); "
            f"check the annotations and {folder}"
        )
    return PoseDataset(
        "mpii",
        split,
        MPII_PERSON,
        people,
        annotations.path,
        notes,
        len(annotations.images),
        absent_paths(folder, absent),
    )


def fingerprint(root: Path) -> str:
    """Hash of the annotation files and of which images are there: other data, other fingerprint."""
    digest = hashlib.sha256()
    paths = [annotation_path(root, split) for split in SPLITS]
    for path in [*paths, paths[-1].with_name(TRUTH_FILE)]:
        digest.update(hashlib.sha256(path.read_bytes() if path.exists() else b"").digest())
    listed = {name for path in paths for name in load_mpii_file(path).images}
    names = "\n".join(sorted(listed & file_names(image_folder(root))))
    digest.update(names.encode(errors="backslashreplace"))
    return f"sha256:{digest.hexdigest()}"


def annotation_path(root: Path, split: Split) -> Path:
    """annot/train.json or annot/train.h5 (valid for the validation split); also beside the images."""
    path = find_annotations(root, split)
    if path is not None:
        return path
    stem = FILE_STEMS[split]
    raise InputError(
        f"{root}: neither annot/{stem}.json nor annot/{stem}.h5 is there; give MPII's folder with both splits"
    )


def find_annotations(root: Path, split: Split) -> Path | None:
    """The annotation file of a split, None where there is none."""
    stem = FILE_STEMS[split]
    candidates = [root / folder / f"{stem}{ending}" for folder in ("annot", ".") for ending in (".json", ".h5")]
    return next((path for path in candidates if path.is_file()), None)


def image_folder(root: Path) -> Path:
    """root's images/, or root itself where the images lie beside one another."""
    return root / "images" if (root / "images").is_dir() else root


def _person(annotations: MpiiAnnotations, row: int, folder: Path, image_ids: dict[str, int]) -> Person:
    x, y = (annotations.centre_N2[row] - 1).tolist()
    side = float(annotations.side_N[row])
    box_xywh: Box = (x - side / 2, y - side / 2, side, side)
    head = annotations.head_size_N
    labelled_K = annotations.labelled_NK[row]
    labelled_K1 = labelled_K[:, None] > 0
    return Person(
        image_id=image_ids[annotations.images[row]],
        annotation_id=row + 1,
        image_path=folder / annotations.images[row],
        box_xywh=box_xywh,
        joints_K2=np.where(labelled_K1, annotations.joints_NK2[row] - 1, 0.0),
        # The files say which joints are labelled, not reliably which are seen.
        visibility_K=2.0 * labelled_K,
        area=side * side,
        reference_length=None if head is None else float(head[row]),
    )
