"""A small COCO folder in the native layout, for the tests to spoil."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from heatmark.datasets.skeletons import COCO_PERSON

WIDTH, HEIGHT = 160, 120


@dataclass
class CocoFolder:
    """Writes annotations and pictures. A picture shows where it is: red is x, green is y, blue is the image's id, and
    100 more in the validation split, as splits share no picture.
    """

    root: Path

    def image(self, image_id: int, **changes: Any) -> dict[str, Any]:
        return {"id": image_id, "file_name": f"{image_id:012d}.png", "width": WIDTH, "height": HEIGHT, **changes}

    def person(self, annotation_id: int, image_id: int, **changes: Any) -> dict[str, Any]:
        joints_K3 = np.column_stack([np.arange(17) * 3 + 20, np.arange(17) * 4 + 15, np.full(17, 2)])
        record = {
            "id": annotation_id,
            "image_id": image_id,
            "category_id": 1,
            "iscrowd": 0,
            "num_keypoints": 17,
            "keypoints": joints_K3.ravel().tolist(),
            "bbox": [15.0, 10.0, 60.0, 80.0],
            "area": 2400.0,
        }
        return {**record, **changes}

    def content(self, images: int = 3, people_per_image: int = 2) -> dict[str, Any]:
        """People numbered from 1 in the order of the file, which goes over the images again and again."""
        return {
            "images": [self.image(number + 1) for number in range(images)],
            "annotations": [self.person(n + 1, n % images + 1) for n in range(images * people_per_image)],
            "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_PERSON.joints)}],
        }

    def annotation_file(self, split: str) -> Path:
        return self.root / "annotations" / f"person_keypoints_{split}2017.json"

    def image_file(self, split: str, image_id: int) -> Path:
        return self.root / f"{split}2017" / f"{image_id:012d}.png"

    def write(self, split: str, content: dict[str, Any]) -> None:
        path = self.annotation_file(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        folder = self.root / f"{split}2017"
        folder.mkdir(exist_ok=True)
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        for image in content["images"]:
            blue = int(image["id"]) + (100 if split == "val" else 0)
            image_bgr = np.stack([np.full_like(rows, blue), rows, columns], axis=-1).astype(np.uint8)
            cv2.imwrite(str(folder / image["file_name"]), image_bgr)


@pytest.fixture
def coco(tmp_path: Path) -> CocoFolder:
    """Both splits with 3 images of 2 people."""
    folder = CocoFolder(tmp_path / "coco")
    for split in ("train", "val"):
        folder.write(split, folder.content())
    return folder
