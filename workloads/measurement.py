"""What is measured of a trained net and in what way: no part of it changes a weight, so none is in the signature.

The first measurement of a trial is in its spec (`data.bbox_source`, `data.detections`, `train.flip_test`) and is taken
while it trains, every `train.eval_every` epochs. Further ones are of the last weights, or of others that are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from heatmark.datasets.boxes import FLIP_MARKS, source_name
from heatmark.workloads.run_folder.measured import Measurement

if TYPE_CHECKING:
    from heatmark.workloads.spec import TrialSpec

# Enough of a hash to tell the detectors of a trial apart.
HASH_DIGITS = 8


def measurement_of(spec: TrialSpec) -> Measurement:
    """That which a trial is trained under."""
    return Measurement(boxes=spec.data.bbox_source, flip_test=spec.train.flip_test, detections=spec.data.detections)


def source_of(spec: TrialSpec, wanted: Measurement, known: Mapping[str, Measurement]) -> str:
    """The name of a measurement in one trial (datasets/boxes.py). known: those that it has already, by name.

    The trial's own is named by its boxes alone; another has a mark for each thing in which it differs.
    """
    own = measurement_of(spec)
    for name, each in {own.boxes: own, **known}.items():
        if each == wanted:
            return name
    marks = [] if wanted.flip_test == own.flip_test else [FLIP_MARKS[wanted.flip_test]]
    usual = _first_detector(own, known.values()) or wanted.detections
    if wanted.detections is not None and wanted.detections != usual:
        marks.insert(0, wanted.detections.rpartition(":")[2][:HASH_DIGITS])
    return source_name(wanted.boxes, *marks)


def _first_detector(own: Measurement, known: Iterable[Measurement]) -> str | None:
    """Whose boxes are `det` without a mark."""
    return next((each.detections for each in (own, *known) if each.detections is not None), None)


def measured_as(spec: TrialSpec, measurement: Measurement, file: str | None) -> TrialSpec:
    """The trial as it would be, had it been planned with this measurement. file: of the detections, as a path."""
    data = {"bbox_source": measurement.boxes, "detections": measurement.detections}
    return spec.model_copy(
        update={
            "data": spec.data.model_copy(update=data),
            "train": spec.train.model_copy(update={"flip_test": measurement.flip_test}),
            "runtime": spec.runtime.model_copy(update={"detections": file}),
        }
    )
