"""Drawn people written as a genuine COCO 2017 keypoints tree.

root/train2017/%012d.jpg, root/val2017/%012d.jpg, root/annotations/person_keypoints_{train,val}2017.json.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from heatmark.datasets.people import SPLITS, Split
from heatmark.datasets.synthetic.body import KEYPOINTS
from heatmark.datasets.synthetic.pictures import scenes, write_jpeg
from heatmark.datasets.synthetic.recipe import Progress, Recipe, as_json, write_bytes, write_tree
from heatmark.datasets.synthetic.scene import DrawnPerson, Mask, Scene
from heatmark.datasets.synthetic.segmentation import polygons, run_lengths, tight_box

Record = dict[str, Any]

# Image ids of the splits stay apart, and annotation ids, ten to an image, below 2 ** 31.
_IMAGES_PER_SPLIT = 10_000_000

_DATE = "2017-01-01 00:00:00"  # a fixed date: the same recipe gives the same bytes
_BONES = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11),
    (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
)  # fmt: skip


@dataclass(frozen=True)
class SyntheticCoco(Recipe):
    """The recipe of a COCO tree."""

    format: ClassVar[str] = "coco"
    version: ClassVar[int] = 2

    def write(self, root: Path, progress: Callable[[int], None]) -> None:
        (root / "annotations").mkdir()
        for split in SPLITS:
            _write_split(root, self, split, self.progress_of(split, progress))


def write_coco(root: Path, recipe: SyntheticCoco, progress: Progress | None = None) -> None:
    """recipe.write_tree, of a COCO recipe."""
    write_tree(root, recipe, progress)


def _write_split(root: Path, recipe: SyntheticCoco, split: Split, progress: Callable[[int], None]) -> None:
    name = f"{split}2017"
    folder = root / name
    folder.mkdir()
    images: list[Record] = []
    annotations: list[Record] = []
    first_id = SPLITS.index(split) * _IMAGES_PER_SPLIT + 1
    for image_id, scene in enumerate(scenes(recipe.seed, split, recipe.people(split), progress), first_id):
        images.append(_write_image(folder, image_id, scene))
        annotations += _annotations(image_id, scene)
    content = {**_header(name), "images": images, "annotations": annotations}
    write_bytes(root / "annotations" / f"person_keypoints_{name}.json", as_json(content))


def _write_image(folder: Path, image_id: int, scene: Scene) -> Record:
    file = folder / f"{image_id:012d}.jpg"
    write_jpeg(file, scene.image_HW3)
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
            "version": str(SyntheticCoco.version),
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
