"""A network's predictions on a validation split, and their metrics. No person is evaluated twice over the ranks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from heatmark.datasets.boxes import in_boxes
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.formats import format_of
from heatmark.datasets.geometry import apply_affine, crop_size, heatmap_to_input, invert_affine
from heatmark.datasets.loader import Batch, CropLoader
from heatmark.datasets.people import PoseDataset, Skeleton
from heatmark.datasets.predictions import Metrics, Predictions, as_results, suppressed
from heatmark.foundation.files import write_atomic
from heatmark.models import decoding
from heatmark.models.maps import Maps, split_maps
from heatmark.models.shared import shared
from heatmark.workloads.detected_people import Paired, paired
from heatmark.workloads.engine import network_input
from heatmark.workloads.heatmap_samples import Sample, heatmaps_of, samples_of
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.readings import exact_metrics, read_with, reading_column, readings_of
from heatmark.workloads.records import Description, describe, records
from heatmark.workloads.run_folder import evaluation
from heatmark.workloads.run_folder import heatmaps as heatmaps_file
from heatmark.workloads.run_folder.evaluation import EXACT, Records
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.heatmaps import Heatmaps
from heatmark.workloads.spec import TrialSpec

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """metrics: by name, None where there was nothing to measure. predictions: COCO's results format. usual_file: the
    same in the file that the format's own tools take, where that is another. heatmaps: of the people that were to be
    looked at (heatmap_samples.py).
    """

    metrics: Metrics
    predictions: list[dict[str, Any]]
    usual_file: bytes | None
    records: Records | None = None
    heatmaps: Heatmaps | None = None

    def write(self, folder: RunFolder, epoch: int) -> None:
        """epoch: the one just trained, counted from 0; -1 before training."""
        write_atomic(folder.predictions_file, json.dumps(self.predictions))
        if self.usual_file is not None:
            write_atomic(folder.usual_predictions_file, self.usual_file)
        if self.heatmaps is not None:
            write_atomic(folder.heatmaps_file(epoch), heatmaps_file.encode(self.heatmaps))
        self.write_records(folder, epoch)

    def write_records(self, folder: RunFolder, epoch: int) -> None:
        """What was found for every person alone. epoch: as above."""
        if self.records is not None:
            write_atomic(folder.records_file(epoch), evaluation.encode(self.records))


@dataclass(frozen=True)
class View:
    """One way to look at a trial. spec: with its boxes and flip test. source: as metrics are named; the spec's boxes
    where it is empty. truth: the annotated people, where those of `people` are a detector's.
    """

    spec: TrialSpec
    people: PoseDataset
    loader: CropLoader
    source: str = ""
    truth: PoseDataset | None = None

    @property
    def name(self) -> str:
        return self.source or self.spec.data.bbox_source


@dataclass(frozen=True)
class Kept:
    """What goes to the files beside metrics, errors and descriptions. sampled: rows of the people whose heatmaps are
    kept. every_reading: what each read-out makes of the maps, and not the trial's own alone.
    """

    sampled: frozenset[int] = frozenset()
    every_reading: bool = False


NOTHING_MORE = Kept()


def evaluate(
    model: nn.Module,
    view: View,
    ranks: Ranks,
    unreadable: set[str],
    progress: Callable[[], None] = lambda: None,
    kept: Kept = NOTHING_MORE,
) -> Evaluation:
    """Predict every person of a split once. Every rank must call it, and every rank gets the same answer.

    unreadable: image paths found unreadable are added to it. progress: called after every batch.
    """
    spec, people = view.spec, view.people
    parts = ranks.gather(_predict(model, view, ranks, unreadable, progress, kept))
    unreadable.update(*(part.unreadable for part in parts))
    rows = [row for part in parts for row in part.rows]
    found = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    person_N, joints_NK3 = found.pop("person"), found.pop("joints")
    every = scored(spec, people, person_N, joints_NK3, found.pop("depth", None))
    predictions = suppressed(people, every)
    evaluation = measure(spec, people, predictions, view.name)
    readings = {name: found.pop(reading_column(name)) for name in readings_of(spec, every=kept.every_reading)}
    if EXACT in readings:
        exact = predictions_of(spec, people, person_N, np.dstack([readings[EXACT], joints_NK3[..., 2]]))
        measured = measure(spec, people, exact, view.name).metrics
        evaluation.metrics.update(exact_metrics(spec, measured, view.name))
    if hasattr(spec.method, "guard"):
        short = sum(part.short for part in parts)
        evaluation.metrics["short_mass"] = short / max(1, joints_NK3[..., 0].size)
    order = np.argsort(person_N)
    described = {name: column[order] for name, column in found.items()}
    read = {name: joints_NK2[order] for name, joints_NK2 in readings.items()}
    samples = [sample for part in parts for sample in part.samples]
    evaluation = replace(evaluation, heatmaps=heatmaps_of(people, samples) if samples else None)
    if view.truth is None:
        return replace(evaluation, records=records(spec, people, every, described, read))
    pairs = paired(people, view.truth, every, predictions)
    found_of_each = records(
        spec,
        pairs.people,
        pairs.predictions,
        {name: pairs.of_poses(column) for name, column in described.items()},
        {name: pairs.of_poses(joints_NK2) for name, joints_NK2 in read.items()},
    )
    evaluation.metrics.update(metrics_of_pairs(view.name, pairs, found_of_each))
    return replace(evaluation, records=found_of_each)


def metrics_of_pairs(source: str, pairs: Paired, found_of_each: Records) -> Metrics:
    """What a detector's boxes allow once people are matched (detected_people.py): EPE, and how many were found."""
    errors = {"EPE": found_of_each.error_NK}
    if EXACT in found_of_each.readings:
        errors[f"{EXACT}/EPE"] = found_of_each.readings[EXACT].error_NK
    found: Metrics = {name: _mean_of(error_NK) for name, error_NK in errors.items()}
    found["people found"] = pairs.found / pairs.annotated if pairs.annotated else None
    return {in_boxes(source, name): value for name, value in found.items()}


def _mean_of(error_NK: npt.NDArray[np.float32]) -> float | None:
    known = error_NK[np.isfinite(error_NK)]
    return float(known.mean(dtype=np.float64)) if known.size else None


def predictions_of(
    spec: TrialSpec, people: PoseDataset, person_N: Any, joints_NK3: Array, depth_NK: Array | None = None
) -> Predictions:
    """`scored`, without what OKS-NMS drops."""
    return suppressed(people, scored(spec, people, person_N, joints_NK3, depth_NK))


def scored(
    spec: TrialSpec, people: PoseDataset, person_N: Any, joints_NK3: Array, depth_NK: Array | None = None
) -> Predictions:
    """Predictions in image pixels with their confidence and score, in the order of the people.

    person_N: rows of `people`, in any order. depth_NK: relative to the root, from a trial with depth.
    """
    return scored_poses(spec.data, spec.method.least_confidence, people, person_N, joints_NK3, depth_NK)


def scored_poses(
    crop: CropSettings,
    least_confidence: float,
    people: PoseDataset,
    person_N: Any,
    joints_NK3: Array,
    depth_NK: Array | None = None,
) -> Predictions:
    """`scored`, of whatever net. least_confidence: see Method."""
    order = np.argsort(person_N)
    person_N, joints_NK3 = person_N[order], joints_NK3[order]
    depth_NK = None if depth_NK is None else depth_NK[order]
    boxes = [people.people[row] for row in person_N.tolist()]
    box_score_N = np.array([person.box_score for person in boxes])
    size_N2 = np.array([crop_size(each.box_xywh, crop.input_size, crop.padding) for each in boxes])
    score_N = _person_scores(joints_NK3[..., 2], least_confidence) * box_score_N
    return Predictions(person_N, joints_NK3, score_N, size_N2.prod(axis=-1), depth_NK)


def measure(spec: TrialSpec, people: PoseDataset, predictions: Predictions, source: str) -> Evaluation:
    """The metrics of predictions, and the files they are published in. source: a part of every metric's name."""
    data_format = format_of(spec.data)
    found = data_format.measure(people, predictions)
    metrics = {in_boxes(source, name): value for name, value in found.items()}
    return Evaluation(metrics, as_results(people, predictions), data_format.usual_file(people, predictions))


@dataclass(frozen=True)
class _Share:
    """What one rank predicted. rows: columns for each batch; `person` is the row of `people`, `joints` are in image
    pixels with their confidence, `depth` is of a trial with depth, the rest describes heatmaps. short: maps with
    C <= n.
    """

    rows: list[Description]
    unreadable: set[str]
    short: int
    samples: list[Sample]


@torch.no_grad()
def _predict(
    model: nn.Module,
    view: View,
    ranks: Ranks,
    unreadable: set[str],
    progress: Callable[[], None],
    kept: Kept,
) -> _Share:
    """This rank's share of the people."""
    spec, people = view.spec, view.people
    decoders = readings_of(spec, every=kept.every_reading)
    model.eval()
    rows: list[Description] = []
    samples: list[Sample] = []
    bad, short = set(unreadable), 0
    for batch in view.loader:
        seen = all_maps(model, spec, people.skeleton, batch["image_BHW3"], ranks.device)
        heatmap_BKHW, mirrored_BKHW = _heatmaps_of(seen)
        with shared(heatmap_BKHW):
            joints_BK2, short_maps = read_joints(spec, seen)
            certainty_BK = certainty(spec, seen)
            described = describe(spec, heatmap_BKHW, batch)
            depth_BK = depths_seen(spec, seen)
            read = read_with(decoders, heatmap_BKHW, mirrored_BKHW, spec.data.lag)
        joints_BK3 = image_joints(joints_BK2, certainty_BK, batch, spec.data.pitch)
        rows.append({"person": batch["person_B"].numpy(), "joints": joints_BK3} | described)
        for name, read_BK2 in read.items():
            rows[-1][reading_column(name)] = image_joints(read_BK2, certainty_BK, batch, spec.data.pitch)[..., :2]
        if depth_BK is not None:
            rows[-1]["depth"] = depth_BK.double().cpu().numpy()
        samples += samples_of(spec, heatmap_BKHW, joints_BK2, batch, kept.sampled)
        bad |= {str(people.people[row].image_path) for row in batch["person_B"][batch["unreadable_B"]].tolist()}
        short += short_maps
        progress()
    return _Share(rows, bad, short, samples)


def read_joints(spec: TrialSpec, seen: list[Maps]) -> tuple[Tensor, int]:
    """Joints in heatmap pixels as the trial reads them, and how many maps had C <= n. seen: as `all_maps` gives it."""
    heatmap_BKHW = seen[0].heatmap_BKHW
    joints_BK2 = decoding.clamp_to_map(own_reading(spec, seen), heatmap_BKHW.shape[-2:])
    beta = getattr(spec.method, "beta", None)
    short = int(decoding.mass_is_short(heatmap_BKHW, beta).sum()) if beta is not None else 0
    return joints_BK2, short


def own_reading(spec: TrialSpec, seen: list[Maps]) -> Tensor:
    """joints_BK2 as the trial's method reads them, in heatmap pixels; they may lie beside the map."""
    if len(seen) > 1:
        return spec.method.read_flipped(seen[0], seen[1], spec.data.lag)
    return spec.method.read(seen[0])


def certainty(spec: TrialSpec, seen: list[Maps]) -> Tensor:
    """How sure each joint is, certainty_BK, from the crops and, with flip_test, the mirrored ones too."""
    if len(seen) > 1:
        return spec.method.certainty_flipped(seen[0], seen[1], spec.data.lag)
    return spec.method.certainty(seen[0])


def depths_seen(spec: TrialSpec, seen: list[Maps]) -> Tensor | None:
    """depth_BK of a trial with depth: the mean of what the crops and, with flip_test, the mirrored ones say."""
    depths = [
        spec.method.read_depth(each.heatmap_BKHW, each.depth_BKHW) for each in seen if each.depth_BKHW is not None
    ]
    return torch.stack(depths).mean(0) if depths else None


def heatmaps(
    model: nn.Module, spec: TrialSpec, people: PoseDataset, batch: Batch, device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """heatmap_BKHW and, with flip_test, that of the mirrored crops: mirrored back, left and right swapped."""
    return _heatmaps_of(all_maps(model, spec, people.skeleton, batch["image_BHW3"], device))


def all_maps(
    model: nn.Module, spec: TrialSpec, skeleton: Skeleton, image_BHW3: Tensor, device: torch.device
) -> list[Maps]:
    """The maps of uint8 RGB crops and, with flip_test, those of the mirrored ones, mirrored back."""
    image_B3HW = network_input(image_BHW3, device, spec.channels)
    order = skeleton.mirrored_order
    seen = [maps_of(model, spec, len(order), model(image_B3HW))]
    if spec.train.flip_test:
        seen.append(maps_of(model, spec, len(order), model(image_B3HW.flip(-1))).mirrored_back(order))
    return seen


def maps_of(model: nn.Module, spec: TrialSpec, joints: int, maps_BCHW: Tensor) -> Maps:
    """What a network gave, taken apart."""
    return split_maps(maps_BCHW, joints, spec.method.latent_maps, getattr(model, "reader", None))


def _heatmaps_of(seen: list[Maps]) -> tuple[Tensor, Tensor | None]:
    return seen[0].heatmap_BKHW, seen[1].heatmap_BKHW if len(seen) > 1 else None


def image_joints(joints_BK2: Tensor, confidence_BK: Tensor, batch: Batch, pitch: npt.ArrayLike) -> Array:
    """Joints in heatmap pixels to image pixels, with their confidence: joints_BK3."""
    crop_BK2 = heatmap_to_input(joints_BK2.double().cpu().numpy(), pitch)
    return from_crops(crop_BK2, confidence_BK.double().cpu().numpy(), batch)


def from_crops(joints_BK2: Array, confidence_BK: Array, batch: Batch) -> Array:
    """Joints in input pixels to image pixels, with their confidence: joints_BK3."""
    image_BK2 = apply_affine(invert_affine(batch["image_to_crop_B23"].numpy()), joints_BK2)
    return np.concatenate([image_BK2, confidence_BK[..., None]], axis=-1)


def _person_scores(confidence_NK: Array, threshold: float) -> Array:
    """Mean confidence of the joints above the threshold, 0 where there is none (SBL and HRNet; GT boxes score 1)."""
    sure_NK = confidence_NK > threshold
    total_N = (confidence_NK * sure_NK).sum(1)
    scores: Array = total_N / np.maximum(sure_NK.sum(1), 1)
    return scores
