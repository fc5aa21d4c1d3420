"""What one trial is, and its signature: the identity of an experiment is its content. Imports no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from heatmark.datasets.augment import RecipeName
from heatmark.datasets.formats import FORMATS, USUAL_FORMAT, FormatName
from heatmark.datasets.geometry import Convention, heatmap_pitch, mirror_lag
from heatmark.datasets.people import FloatArray
from heatmark.datasets.rhd import DELTA_MM
from heatmark.foundation.hashes import sha256_of
from heatmark.foundation.variables import expand_variables
from heatmark.models.backbones import KnownBackbone
from heatmark.models.methods import AnyMethod
from heatmark.workloads.labels import trial_label

SCHEMA_VERSION: Final = 1
# Raise it when the same spec would give other numbers than before: old results are then not taken for new ones.
SCIENCE_VERSION = 1


class Section(BaseModel):
    """A part of a config: typed, frozen, every number finite, and no key it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class DataSpec(Section):
    """Which people, and how they are cropped.

    name: the data set's name in the sweep file. format: its native format. fingerprint: hash of the annotations and
    of which images are there (or of the parameters of a drawn data set), so that other data is another experiment.
    input_size: width and height of the crop in pixels. stride: input pixels per heatmap pixel.
    bbox_source: `gt` boxes, `det` for a detection file, or others that the format has; part of every metric's name
    (about 2 AP apart). For rhd, `gt` is hand3d's square and `mmpose` the extent of the joints.
    padding: the box grows by this factor (SBL 1.25). augmentation: whose distributions scale, rotation, half_body and
    shift are the amplitudes of (datasets/augment.py). flip: probability of mirroring. geometry: the convention of all
    pixels (datasets/geometry.py), SimpleBaseline's or UDP's. delta_mm: for rhd, of Eq. 27: how near the seen surface is
    to a visible joint.
    """

    name: str
    format: FormatName = USUAL_FORMAT
    fingerprint: str
    input_size: tuple[int, int] = (192, 256)
    stride: int = Field(4, ge=1)
    bbox_source: str = "gt"
    padding: float = Field(1.25, gt=0)
    scale: float = Field(0.3, ge=0, lt=1)
    rotation: float = Field(40.0, ge=0, le=180)
    flip: float = Field(0.5, ge=0, le=1)
    augmentation: RecipeName = "sbl"
    half_body: float = Field(0.0, ge=0, le=1)
    shift: float = Field(0.0, ge=0, lt=1)
    geometry: Convention = "biased"
    delta_mm: float = Field(DELTA_MM, gt=0)

    @model_validator(mode="after")
    def _size_fits_stride(self) -> DataSpec:
        if any(side <= 0 or side % 32 for side in self.input_size):
            raise ValueError(f"input_size {list(self.input_size)}: both sides must be positive multiples of 32")
        return self

    @model_validator(mode="after")
    def _boxes_are_the_formats(self) -> DataSpec:
        valid = FORMATS[self.format].box_sources
        if self.bbox_source not in valid:
            raise ValueError(f"bbox_source: {self.format} has no {self.bbox_source} boxes; valid: {', '.join(valid)}")
        return self

    @property
    def pitch(self) -> FloatArray:
        """Input pixels per heatmap pixel, across and down."""
        return heatmap_pitch(self.input_size, self.stride, self.geometry)

    @property
    def lag(self) -> float:
        """How far a mirrored-back map lies to the left, in heatmap pixels."""
        return mirror_lag(self.stride, self.geometry)

    @property
    def heatmap_size(self) -> tuple[int, int]:
        """Width and height of the heatmap in heatmap pixels."""
        return self.input_size[0] // self.stride, self.input_size[1] // self.stride


class TrainSpec(Section):
    """How long and how fast a trial learns. Defaults are SimpleBaseline's COCO recipe.

    batch_size: people per optimizer step over all ranks. milestones: epochs after which lr is multiplied by lr_gamma;
    None means at 90/140 and 120/140 of the epochs. flip_test: average the prediction with that of the mirrored crop.
    eval_every: epochs between evaluations (the last is always evaluated). max_people: a part of the data, 0 for all.
    depth: learn poses in 2.5D, with a depth map beside every heatmap; for data sets in 3D (rhd). depth_weight: of its
    loss; at 1 a millimetre along the view counts as one across it, and with detection a bone length as a peak.
    """

    epochs: int = Field(140, ge=1)
    batch_size: int = Field(128, ge=1)
    lr: float = Field(1e-3, gt=0)
    milestones: tuple[int, ...] | None = None
    lr_gamma: float = Field(0.1, gt=0, le=1)
    flip_test: bool = True
    eval_every: int = Field(1, ge=1)
    max_people: int = Field(0, ge=0)
    precision: Literal["fp32", "bf16"] = "fp32"
    depth: bool = False
    depth_weight: float = Field(1.0, ge=0)

    @model_validator(mode="after")
    def _milestones_ascend(self) -> TrainSpec:
        steps = self.milestones or ()
        if list(steps) != sorted(set(steps)) or any(step < 1 for step in steps):
            raise ValueError(f"milestones {list(steps)}: must be positive epochs in ascending order")
        return self

    def resolved(self) -> TrainSpec:
        """With the milestones written out."""
        if self.milestones is not None:
            return self
        steps = sorted({max(1, round(self.epochs * part / 140)) for part in (90, 120)})
        return self.model_copy(update={"milestones": tuple(steps)})


class PretrainedSpec(Section):
    """The weights a trial starts from.

    sha256: of their file. channels: the order of colours they were trained on, which the trial's images are then given
    in: `bgr` for SimpleBaseline's files and HRNet's pose_resnet_*, `rgb` for all others.
    """

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    channels: Literal["rgb", "bgr"] = "rgb"


class RuntimeSpec(Section):
    """How the same experiment is carried out here: nothing of it changes the science or enters the signature.

    data_root: the data set's folder. workers: loader processes per rank. threads: torch threads per rank, 0 for
    torch's own choice. strict: absent or unreadable images end the trial instead of being left out and counted.
    hang_s: the longest that one step, evaluation batch or save may take before the rank counts as hung.
    pretrained: the file of the weights that a trial with `pretrained` starts from.
    detections: the file of the validation boxes where bbox_source is `det`; its hash is in the data's fingerprint.
    image_cache: a folder for decoded images (datasets/image_cache.py); its variables are filled in by the job.
    stage: a folder of the node's own disk that the data is copied to (workloads/stage.py). stage_tar: the archive that
    is unpacked there instead of data_root.
    """

    data_root: str
    stage: str | None = None
    stage_tar: str | None = None
    pretrained: str | None = None
    detections: str | None = None
    image_cache: str | None = None
    workers: int = Field(0, ge=0)
    threads: int = Field(0, ge=0)
    zero_stage: Literal[0, 1, 2] = 0
    channels_last: bool = True
    strict: bool = False
    keep_checkpoints: int = Field(2, ge=1)
    hang_s: float = Field(600.0, gt=0)

    @property
    def cache(self) -> Path | None:
        """Raises InputError naming a variable that is not set where the job runs."""
        return Path(expand_variables(self.image_cache)).expanduser() if self.image_cache else None


def in_space() -> list[str]:
    """The formats whose joints are in 3D."""
    return [name for name, each in FORMATS.items() if each.in_space]


class TrialSpec(Section):
    """One cell of the grid."""

    schema_version: Literal[1] = SCHEMA_VERSION
    science_version: int = SCIENCE_VERSION
    method: AnyMethod
    backbone: KnownBackbone
    data: DataSpec
    train: TrainSpec
    pretrained: PretrainedSpec | None = None
    seed: int = Field(0, ge=0)
    runtime: RuntimeSpec

    @model_validator(mode="after")
    def _depth_can_be_learned(self) -> TrialSpec:
        if self.train.depth and not FORMATS[self.data.format].in_space:
            raise ValueError(f"train.depth: {self.data.format} has no joints in 3D; for {', '.join(in_space())} only")
        return self

    def science(self) -> dict[str, Any]:
        """The fields that decide the numbers, as plain JSON values."""
        # What a trial does without is no field: trials from before there was such a thing keep their signature.
        excluded: dict[str, Any] = {"runtime": True, "schema_version": True}
        if self.pretrained is None:
            excluded["pretrained"] = True
        if not self.train.depth:
            excluded["train"] = {"depth", "depth_weight"}
        later = ("augmentation", "half_body", "shift", "geometry", "delta_mm")
        excluded["data"] = {name for name in later if getattr(self.data, name) == DataSpec.model_fields[name].default}
        return self.model_dump(mode="json", exclude=excluded)

    @property
    def channels(self) -> Literal["rgb", "bgr"]:
        """The order of colours the network is given."""
        return self.pretrained.channels if self.pretrained else "rgb"

    @property
    def signature(self) -> str:
        """First 16 hex digits of the SHA-256 of the canonical JSON of `science`."""
        canonical = json.dumps(self.science(), sort_keys=True, separators=(",", ":"))
        return sha256_of(canonical)[:16]

    @property
    def label(self) -> str:
        """For people: method, beta, backbone, data set and seed."""
        return trial_label(self.model_dump(include={"method", "backbone", "data", "train", "seed"}))
