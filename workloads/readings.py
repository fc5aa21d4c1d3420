"""One net read in many ways: what each read-out makes of the maps that a trial is measured on."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from heatmark.datasets.boxes import in_boxes
from heatmark.datasets.formats import format_of
from heatmark.datasets.predictions import Metrics
from heatmark.models import decoding
from heatmark.workloads.decoders import Decoder, decoders_at
from heatmark.workloads.records import BETA
from heatmark.workloads.run_folder.evaluation import EXACT
from heatmark.workloads.spec import TrialSpec


def readings_of(spec: TrialSpec, *, every: bool) -> dict[str, Decoder]:
    """By name: EXACT where it differs from the trial's own read-out, and with `every` one of each decoder.

    Decoders with a beta are given the method's, or the paper's where it has none.
    """
    exact = spec.train.flip_test and spec.method.moves_a_whole_pixel and spec.data.lag > 0
    own = {EXACT: Decoder(spec.method.decode)} if exact else {}
    return own | (decoders_at(getattr(spec.method, "beta", BETA)) if every else {})


def read_with(
    decoders: Mapping[str, Decoder], heatmap_BKHW: Tensor, mirrored_BKHW: Tensor | None, lag: float
) -> dict[str, Tensor]:
    """joints_BK2 of each decoder in heatmap pixels, on the map, mirrors merged exactly for all alike."""
    size = heatmap_BKHW.shape[-2:]
    return {
        name: decoding.clamp_to_map(decoder.read_exactly(heatmap_BKHW, mirrored_BKHW, lag), size)
        for name, decoder in decoders.items()
    }


def reading_column(name: str) -> str:
    """Of an evaluation's columns, joints_NK2 in image pixels."""
    return f"joints:{name}"


def exact_metrics(spec: TrialSpec, metrics: Metrics, boxes: str) -> Metrics:
    """Of a trial's metrics those that are reported of the exact reading too: `gtbox/exact/AP`. boxes: their source."""
    names = dict.fromkeys((format_of(spec.data).headline, "EPE"))
    return {
        in_boxes(boxes, f"{EXACT}/{name}"): metrics[in_boxes(boxes, name)]
        for name in names
        if in_boxes(boxes, name) in metrics
    }
