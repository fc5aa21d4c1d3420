"""Drawn creatures of any skeleton, written as COCO-style files.

root/annotations/train.json, root/annotations/val.json, root/images/train/%06d.jpg, root/images/val/%06d.jpg.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from heatmark.datasets.people import SPLITS, Skeleton, Split
from heatmark.datasets.skeletons import COCO_PERSON, as_mapping
from heatmark.datasets.synthetic.creature import Shape, shape_of
from heatmark.datasets.synthetic.creature_scene import CreatureScene, SeenCreature, creature_scenes
from heatmark.datasets.synthetic.pictures import write_jpeg
from heatmark.datasets.synthetic.recipe import Recipe, as_json, write_bytes
from heatmark.foundation.hashes import sha256_of

Record = dict[str, Any]

CATEGORY = 1
# In sizes of the creature: around the labelled joints, and the least side. The area, in areas of the box.
BOX_MARGIN, LEAST_SIDE, AREA_SHARE = 0.08, 0.4, 0.6
# Of a head's box, in sizes of the creature, for skeletons whose PCK is measured in heads; the key is PoseTrack's.
HEAD_SIDE, HEAD_KEY = 0.2, "bbox_head"
# Image ids of the splits stay apart, and annotation ids, ten to an image, below 2 ** 31.
_IMAGES_PER_SPLIT = 10_000_000


@dataclass(frozen=True)
class SyntheticKeypoints(Recipe):
    """The recipe of a tree of creatures of one skeleton."""

    format: ClassVar[str] = "keypoints"
    version: ClassVar[int] = 1

    skeleton: Skeleton = COCO_PERSON

    def fingerprint(self) -> str:
        """With a hash of the skeleton, which may be anyone's own."""
        canonical = json.dumps(as_mapping(self.skeleton), sort_keys=True, separators=(",", ":"))
        return f"{super().fingerprint()}-skeleton{sha256_of(canonical)[:8]}"

    def write(self, root: Path, progress: Callable[[int], None]) -> None:
        shape = shape_of(self.skeleton)
        (root / "annotations").mkdir()
        for split in SPLITS:
            _write_split(root, self, split, shape, self.progress_of(split, progress))


def _write_split(
    root: Path, recipe: SyntheticKeypoints, split: Split, shape: Shape, progress: Callable[[int], None]
) -> None:
    folder = root / "images" / split
    folder.mkdir(parents=True)
    images: list[Record] = []
    annotations: list[Record] = []
    first_id = SPLITS.index(split) * _IMAGES_PER_SPLIT + 1
    scenes = creature_scenes(recipe.seed, split, recipe.people(split), shape, progress)
    for number, scene in enumerate(scenes, 1):
        file = folder / f"{number:06d}.jpg"
        write_jpeg(file, scene.image_HW3)
        height, width = scene.image_HW3.shape[:2]
        image_id = first_id + number - 1
        images.append({"id": image_id, "file_name": file.name, "width": width, "height": height})
        annotations += _annotations(image_id, scene, recipe.skeleton)
    content = {"images": images, "annotations": annotations, "categories": [_category(recipe.skeleton)]}
    write_bytes(root / "annotations" / f"{split}.json", as_json(content))


def _annotations(image_id: int, scene: CreatureScene, skeleton: Skeleton) -> list[Record]:
    """One record for each creature. Ten ids are kept for each picture."""
    size_wh = scene.image_HW3.shape[1::-1]
    of_image = {"image_id": image_id, "category_id": CATEGORY, "iscrowd": 0}
    records = [_record(creature, size_wh) for creature in scene.creatures]
    if skeleton.reference == "head":
        records = [r | {HEAD_KEY: _head_box(r["bbox"], c.size)} for r, c in zip(records, scene.creatures, strict=True)]
    return [{"id": 10 * image_id + number, **of_image, **record} for number, record in enumerate(records)]


def _record(creature: SeenCreature, size_wh: tuple[int, ...]) -> Record:
    """The box ends at the edges of the picture, in COCO's pixel-edge coordinates."""
    keypoints: list[float] = []
    for x, y, visibility in creature.joints_K3.tolist():
        keypoints += [round(x, 2), round(y, 2), int(visibility)]
    labelled_L2 = creature.joints_K3[creature.joints_K3[:, 2] > 0, :2]
    spare_2 = LEAST_SIDE * creature.size - np.ptp(labelled_L2, axis=0)
    margin_2 = np.maximum(BOX_MARGIN * creature.size, spare_2 / 2)
    low_2 = np.maximum(labelled_L2.min(axis=0) - margin_2, 0.0)
    side_2 = np.minimum(labelled_L2.max(axis=0) + margin_2, size_wh) - low_2
    box = [round(value, 2) for value in (*low_2.tolist(), *side_2.tolist())]
    return {
        "bbox": box,
        "area": round(AREA_SHARE * box[2] * box[3], 2),
        "num_keypoints": len(labelled_L2),
        "keypoints": keypoints,
    }


def _head_box(box: list[float], size: float) -> list[float]:
    """At the upper end of a creature's box, where its layout has the head."""
    side = HEAD_SIDE * size
    return [round(value, 2) for value in (box[0] + (box[2] - side) / 2, box[1], side, side)]


def _category(skeleton: Skeleton) -> Record:
    name = skeleton.subject or skeleton.name
    limbs = [[a + 1, b + 1] for a, b in skeleton.bones]
    return {"id": CATEGORY, "name": name, "keypoints": list(skeleton.joints), "skeleton": limbs}
