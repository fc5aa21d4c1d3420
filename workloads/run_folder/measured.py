"""measure.json, what is still to be measured of a trial, and measurements.jsonl, what was measured beside its training.

Both are of further measurements (workloads/measurement.py): what a trial is trained under stands in metrics.jsonl.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heatmark.workloads.run_folder.record import Part, Record


class Measurement(Part):
    """One way to measure. boxes: that people are cropped by: `gt`, `det`, or others that the format has. flip_test: the
    prediction averaged with that of the mirrored crop. detections: the hash of the file that a detector's boxes are in.
    """

    boxes: str
    flip_test: bool
    detections: str | None = None


class WantedPart(Part):
    """A measurement of the last weights. source: its name in this trial. file: of the detections, on the nodes."""

    source: str
    measurement: Measurement
    file: str | None


class Wanted(Record):
    """Written when a sweep is planned; gone once everything in it is measured."""

    measurements: Sequence[WantedPart]


class Measured(Record):
    """source: the measurement's name in this trial. epoch: finished epochs of the weights, 0 before training.

    step: of the weights. metrics: as in metrics.jsonl.
    """

    source: str
    measurement: Measurement
    epoch: int
    step: int
    time: str
    metrics: Mapping[str, float | None]
