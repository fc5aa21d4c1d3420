"""Key points of any skeleton, in COCO-style files under any names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from heatmark.datasets import coco_file
from heatmark.datasets.coco_people import stated_sizes_of
from heatmark.datasets.format import Format, existing
from heatmark.datasets.formats.registry import register
from heatmark.datasets.keypoint_data import KeypointData, drawn_settings, skeleton_of, wanted_of
from heatmark.datasets.keypoint_layout import candidates
from heatmark.datasets.keypoint_settings import KeypointSettings
from heatmark.datasets.metrics.keypoints import THRESHOLDS, measure_keypoints
from heatmark.datasets.metrics.score_keypoints import score_keypoints
from heatmark.datasets.people import PoseDataset, Skeleton, Split
from heatmark.datasets.predictions import Metrics, Predictions
from heatmark.datasets.synthetic.keypoint_tree import SyntheticKeypoints
from heatmark.datasets.synthetic.recipe import Recipe


@register
class Keypoints(Format):
    """Any skeleton, measured by OKS with its sigmas, and by PCK, AUC and EPE."""

    name: ClassVar[str] = "keypoints"
    # After all that know their own layout.
    order: ClassVar[int] = 9
    signs: ClassVar[str] = "COCO-style json of any joints, such as train/_annotations.coco.json, near its pictures"
    takes_detections: ClassVar[bool] = True
    any_skeleton: ClassVar[bool] = True
    recipe: ClassVar[type[Recipe] | None] = SyntheticKeypoints
    scored_files: ClassVar[str] = "annotation json and results json of any joints"

    def __init__(self, settings: KeypointSettings | None = None) -> None:
        self.settings = settings or KeypointSettings()
        self.headline = self.settings.headline or "AP"
        metrics = (self.headline, "AP", "PCK@0.2", "NME", "AUC@0-30px", "EPE")
        self.shown = tuple(dict.fromkeys(metrics))

    def of(self, settings: KeypointSettings | None) -> Format:
        return Keypoints(settings)

    def resolved(self, root: Path | None, settings: KeypointSettings | None) -> KeypointSettings | None:
        given = settings or KeypointSettings()
        return drawn_settings(given, skeleton_of(given)) if root is None else KeypointData(root, given).resolved()

    def located(self, root: Path) -> Format:
        return Keypoints(self._data(root).located)

    def drawn(self, people_train: int, people_val: int, seed: int) -> Recipe | None:
        return SyntheticKeypoints(people_train, people_val, seed, skeleton_of(self.settings))

    @property
    def skeleton(self) -> Skeleton | None:
        """Once resolved: before that the files may tell it."""
        return skeleton_of(self.settings) if isinstance(self.settings.skeleton, dict) else None

    @property
    def mirrors(self) -> bool:
        """Once resolved, the skeleton tells."""
        skeleton = self.settings.skeleton
        return bool(skeleton.get("mirror", True)) if isinstance(skeleton, dict) else True

    @property
    def measures(self) -> str:
        """With the metric that leads, where that is not AP."""
        return self.name if self.headline == "AP" else f"{self.name}/{self.headline}"

    def load(self, root: Path, split: Split, strict: bool) -> PoseDataset:
        return self._data(root).load(split, strict=strict)

    def load_detections(self, root: Path, detections: Path, strict: bool) -> PoseDataset:
        return self._data(root).load_detections(detections, strict=strict)

    def fingerprint(self, root: Path) -> str:
        return self._data(root).fingerprint()

    def annotations(self, root: Path, split: Split) -> Path | None:
        """Raises InputError where several files may be meant."""
        unsaid = self.settings.train is None and self.settings.annotations is None
        if unsaid and not candidates(root):
            return None
        return existing(root / self._data(root).files(split).annotations)

    def recognise(self, root: Path) -> bool:
        """Also where several files may be meant."""
        return bool(candidates(root))

    def problems(self, path: Path) -> Iterator[str]:
        return coco_file.annotation_problems(path, wanted_of(self.settings)[0])

    def stated_sizes(self, root: Path, split: Split) -> dict[Path, tuple[int, int]]:
        data = self._data(root)
        files = data.files(split)
        coco = coco_file.load_annotations(root / files.annotations, wanted_of(self.settings)[0])
        return stated_sizes_of(coco, root / files.images)

    def measure(self, people: PoseDataset, predictions: Predictions) -> Metrics:
        return measure_keypoints(people, predictions, self._thresholds)

    def score(self, truth_file: Path, predictions_file: Path, *, zero_based: bool = False) -> dict[str, Any]:
        return score_keypoints(truth_file, predictions_file, self.settings, self._thresholds)

    @property
    def _thresholds(self) -> tuple[str, ...]:
        own = self.headline.partition("PCK@")[2]
        return tuple(dict.fromkeys((*((own,) if own else ()), *THRESHOLDS)))

    def _data(self, root: Path) -> KeypointData:
        return KeypointData(root, self.settings)
