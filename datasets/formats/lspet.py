"""Leeds Sports Pose Extended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from heatmark.datasets import lspet
from heatmark.datasets.format import Format, existing
from heatmark.datasets.formats.registry import register
from heatmark.datasets.metrics import score_lspet
from heatmark.datasets.metrics.evaluation import measure_lspet
from heatmark.datasets.people import PoseDataset, Skeleton, Split
from heatmark.datasets.predictions import Metrics, Predictions
from heatmark.datasets.skeletons import LSP_PERSON
from heatmark.datasets.synthetic.lspet_tree import SyntheticLspet
from heatmark.datasets.synthetic.recipe import Recipe


@register
class Lspet(Format):
    """joints.mat beside images/, measured by PCK of the torso."""

    name: ClassVar[str] = "lspet"
    order: ClassVar[int] = 2
    signs: ClassVar[str] = "joints.mat and images/"
    scored_files: ClassVar[str] = (
        "joints.mat and a .mat or .h5 with `preds` and, for a part of the images, `image_numbers`; PCK in percent"
    )
    headline = "PCK@0.2"
    shown = ("PCK@0.2", "PCK@0.1", "EPE")
    recipe: ClassVar[type[Recipe] | None] = SyntheticLspet

    @property
    def skeleton(self) -> Skeleton:
        return LSP_PERSON

    def load(self, root: Path, split: Split, strict: bool) -> PoseDataset:
        return lspet.load_lspet(root, split, strict=strict)

    def fingerprint(self, root: Path) -> str:
        return lspet.fingerprint(root)

    def annotations(self, root: Path, split: Split) -> Path | None:
        return existing(root / lspet.JOINTS_FILE)

    def problems(self, path: Path) -> Iterator[str]:
        return lspet.joint_problems(path)

    def measure(self, people: PoseDataset, predictions: Predictions) -> Metrics:
        return measure_lspet(people, predictions)

    def score(self, truth_file: Path, predictions_file: Path, *, zero_based: bool = False) -> dict[str, Any]:
        return score_lspet.score_lspet(truth_file, predictions_file)

    def usual_file(self, people: PoseDataset, predictions: Predictions) -> bytes | None:
        return score_lspet.predictions_file(people, predictions)
