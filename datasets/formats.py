"""What each data set format is: how it is read, named, measured and scored. The ONE place to add a format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from heatmark.datasets import coco, lspet, mpii, mpii_files, rhd
from heatmark.datasets.augment import USUAL_VARIATION, RecipeName, Variation
from heatmark.datasets.coco_detections import load_detections
from heatmark.datasets.metrics import score_lspet, score_mpii, score_rhd
from heatmark.datasets.metrics.evaluation import measure_coco, measure_lspet, measure_mpii, measure_rhd
from heatmark.datasets.metrics.score import score_coco
from heatmark.datasets.people import SPLITS, PoseDataset, Split
from heatmark.datasets.predictions import Metrics, Predictions
from heatmark.foundation.errors import InputError

FormatName = Literal["coco", "mpii", "lspet", "rhd"]


def no_file(people: PoseDataset, predictions: Predictions) -> bytes | None:
    """For formats whose usual file is COCO's results json, which every run keeps anyway."""
    return None


@dataclass(frozen=True)
class Format:
    """One native format.

    load: root folder, split, strict -> the people of the split; InputError for files that are no good.
    fingerprint: root folder -> a hash of the annotations and of which images are there.
    measure: metrics of predictions by name, as fractions of 1 and in image pixels. headline: the one to show first.
    annotations: root folder, split -> the annotation file, None where it is not there. signs: where that is, in words.
    problems: annotation file -> everything wrong in it; InputError where the file as a whole is no good.
    score: truth file, predictions in the format's usual file -> what `heatmark score` prints.
    counts_from_one: the usual file's first pixel is 1; score then takes zero_based for files where it is not.
    usual_file: predictions as that file, None where the run's predictions.json is it or people are missing in them.
    load_detections: root folder, detection file, strict -> validation people in a detector's boxes.
    visible_within: where visibility is cut from a distance: a split, delta in millimetres -> the split cut there.
    boxes: other boxes by the name that bbox_source gives them: a split -> the same people in them.
    in_space: its people have joints in 3D, from which a trial can learn depth.
    input_size, variation: the usual crop and augmentation, where a sweep file does not say (DataSpec).
    """

    load: Callable[[Path, Split, bool], PoseDataset]
    fingerprint: Callable[[Path], str]
    measure: Callable[[PoseDataset, Predictions], Metrics]
    headline: str
    annotations: Callable[[Path, Split], Path | None]
    signs: str
    problems: Callable[[Path], Iterator[str]]
    score: Callable[..., dict[str, Any]]
    counts_from_one: bool = False
    usual_file: Callable[[PoseDataset, Predictions], bytes | None] = no_file
    load_detections: Callable[[Path, Path, bool], PoseDataset] | None = None
    visible_within: Callable[[PoseDataset, float], PoseDataset] | None = None
    boxes: Mapping[str, Callable[[PoseDataset], PoseDataset]] = field(default_factory=dict)
    in_space: bool = False
    input_size: tuple[int, int] = (256, 256)
    variation: Mapping[RecipeName, Variation] = field(default_factory=lambda: USUAL_VARIATION)

    def recognise(self, root: Path) -> bool:
        """Whether a folder holds annotations of this format, for one split at least."""
        return any(self.annotations(root, split) is not None for split in SPLITS)


def load_split(
    name: FormatName,
    root: Path,
    split: Split,
    strict: bool,
    detections: Path | None = None,
    bbox_source: str = "gt",
    delta_mm: float = rhd.DELTA_MM,
) -> PoseDataset:
    """The people of one split; with a detection file those of the validation split are in a detector's boxes.

    delta_mm: of Eq. 27, for the formats whose visibility is cut there.
    """
    data_format = FORMATS[name]
    if split == "val" and detections is not None and data_format.load_detections is not None:
        return data_format.load_detections(root, detections, strict)
    people = data_format.load(root, split, strict)
    if data_format.visible_within is not None:
        people = data_format.visible_within(people, delta_mm)
    return data_format.boxes[bbox_source](people) if bbox_source in data_format.boxes else people


def existing(path: Path) -> Path | None:
    return path if path.is_file() else None


FORMATS: dict[FormatName, Format] = {
    "coco": Format(
        load=lambda root, split, strict: coco.load_coco(root, split, strict=strict),
        fingerprint=coco.fingerprint,
        measure=measure_coco,
        headline="AP",
        annotations=lambda root, split: existing(coco.annotation_path(root, split)),
        signs="annotations/person_keypoints_{train,val}2017.json",
        problems=coco.annotation_problems,
        score=score_coco,
        load_detections=lambda root, path, strict: load_detections(root, path, strict=strict),
        input_size=(192, 256),
        variation={
            "sbl": Variation(0.3, 40.0),
            "hrnet": Variation(0.35, 45.0, half_body=0.3),
            "rle": Variation(0.25, 45.0, half_body=0.3),
            "mmpose": Variation(0.5, 80.0, half_body=0.3, shift=0.16),
        },
    ),
    "mpii": Format(
        load=lambda root, split, strict: mpii.load_mpii(root, split, strict=strict),
        fingerprint=mpii.fingerprint,
        measure=measure_mpii,
        headline="PCKh@0.5",
        annotations=mpii.find_annotations,
        signs="annot/{train,valid}.json or annot/{train,valid}.h5",
        problems=mpii_files.person_problems,
        score=score_mpii.score_mpii,
        counts_from_one=True,
        usual_file=score_mpii.predictions_file,
    ),
    "lspet": Format(
        load=lambda root, split, strict: lspet.load_lspet(root, split, strict=strict),
        fingerprint=lspet.fingerprint,
        measure=measure_lspet,
        headline="PCK@0.2",
        annotations=lambda root, split: existing(root / lspet.JOINTS_FILE),
        signs="joints.mat and images/",
        problems=lspet.joint_problems,
        score=score_lspet.score_lspet,
        usual_file=score_lspet.predictions_file,
    ),
    "rhd": Format(
        load=lambda root, split, strict: rhd.load_rhd(root, split, strict=strict),
        fingerprint=rhd.fingerprint,
        measure=measure_rhd,
        headline="AUC@0-30px",
        annotations=lambda root, split: existing(rhd.annotation_path(root, split)),
        signs="{training,evaluation}/anno_{training,evaluation}.pickle with color/, mask/ and depth/",
        problems=rhd.problems,
        score=score_rhd.score_rhd,
        usual_file=score_rhd.predictions_file,
        visible_within=rhd.visible_within,
        boxes={"mmpose": rhd.in_mmpose_boxes},
        in_space=True,
        # mmpose turns hands by up to 180 degrees.
        variation={**USUAL_VARIATION, "sbl": Variation(0.3, 90.0), "mmpose": Variation(0.3, 180.0, shift=0.16)},
    ),
}


def score(name: str, truth_file: Path, predictions_file: Path, *, zero_based: bool = False) -> dict[str, Any]:
    """`heatmark score`: the metrics of a format's usual prediction file."""
    data_format = next((found for each, found in FORMATS.items() if each == name), None)
    if data_format is None:
        raise InputError(f"score {name}: unknown format; valid: {', '.join(FORMATS)}")
    if not zero_based:
        return data_format.score(truth_file, predictions_file)
    if not data_format.counts_from_one:
        raise InputError(f"score {name}: --zero-based says nothing here, {name} counts pixels from 0; leave it out")
    return data_format.score(truth_file, predictions_file, zero_based=True)
