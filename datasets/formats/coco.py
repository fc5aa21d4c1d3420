"""COCO person keypoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from heatmark.datasets import coco, coco_file
from heatmark.datasets.augment import Variation
from heatmark.datasets.coco_detections import load_detections
from heatmark.datasets.crop_settings import RecipeName
from heatmark.datasets.format import Format, existing
from heatmark.datasets.formats.registry import register
from heatmark.datasets.metrics.evaluation import measure_coco
from heatmark.datasets.metrics.score import score_coco
from heatmark.datasets.people import SPLITS, PoseDataset, Skeleton, Split
from heatmark.datasets.predictions import Metrics, Predictions
from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.datasets.stats import subset_stats
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco
from heatmark.datasets.synthetic.recipe import Recipe


@register
class Coco(Format):
    """The official layout of COCO 2017, measured by OKS."""

    name: ClassVar[str] = "coco"
    order: ClassVar[int] = 0
    signs: ClassVar[str] = "annotations/person_keypoints_{train,val}2017.json"
    scored_files: ClassVar[str] = "annotation json and results json"
    headline = "AP"
    shown = ("AP", "AP50", "AP75", "AR", "EPE")
    takes_detections: ClassVar[bool] = True
    input_size: ClassVar[tuple[int, int]] = (192, 256)
    variation: ClassVar[Mapping[RecipeName, Variation]] = {
        "sbl": Variation(0.3, 40.0),
        "hrnet": Variation(0.35, 45.0, half_body=0.3),
        "rle": Variation(0.25, 45.0, half_body=0.3),
        "mmpose": Variation(0.5, 80.0, half_body=0.3, shift=0.16),
    }
    recipe: ClassVar[type[Recipe] | None] = SyntheticCoco

    @property
    def skeleton(self) -> Skeleton:
        return COCO_PERSON

    def load(self, root: Path, split: Split, strict: bool) -> PoseDataset:
        return coco.load_coco(root, split, strict=strict)

    def fingerprint(self, root: Path) -> str:
        return coco.fingerprint(root)

    def annotations(self, root: Path, split: Split) -> Path | None:
        return existing(coco.annotation_path(root, split))

    def recognise(self, root: Path) -> bool:
        """Not where the files name other joints: these are `keypoints` in COCO's places."""
        paths = [path for split in SPLITS if (path := self.annotations(root, split)) is not None]
        return bool(paths) and not any(coco.names_other_joints(path) for path in paths)

    def problems(self, path: Path) -> Iterator[str]:
        return coco_file.annotation_problems(path)

    def stated_sizes(self, root: Path, split: Split) -> dict[Path, tuple[int, int]]:
        return coco.stated_sizes(root, split)

    def measure(self, people: PoseDataset, predictions: Predictions) -> Metrics:
        return measure_coco(people, predictions)

    def score(self, truth_file: Path, predictions_file: Path, *, zero_based: bool = False) -> dict[str, Any]:
        return {**score_coco(truth_file, predictions_file)}

    def load_detections(self, root: Path, detections: Path, strict: bool) -> PoseDataset:
        return load_detections(root, detections, strict=strict)

    def stats(self, people: PoseDataset) -> dict[str, Any]:
        """With the sub-benchmarks of the paper's Tables 10 and 11."""
        return super().stats(people) | {"subsets": subset_stats(people)}
