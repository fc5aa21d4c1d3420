"""What an exported net says of itself: all that whoever runs it must know, as the metadata of its file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError

from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.geometry import Convention
from heatmark.datasets.people import Skeleton
from heatmark.datasets.skeletons.mapping import as_mapping, from_mapping
from heatmark.foundation.errors import InputError
from heatmark.workloads.engine import MEAN, STD
from heatmark.workloads.run_folder.record import VERSION_KEY, Record
from heatmark.workloads.spec import Channels, TrialSpec

INPUT = "image"
Output = Literal["joints", "confidences", "depths"]


class Exported(Record):
    """One key of the metadata each; text as it is, all else as JSON.

    heatmark: the version that wrote it. label: method, beta, backbone, data set and seed. method: its fields. data:
    the data set's name. epoch: finished epochs. metrics: on record for these weights; their names say in whose boxes
    and whether without flip test. skeleton: names, pairs, limbs and sigmas, as in datasets/skeletons/.
    input_size: width and height. padding, geometry, scaled_decoding: how a box becomes a crop (CropSettings).
    colours: their order in the input, whose values are (v / 255 - mean) / deviation, in that order. flip_test: whether
    the graph looks at the mirrored crop too. least_confidence: a person's score is the mean over the joints above it.
    outputs: in the graph's order.
    """

    VERSION: ClassVar[int] = 1

    heatmark: str
    signature: str
    label: str
    method: Mapping[str, Any]
    backbone: str
    data: str
    epoch: int
    metrics: Mapping[str, float | None]
    skeleton: Mapping[str, Any]
    input_size: Sequence[int] = Field(min_length=2, max_length=2)
    padding: float
    geometry: Convention
    scaled_decoding: bool
    colours: Channels
    mean: Sequence[float] = Field(min_length=3, max_length=3)
    deviation: Sequence[float] = Field(min_length=3, max_length=3)
    flip_test: bool
    least_confidence: float
    outputs: Sequence[Output]

    @classmethod
    def of_trial(cls, spec: TrialSpec, skeleton: Skeleton, epoch: int, metrics: Mapping[str, float | None]) -> Exported:
        """epoch, metrics: of the weights."""
        data = spec.data
        return cls(
            heatmark=version("heatmark"),
            signature=spec.signature,
            label=spec.label,
            method=spec.method.model_dump(mode="json"),
            backbone=spec.backbone,
            data=data.name,
            epoch=epoch,
            metrics=dict(metrics),
            skeleton=as_mapping(skeleton),
            input_size=list(data.input_size),
            padding=data.padding,
            geometry=data.geometry,
            scaled_decoding=data.scaled_decoding,
            colours=spec.channels,
            mean=list(MEAN),
            deviation=list(STD),
            flip_test=spec.train.flip_test,
            least_confidence=spec.method.least_confidence,
            outputs=["joints", "confidences", *(("depths",) if spec.train.depth else ())],
        )

    @property
    def joints(self) -> Skeleton:
        """The skeleton. Raises InputError where it is none."""
        return from_mapping(self.skeleton, "the export's skeleton", "skeleton").skeleton

    @property
    def crop(self) -> CropSettings:
        """How a box becomes a crop. Raises InputError for sizes that no net here takes."""
        width, height = self.input_size
        try:
            return CropSettings(
                input_size=(width, height),
                padding=self.padding,
                geometry=self.geometry,
                scaled_decoding=self.scaled_decoding,
            )
        except ValidationError as error:
            raise InputError(f"the export's metadata: {error.errors()[0]['msg']}; export the trial again") from error

    def properties(self) -> dict[str, str]:
        """As texts by key."""
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in self.plain().items()}

    @classmethod
    def of_properties(cls, properties: Mapping[str, str], where: str) -> Exported:
        """The inverse; keys that others added are left alone. Raises InputError naming the file and what is wrong."""
        if not {"heatmark", VERSION_KEY} <= properties.keys():
            raise InputError(
                f"{where}: no export of heatmark: it does not say in its metadata what it takes and gives; make one "
                "with: heatmark export RUN FILE"
            )
        texts = {name for name, field in cls.model_fields.items() if field.annotation is str or name in _WORDS}
        known = {key: value for key, value in properties.items() if key in cls.model_fields or key == VERSION_KEY}
        try:
            content = {key: value if key in texts else json.loads(value) for key, value in known.items()}
        except ValueError as error:
            raise InputError(f"{where}: its metadata are damaged ({error}); export the trial again") from error
        return cls.of(content, where)


# One of a few words, and so text too.
_WORDS = ("geometry", "colours")
