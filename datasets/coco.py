"""COCO person keypoints in the native layout: annotations/person_keypoints_{split}2017.json beside {split}2017/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from heatmark.datasets.coco_file import load_annotations
from heatmark.datasets.coco_people import fingerprint_of, people_of, stated_sizes_of
from heatmark.datasets.json_files import unpacked
from heatmark.datasets.people import SPLITS, PoseDataset, Split
from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.foundation.errors import InputError


def annotation_path(root: Path, split: Split) -> Path:
    """The keypoint annotations of one split, where COCO's layout has them."""
    return root / "annotations" / f"person_keypoints_{split}2017.json"


class _Categories(msgspec.Struct, gc=False):
    """Of an annotation file: the rest is passed over."""

    categories: list[Any]


def names_other_joints(path: Path) -> bool:
    """Whether a category of a file names joints that are not COCO's; not of what cannot be read, which others tell."""
    try:
        found = msgspec.json.decode(unpacked(path.read_bytes()), type=_Categories).categories
    except (OSError, ValueError, msgspec.MsgspecError):
        return False
    named = [each.get("keypoints") for each in found if isinstance(each, dict)]
    return any(joints for joints in named) and all(joints != list(COCO_PERSON.joints) for joints in named if joints)


def load_coco(root: Path, split: Split, *, strict: bool = False) -> PoseDataset:
    """The people of one split, in the order of the annotation file (coco_people.py)."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the one that holds annotations/ and {split}2017/")
    coco = load_annotations(annotation_path(root, split)).of_one_category()
    people, notes, absent = people_of(coco, root / f"{split}2017", strict=strict)
    return PoseDataset(
        "coco",
        split,
        COCO_PERSON,
        people,
        coco.path,
        notes,
        len(coco.annotations),
        absent,
        # What is trained on is not evaluated on: its annotations are read once more where they are.
        keypoint_truth=coco.truth() if split == "val" else None,
        category=coco.category,
    )


def stated_sizes(root: Path, split: Split) -> dict[Path, tuple[int, int]]:
    """Width and height of the pictures of a split, of those that have them in the file."""
    return stated_sizes_of(load_annotations(annotation_path(root, split)), root / f"{split}2017")


def fingerprint(root: Path) -> str:
    """Hash of both annotation files and of which listed images are there: other data, other fingerprint."""
    return fingerprint_of((annotation_path(root, split), root / f"{split}2017") for split in SPLITS)
