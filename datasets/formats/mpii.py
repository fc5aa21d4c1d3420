"""MPII Human Pose, single people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from heatmark.datasets import mpii
from heatmark.datasets.format import Format
from heatmark.datasets.formats.registry import register
from heatmark.datasets.metrics import score_mpii
from heatmark.datasets.metrics.evaluation import measure_mpii
from heatmark.datasets.mpii_files import person_problems
from heatmark.datasets.people import PoseDataset, Skeleton, Split
from heatmark.datasets.predictions import Metrics, Predictions
from heatmark.datasets.skeletons import MPII_PERSON
from heatmark.datasets.synthetic.mpii_tree import SyntheticMpii
from heatmark.datasets.synthetic.recipe import Recipe


@register
class Mpii(Format):
    """HRNet's json with gt_valid.mat, or Tompson's h5, measured by PCKh."""

    name: ClassVar[str] = "mpii"
    order: ClassVar[int] = 1
    signs: ClassVar[str] = "annot/{train,valid}.json or annot/{train,valid}.h5"
    scored_files: ClassVar[str] = "gt_valid.mat and a .mat or .h5 with `preds`; PCKh in percent"
    headline = "PCKh@0.5"
    shown = ("PCKh@0.5", "PCKh@0.10", "PCKh@0.11", "EPE")
    counts_from_one: ClassVar[bool] = True
    recipe: ClassVar[type[Recipe] | None] = SyntheticMpii

    @property
    def skeleton(self) -> Skeleton:
        return MPII_PERSON

    def load(self, root: Path, split: Split, strict: bool) -> PoseDataset:
        return mpii.load_mpii(root, split, strict=strict)

    def fingerprint(self, root: Path) -> str:
        return mpii.fingerprint(root)

    def annotations(self, root: Path, split: Split) -> Path | None:
        return mpii.find_annotations(root, split)

    def truth_file(self, root: Path) -> Path:
        return super().truth_file(root).with_name(mpii.TRUTH_FILE)

    def problems(self, path: Path) -> Iterator[str]:
        return person_problems(path)

    def measure(self, people: PoseDataset, predictions: Predictions) -> Metrics:
        return measure_mpii(people, predictions)

    def score(self, truth_file: Path, predictions_file: Path, *, zero_based: bool = False) -> dict[str, Any]:
        return score_mpii.score_mpii(truth_file, predictions_file, zero_based=zero_based)

    def usual_file(self, people: PoseDataset, predictions: Predictions) -> bytes | None:
        return score_mpii.predictions_file(people, predictions)
