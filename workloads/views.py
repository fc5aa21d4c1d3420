"""The people that a trial is trained on and measured on, and how they are looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from heatmark.datasets import formats
from heatmark.datasets.loader import CropLoader, make_loader
from heatmark.datasets.people import PoseDataset, Skeleton
from heatmark.foundation.errors import InputError
from heatmark.workloads.evaluate import View
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.runtime import RuntimeSpec
from heatmark.workloads.shared_stream.client import shared_batches
from heatmark.workloads.spec import DataSpec, TrialSpec


def load_split(spec: TrialSpec, split: Literal["train", "val"]) -> PoseDataset:
    """The people of one split, cut to `max_people` where the spec says so."""
    return load_people(spec.data, spec.runtime, spec.train.max_people, split)


def load_people(data: DataSpec, runtime: RuntimeSpec, max_people: int, split: Literal["train", "val"]) -> PoseDataset:
    """`load_split` by what it depends on. max_people: the first so many, 0 for all."""
    detections = None
    if data.bbox_source == "det":
        if runtime.detections is None:
            raise InputError(
                "runtime.detections: missing; give the file of the boxes that data.bbox_source det asks for"
            )
        detections = Path(runtime.detections)
    root, strict = Path(runtime.data_root), runtime.strict
    people = formats.format_of(data).people(root, split, strict, detections, data.bbox_source, data.delta_mm)
    if max_people:
        people = replace(people, people=people.people[:max_people], evaluated_images=None)
    return people


def annotated_split(spec: TrialSpec) -> PoseDataset:
    """The validation people as they are annotated, whoever's boxes the trial is measured in."""
    data = spec.data.model_copy(update={"bbox_source": spec.data.trained_boxes, "detections": None})
    return load_split(spec.model_copy(update={"data": data}), "val")


def skeleton_of(spec: TrialSpec) -> Skeleton:
    """The joints that a trial predicts: of its format, or of its data set, which must be there then."""
    return formats.format_of(spec.data).skeleton or annotated_split(spec).skeleton


def loader_of(spec: TrialSpec, people: PoseDataset, ranks: Ranks, *, training: bool) -> CropLoader:
    """This rank's crops, from the stream that its job shares if there is one."""
    batch_size = max(1, spec.train.batch_size // ranks.world_size)
    return make_loader(
        people,
        spec.data,
        training=training,
        batch_size=batch_size,
        rank=ranks.rank,
        world_size=ranks.world_size,
        seed=spec.seed,
        workers=spec.runtime.workers,
        strict=spec.runtime.strict,
        cache=spec.runtime.cache,
        elsewhere=shared_batches(spec, people, ranks, batch_size, training=training),
    )


def view_of(spec: TrialSpec, ranks: Ranks, source: str = "") -> View:
    """The validation people in the spec's boxes. source: the name of the measurement, where it is a further one."""
    people = load_split(spec, "val")
    truth = annotated_split(spec) if people.detected else None
    return View(spec, people, loader_of(spec, people, ranks, training=False), source, truth)
