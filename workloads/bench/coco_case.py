"""A COCO validation set with a detector's poses on it, as large as the published ones, drawn in a second."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from heatmark.datasets.keypoint_truth import JOINTS
from heatmark.datasets.skeletons import COCO_PERSON

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CocoCase:
    """How many of each. Every twentieth person is a crowd or has no labelled joint."""

    images: int = 4842
    people: int = 10777
    detections: int = 97_809

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The annotation file and the results file."""
        rng = np.random.default_rng(0)
        image_N = np.sort(rng.integers(1, self.images + 1, self.people))
        side_N = np.exp(rng.normal(4.5, 0.8, self.people))
        corner_N2 = rng.uniform(0, 400, (self.people, 2))
        joints_NK2 = corner_N2[:, None] + rng.uniform(0, 1, (self.people, JOINTS, 2)) * side_N[:, None, None]
        truth, found = folder / "truth.json", folder / "found.json"
        truth.write_bytes(msgspec.json.encode(self._truth(rng, image_N, side_N, corner_N2, joints_NK2)))
        found.write_bytes(msgspec.json.encode(self._found(rng, image_N, side_N, joints_NK2)))
        return truth, found

    def _truth(
        self,
        rng: np.random.Generator,
        image_N: npt.NDArray[np.int64],
        side_N: FloatArray,
        corner_N2: FloatArray,
        joints_NK2: FloatArray,
    ) -> dict[str, Any]:
        visibility_NK = rng.choice([0, 1, 2], (self.people, JOINTS), p=[0.3, 0.1, 0.6])
        visibility_NK[::40] = 0
        keypoints_NK3 = np.dstack([joints_NK2.round(), visibility_NK]) * (visibility_NK > 0)[..., None]
        people = [
            {
                "id": number + 1,
                "image_id": int(image_N[number]),
                "category_id": 1,
                "keypoints": keypoints_NK3[number].ravel().astype(int).tolist(),
                "num_keypoints": int((visibility_NK[number] > 0).sum()),
                "bbox": [*corner_N2[number].round(2).tolist(), *[round(float(side_N[number]), 2)] * 2],
                "area": round(float(0.6 * side_N[number] ** 2), 4),
                "iscrowd": int(number % 40 == 20),
            }
            for number in range(self.people)
        ]
        size = {"width": 640, "height": 480}
        images = [{"id": number, "file_name": f"{number:012}.jpg", **size} for number in range(1, self.images + 1)]
        names = {"keypoints": list(COCO_PERSON.joints), "skeleton": []}
        return {"images": images, "annotations": people, "categories": [{"id": 1, "name": "person", **names}]}

    def _found(
        self, rng: np.random.Generator, image_N: npt.NDArray[np.int64], side_N: FloatArray, joints_NK2: FloatArray
    ) -> list[dict[str, Any]]:
        """Everyone about nine times, ever further off, under scores of three digits, so that many are equal."""
        person_M = np.arange(self.detections) % self.people
        off_M = rng.exponential(0.08, self.detections) * side_N[person_M]
        joints_MK2 = joints_NK2[person_M] + off_M[:, None, None] * rng.normal(0, 1, (self.detections, JOINTS, 2))
        score_M = np.round(np.exp(-off_M / side_N[person_M]) * rng.uniform(0, 1, self.detections), 3)
        keypoints_MX = np.dstack([joints_MK2.round(3), rng.random((self.detections, JOINTS)).round(4)])
        rows = zip(
            image_N[person_M].tolist(),
            keypoints_MX.reshape(self.detections, -1).tolist(),
            score_M.tolist(),
            strict=True,
        )
        return [
            {"image_id": image, "category_id": 1, "keypoints": keypoints, "score": score}
            for image, keypoints, score in rows
        ]
