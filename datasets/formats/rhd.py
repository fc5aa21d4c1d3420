"""The Rendered Hand-pose Dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from heatmark.datasets import rhd
from heatmark.datasets.augment import USUAL_VARIATION, Variation
from heatmark.datasets.crop_settings import RecipeName
from heatmark.datasets.format import Format, OtherBoxes, existing
from heatmark.datasets.formats.registry import register
from heatmark.datasets.metrics import score_rhd
from heatmark.datasets.metrics.evaluation import measure_rhd
from heatmark.datasets.people import PoseDataset, Skeleton, Split
from heatmark.datasets.predictions import Metrics, Predictions
from heatmark.datasets.skeletons import RHD_HAND
from heatmark.datasets.synthetic.recipe import Recipe
from heatmark.datasets.synthetic.rhd_tree import SyntheticRhd


@register
class Rhd(Format):
    """The dominant hand of every image, in 2D or 2.5D, measured by AUC and EPE."""

    name: ClassVar[str] = "rhd"
    order: ClassVar[int] = 3
    signs: ClassVar[str] = "{training,evaluation}/anno_{training,evaluation}.pickle with color/, mask/ and depth/"
    scored_files: ClassVar[str] = (
        "anno_evaluation.pickle beside mask/, and a .mat or .h5 with `preds` of the dominant hands and, for 3D, "
        "`preds_xyz` in millimetres; AUC as a fraction"
    )
    headline = "AUC@0-30px"
    shown = (
        *("AUC@0-30px", "PCK@0.2", "EPE"),
        *("AUC@20-50mm", "AUC@0-50mm", "EPE mm"),
    )
    boxes: ClassVar[Mapping[str, OtherBoxes]] = {"mmpose": rhd.in_mmpose_boxes}
    in_space: ClassVar[bool] = True
    # Every joint of a hand is labelled, and all hands are of one size.
    divided_by: ClassVar[Literal["people", "joints"]] = "joints"
    # mmpose turns hands by up to 180 degrees.
    variation: ClassVar[Mapping[RecipeName, Variation]] = {
        **USUAL_VARIATION,
        "sbl": Variation(0.3, 90.0),
        "mmpose": Variation(0.3, 180.0, shift=0.16),
    }
    recipe: ClassVar[type[Recipe] | None] = SyntheticRhd

    @property
    def skeleton(self) -> Skeleton:
        return RHD_HAND

    def load(self, root: Path, split: Split, strict: bool) -> PoseDataset:
        return rhd.load_rhd(root, split, strict=strict)

    def fingerprint(self, root: Path) -> str:
        return rhd.fingerprint(root)

    def annotations(self, root: Path, split: Split) -> Path | None:
        return existing(rhd.annotation_path(root, split))

    def problems(self, path: Path) -> Iterator[str]:
        return rhd.problems(path)

    def measure(self, people: PoseDataset, predictions: Predictions) -> Metrics:
        return measure_rhd(people, predictions)

    def score(self, truth_file: Path, predictions_file: Path, *, zero_based: bool = False) -> dict[str, Any]:
        return score_rhd.score_rhd(truth_file, predictions_file)

    def usual_file(self, people: PoseDataset, predictions: Predictions) -> bytes | None:
        return score_rhd.predictions_file(people, predictions)

    def visible_within(self, people: PoseDataset, delta_mm: float) -> PoseDataset:
        return rhd.visible_within(people, delta_mm)
