"""What one trial is, and its signature: the identity of an experiment is its content. Imports no torch."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.formats import FORMATS, USUAL_FORMAT, FormatName, format_of
from heatmark.datasets.geometry import heatmap_pitch, mirror_lag
from heatmark.datasets.keypoint_settings import KeypointSettings
from heatmark.datasets.people import FloatArray
from heatmark.datasets.rhd import DELTA_MM
from heatmark.foundation.hashes import sha256_of
from heatmark.foundation.section import Section
from heatmark.models.backbones import KnownBackbone
from heatmark.models.methods import AnyMethod
from heatmark.workloads.labels import trial_label
from heatmark.workloads.runtime import RuntimeSpec

SCHEMA_VERSION: Final = 1
# Raise it when the same spec would give other numbers than before: old results are then not taken for new ones.
# 2: with flip_test a person's score, and so AP, comes from the mirrored crop too, as HRNet's does.
# 3: a loss is the mean over the joints of the global batch; before, each rank's own mean counted the same, so that a
#    joint beside few others weighed up to 28 % more at 4 people a rank. On one rank nothing has changed, but for DSNT,
#    the Gaussian of whose divergence was cut at 3 sigma. Boxes, flip test and eval_every left the signature: they
#    change no weight.
SCIENCE_VERSION = 3
# The last version whose signatures held what is only measured.
LAST_WITH_MEASUREMENTS = 2
# Between a data set's own fingerprint and that of its detections, when they were one.
BOXES_MARK = " boxes "


class DataSettings(CropSettings):
    """Of which format a data set is, and in which boxes its people are cropped."""

    format: FormatName = Field(USUAL_FORMAT, description="The data set's native format (datasets/formats/).")
    bbox_source: str = Field(
        "gt",
        description="`gt` boxes, `det` for a detection file, or others that the format has (for rhd, `gt` is hand3d's "
        "square and `mmpose` the extent of the joints); part of every metric's name, about 2 AP apart.",
    )
    delta_mm: float = Field(
        DELTA_MM, gt=0, description="For rhd, of Eq. 27: how near the seen surface is to a visible joint."
    )
    keypoints: KeypointSettings | None = Field(
        None, description="With format `keypoints`: files, skeleton and categories, where the folder does not tell."
    )

    @model_validator(mode="after")
    def _keypoints_go_with_their_format(self) -> DataSettings:
        if self.keypoints is not None and self.format != "keypoints":
            raise ValueError(f"keypoints: goes with `format: keypoints`, not with {self.format}; leave it out")
        return self


class DataSpec(DataSettings):
    """Which people, and how they are cropped."""

    name: str = Field(description="The data set's name in the sweep file.")
    fingerprint: str = Field(
        description="Hash of the annotations and of which images are there, or of the parameters of a drawn data set: "
        "other data is another experiment."
    )
    detections: str | None = Field(None, description="With bbox_source `det`, the hash of the boxes' file.")
    stride: int = Field(4, ge=1, description="Input pixels per heatmap pixel.")

    @model_validator(mode="after")
    def _fingerprints_are_apart(self) -> DataSpec:
        """In specs of earlier versions they were one."""
        if BOXES_MARK in self.fingerprint:
            fingerprint, _, detections = self.fingerprint.partition(BOXES_MARK)
            self.__dict__.update(fingerprint=fingerprint, detections=detections)
        return self

    @property
    def trained_boxes(self) -> str:
        """By which people are cropped in training: a detector's boxes are for measuring alone."""
        return "gt" if self.bbox_source == "det" else self.bbox_source

    @model_validator(mode="after")
    def _boxes_are_the_formats(self) -> DataSpec:
        valid = format_of(self).box_sources
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
    """How long and how fast a trial learns. Defaults are SimpleBaseline's COCO recipe."""

    epochs: int = Field(
        140,
        ge=0,
        description="Passes over the training people; with 0 the weights of `pretrained` are measured as they are.",
    )
    batch_size: int = Field(128, ge=1, description="People per optimizer step over all ranks.")
    lr: float = Field(1e-3, gt=0, description="Adam's learning rate at the beginning.")
    milestones: tuple[int, ...] | None = Field(
        None,
        description="Epochs after which lr is multiplied by lr_gamma; None is at 90/140 and 120/140 of the epochs.",
    )
    lr_gamma: float = Field(0.1, gt=0, le=1, description="What the learning rate is multiplied by at a milestone.")
    flip_test: bool = Field(True, description="Average the prediction with that of the mirrored crop.")
    eval_every: int = Field(1, ge=1, description="Epochs between evaluations; the last is always evaluated.")
    measure_untrained: bool = Field(
        False, description="Measure the net before training too, as epoch 0 (the paper's figures begin there)."
    )
    max_people: int = Field(0, ge=0, description="A part of the data: the first so many people, 0 for all.")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="Of the network; heads, softmax, expectation and loss are in fp32 always."
    )
    gradient_clipping: float = Field(
        1.0,
        ge=0,
        description="The largest norm of all gradients together, DeepSpeed's own default; 0 is none, as in the recipes "
        "of SimpleBaseline and HRNet.",
    )
    compile: bool = Field(
        False, description="The network through torch.compile: faster, and other rounding, so another trial."
    )
    depth: bool = Field(
        False, description="Learn poses in 2.5D, with a depth map beside every heatmap; for data sets in 3D (rhd)."
    )
    depth_weight: float = Field(
        1.0,
        ge=0,
        description="Of the depth's loss; at 1 a millimetre along the view counts as one across it, and with detection "
        "a bone length as a peak.",
    )

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
        steps = sorted({max(1, round(self.epochs * part / 140)) for part in (90, 120)}) if self.epochs else []
        return self.model_copy(update={"milestones": tuple(steps)})


Channels = Literal["rgb", "bgr"]


class PretrainedSpec(Section):
    """The weights a trial starts from."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of their file.")
    channels: Channels = Field(
        "rgb",
        description="The order of colours they were trained on, in which the trial's images are given: `bgr` for "
        "SimpleBaseline's files and HRNet's pose_resnet_*, `rgb` for all others.",
    )
    container: str | None = Field(None, description="Which part of the file, where it holds several (`ema`).")


class PlugInUse(Section):
    """A plug-in that a part of the trial comes from."""

    of: Literal["method", "backbone", "format"] = Field(description="Which part.")
    name: str = Field(description="Of the file, the module or the package.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of its source; 12 digits of it are in the signature.")
    installed: bool = Field(description="In a package of the environment; else a copy lies in the run folder.")
    label: str = Field("", description="What people call a method, for where its plug-in is no longer there.")

    @property
    def source(self) -> str:
        """The digits of the signature."""
        return self.sha256[:12]


def in_space() -> list[str]:
    """The formats whose joints are in 3D."""
    return [name for name, each in FORMATS.items() if each.in_space]


def _at_default(section: Section, names: tuple[str, ...]) -> set[str]:
    return {name for name in names if getattr(section, name) == type(section).model_fields[name].default}


class TrialSpec(Section):
    """One cell of the grid."""

    schema_version: Literal[1] = Field(SCHEMA_VERSION, description="Of these keys.")
    science_version: int = Field(SCIENCE_VERSION, description="Of the code that the numbers come from.")
    method: AnyMethod = Field(description="How a heatmap is learned and read (models/methods/).")
    backbone: KnownBackbone = Field(description="The network (models/backbones/).")
    data: DataSpec = Field(description="Which people, and how they are cropped.")
    train: TrainSpec = Field(description="How long and how fast it learns.")
    pretrained: PretrainedSpec | None = Field(None, description="The weights it starts from; None for random ones.")
    seed: int = Field(0, ge=0, description="Of the weights, the order of people and their augmentation.")
    plugins: tuple[PlugInUse, ...] = Field((), description="What of it is in no part of heatmark itself.")
    runtime: RuntimeSpec = Field(description="How it is carried out here; not a part of the signature.")

    @model_validator(mode="after")
    def _something_is_measured(self) -> TrialSpec:
        if self.train.epochs == 0 and self.pretrained is None:
            raise ValueError("train.epochs: 0 measures published weights; give their file under `pretrained`")
        return self

    @model_validator(mode="after")
    def _depth_can_be_learned(self) -> TrialSpec:
        if self.train.depth and not format_of(self.data).in_space:
            raise ValueError(f"train.depth: {self.data.format} has no joints in 3D; for {', '.join(in_space())} only")
        return self

    def science(self) -> dict[str, Any]:
        """The fields that decide the weights, as plain JSON values; what is measured of them is another matter."""
        # What a trial does without is no field: trials from before there was such a thing keep their signature.
        excluded: dict[str, Any] = {"runtime": True, "schema_version": True, "plugins": True}
        excluded["pretrained"] = self.pretrained is None or _at_default(self.pretrained, ("container",))
        later = ("augmentation", "half_body", "shift", "geometry", "scaled_decoding", "delta_mm")
        excluded["data"] = dict.fromkeys(_at_default(self.data, (*later, "keypoints")), True)
        if self.data.keypoints is not None:
            # What the files hold counts (fingerprint), not where they are.
            excluded["data"]["keypoints"] = {"train", "val", "annotations", "images"}
        excluded["train"] = _at_default(self.train, ("gradient_clipping", "compile")) | {"measure_untrained"}
        if not self.train.depth:
            excluded["train"] |= {"depth", "depth_weight"}
        excluded["data"]["detections"] = True
        if self.science_version > LAST_WITH_MEASUREMENTS:
            excluded["train"] |= {"flip_test", "eval_every"}
            fields = self.model_dump(mode="json", exclude=excluded)
            fields["data"]["bbox_source"] = self.data.trained_boxes
            if self.plugins:
                fields["plugins"] = self._sources()
            return fields
        fields = self.model_dump(mode="json", exclude=excluded)
        if self.data.detections is not None:
            fields["data"]["fingerprint"] += f"{BOXES_MARK}{self.data.detections}"
        return fields

    def _sources(self) -> dict[str, str]:
        """By part, the plug-ins that it comes from, told by their content: a renamed file is the same plug-in."""
        parts = sorted({each.of for each in self.plugins})
        return {part: " ".join(sorted(each.source for each in self.plugins if each.of == part)) for part in parts}

    def without_place(self, text: str) -> str:
        """With the data set's name for the folder that it is in here, for what goes elsewhere."""
        return text.replace(self.runtime.data_root, self.data.name)

    @property
    def channels(self) -> Channels:
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
