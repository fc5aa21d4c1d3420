"""Drawn people written as a genuine COCO 2017 keypoints tree.

root/train2017/%012d.jpg, root/val2017/%012d.jpg, root/annotations/person_keypoints_{train,val}2017.json, and
root/synthetic.json, which names the recipe: with it a second call knows that there is nothing left to do.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from heatmark.datasets.errors import InputError
from heatmark.datasets.synthetic.body import KEYPOINTS
from heatmark.datasets.synthetic.scene import MOST_PEOPLE, DrawnPerson, Mask, Scene, compose
from heatmark.datasets.synthetic.segmentation import polygons, run_lengths, tight_box

Progress = Callable[[int, int], None]
Record = dict[str, Any]

MARKER = "synthetic.json"

# Raised with every change of what is drawn or written, so that an older tree is never taken for a new one.
DRAWING_VERSION = 1

_JPEG_QUALITY = 90
_SPLITS = ("train", "val")
# Image ids of the splits stay apart, and annotation ids, ten to an image, below 2 ** 31.
_IMAGES_PER_SPLIT = 10_000_000

_DATE = "2017-01-01 00:00:00"  # a fixed date: the same recipe gives the same bytes
_BONES = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11),
    (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
)  # fmt: skip


@dataclass(frozen=True)
class SyntheticCoco:
    """How many people with keypoints each split holds, and the seed that everything follows from."""

    people_train: int
    people_val: int
    seed: int

    def __post_init__(self) -> None:
        for name, least in (("people_train", 1), ("people_val", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"synthetic COCO: {name} is {getattr(self, name)}; it must be {least} or more")

    def fingerprint(self) -> str:
        return f"synth-coco-v{DRAWING_VERSION}-train{self.people_train}-val{self.people_val}-seed{self.seed}"


def write_coco(root: Path, recipe: SyntheticCoco, progress: Progress | None = None) -> None:
    """Write the tree at `root`, whole or not at all; do nothing where the same recipe's tree is already there.

    progress is called with (people written, people in all). The tree grows in a hidden folder beside `root` and is
    renamed into place. Of several callers at once, on one machine or on many, the first to finish wins and the others
    find its tree; a killed caller leaves its hidden folder, which nothing reads.
    """
    root = root.resolve()
    if _holds(root, recipe):
        return
    growing = root.with_name(f".{root.name}.{uuid.uuid4().hex}.tmp")
    growing.mkdir(parents=True)
    try:
        _write_tree(growing, recipe, progress or (lambda done, total: None))
        try:
            growing.rename(root)
        except OSError:
            if not _holds(root, recipe):
                raise
    finally:
        shutil.rmtree(growing, ignore_errors=True)


def _holds(root: Path, recipe: SyntheticCoco) -> bool:
    """Whether the recipe's tree is at `root`; an error where anything else is."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    found = "no synthetic data set of ours"
    if (root / MARKER).is_file():
        found = str(json.loads((root / MARKER).read_text()).get("fingerprint", found))
    if found == recipe.fingerprint():
        return True
    raise InputError(
        f"{root} is taken: it holds {found}, wanted {recipe.fingerprint()}. Give another folder, or delete this one."
    )


def _write_tree(root: Path, recipe: SyntheticCoco, progress: Progress) -> None:
    total = recipe.people_train + recipe.people_val
    (root / "annotations").mkdir()
    _write_split(root, recipe, 0, recipe.people_train, lambda done: progress(done, total))
    _write_split(root, recipe, 1, recipe.people_val, lambda done: progress(recipe.people_train + done, total))
    _write_json(root / MARKER, {"fingerprint": recipe.fingerprint()})


def _write_split(root: Path, recipe: SyntheticCoco, split: int, people: int, progress: Callable[[int], None]) -> None:
    name = f"{_SPLITS[split]}2017"
    folder = root / name
    folder.mkdir()
    images: list[Record] = []
    annotations: list[Record] = []
    done = index = 0
    while done < people:
        # Each picture has a generator of its own: it does not depend on how many are asked for, the last one apart.
        rng = np.random.default_rng([recipe.seed, split, index])
        scene = compose(rng, min(MOST_PEOPLE, people - done))
        image_id = split * _IMAGES_PER_SPLIT + index + 1
        images.append(_write_image(folder, image_id, scene))
        annotations += _annotations(image_id, scene)
        done, index = done + len(scene.people), index + 1
        progress(done)
    content = {**_header(name), "images": images, "annotations": annotations}
    _write_json(root / "annotations" / f"person_keypoints_{name}.json", content)


def _write_image(folder: Path, image_id: int, scene: Scene) -> Record:
    file = folder / f"{image_id:012d}.jpg"
    encoded, content = cv2.imencode(".jpg", scene.image_HW3, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert encoded
    file.write_bytes(content.tobytes())
    height, width = scene.image_HW3.shape[:2]
    return {
        "license": 1,
        "file_name": file.name,
        "coco_url": "",
        "height": height,
        "width": width,
        "date_captured": _DATE,
        "flickr_url": "",
        "id": image_id,
    }


def _annotations(image_id: int, scene: Scene) -> list[Record]:
    """One record for each person, then one for the crowd. Ten ids are kept for each picture."""
    records = [_person_record(person) for person in scene.people]
    if scene.crowd_HW is not None:
        records.append(_crowd_record(scene.crowd_HW))
    return [{**r, "image_id": image_id, "category_id": 1, "id": 10 * image_id + n} for n, r in enumerate(records)]


def _person_record(person: DrawnPerson) -> Record:
    keypoints: list[float] = []
    for x, y, visibility in person.joints_K3.tolist():
        keypoints += [round(x, 2), round(y, 2), int(visibility)]
    return {
        "segmentation": polygons(person.mask_HW),
        "num_keypoints": int(np.count_nonzero(person.joints_K3[:, 2])),
        "area": int(np.count_nonzero(person.mask_HW)),
        "iscrowd": 0,
        "keypoints": keypoints,
        "bbox": list(tight_box(person.mask_HW)),
    }


def _crowd_record(mask_HW: Mask) -> Record:
    return {
        "segmentation": {"counts": run_lengths(mask_HW), "size": list(mask_HW.shape)},
        "num_keypoints": 0,
        "area": int(np.count_nonzero(mask_HW)),
        "iscrowd": 1,
        "keypoints": [0] * (3 * len(KEYPOINTS)),
        "bbox": list(tight_box(mask_HW)),
    }


def _header(name: str) -> Record:
    return {
        "info": {
            "description": f"Drawn people in the format of COCO keypoints, {name}",
            "url": "",
            "version": str(DRAWING_VERSION),
            "year": 2017,
            "contributor": "heatmark",
            "date_created": _DATE,
        },
        "licenses": [{"url": "https://www.apache.org/licenses/LICENSE-2.0", "id": 1, "name": "Apache License 2.0"}],
        "categories": [
            {
                "supercategory": "person",
                "id": 1,
                "name": "person",
                "keypoints": list(KEYPOINTS),
                "skeleton": [list(bone) for bone in _BONES],
            }
        ],
    }


def _write_json(path: Path, content: Record) -> None:
    with path.open("w") as file:
        json.dump(content, file, allow_nan=False, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
