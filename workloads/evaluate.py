"""A network's predictions on a validation split, and their metrics. No person is evaluated twice over the ranks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from heatmark.datasets.formats import FORMATS
from heatmark.datasets.geometry import apply_affine, crop_size, heatmap_to_input, invert_affine
from heatmark.datasets.loader import Batch, CropLoader
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.predictions import Metrics, Predictions, as_results, suppressed
from heatmark.models import decoding
from heatmark.workloads.engine import network_input
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder import RunFolder, write_atomic
from heatmark.workloads.spec import TrialSpec

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """metrics: by name, None where there was nothing to measure. predictions: COCO's results format. usual_file: the
    same in the file that the format's own tools take, where that is another.
    """

    metrics: Metrics
    predictions: list[dict[str, Any]]
    usual_file: bytes | None

    def write(self, folder: RunFolder) -> None:
        write_atomic(folder.predictions_file, json.dumps(self.predictions))
        if self.usual_file is not None:
            write_atomic(folder.usual_predictions_file, self.usual_file)


def evaluate(
    model: nn.Module,
    spec: TrialSpec,
    people: PoseDataset,
    loader: CropLoader,
    ranks: Ranks,
    unreadable: set[str],
    progress: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Predict every person of a split once. Every rank must call it, and every rank gets the same answer.

    unreadable: image paths found unreadable are added to it. progress: called after every batch.
    """
    parts = ranks.gather(_predict(model, spec, people, loader, ranks, unreadable, progress))
    unreadable.update(*(part["unreadable"] for part in parts))
    person_N = np.concatenate([part["person"] for part in parts])
    joints_NK3 = np.concatenate([part["joints"] for part in parts])
    evaluation = measure(spec, people, person_N, joints_NK3)
    if hasattr(spec.method, "guard"):
        short = sum(part["short"] for part in parts)
        evaluation.metrics["short_mass"] = short / max(1, joints_NK3[..., 0].size)
    return evaluation


def measure(spec: TrialSpec, people: PoseDataset, person_N: Any, joints_NK3: Array) -> Evaluation:
    """The metrics of predictions in image pixels with their confidence. person_N: rows of `people`, in any order."""
    order = np.argsort(person_N)
    person_N, joints_NK3 = person_N[order], joints_NK3[order]
    boxes = [people.people[row] for row in person_N.tolist()]
    box_score_N = np.array([person.box_score for person in boxes])
    size_N2 = np.array([crop_size(each.box_xywh, spec.data.input_size, spec.data.padding) for each in boxes])
    score_N = _person_scores(joints_NK3[..., 2], spec.method.least_confidence) * box_score_N
    predictions = suppressed(people, Predictions(person_N, joints_NK3, score_N, size_N2.prod(axis=-1)))
    data_format = FORMATS[spec.data.format]
    # The source of the boxes is part of a metric's name: it is worth about 2 AP.
    found = data_format.measure(people, predictions)
    metrics = {f"{spec.data.bbox_source}box/{name}": value for name, value in found.items()}
    return Evaluation(metrics, as_results(people, predictions), data_format.usual_file(people, predictions))


@torch.no_grad()
def _predict(
    model: nn.Module,
    spec: TrialSpec,
    people: PoseDataset,
    loader: CropLoader,
    ranks: Ranks,
    unreadable: set[str],
    progress: Callable[[], None],
) -> dict[str, Any]:
    """This rank's share: joints in image pixels with their confidence, and the rows of `people` they belong to."""
    model.eval()
    person, joints, bad, short = [], [], set(unreadable), 0
    for batch in loader:
        joints_BK2, confidence_BK, short_maps = _decode(model, spec, people, batch, ranks.device)
        joints.append(image_joints(joints_BK2, confidence_BK, batch, spec.data.stride))
        person.append(batch["person_B"].numpy())
        bad |= {str(people.people[row].image_path) for row in batch["person_B"][batch["unreadable_B"]].tolist()}
        short += short_maps
        progress()
    joint_count = len(people.skeleton.joints)
    return {
        "person": np.concatenate(person) if person else np.zeros(0, np.int64),
        "joints": np.concatenate(joints) if joints else np.zeros((0, joint_count, 3)),
        "unreadable": bad,
        "short": short,
    }


def _decode(
    model: nn.Module, spec: TrialSpec, people: PoseDataset, batch: Batch, device: torch.device
) -> tuple[Tensor, Tensor, int]:
    """Joints in heatmap pixels, their confidence, and how many maps had C <= n."""
    heatmap_BKHW, mirrored_BKHW = heatmaps(model, spec, people, batch, device)
    if mirrored_BKHW is not None:
        joints_BK2 = spec.method.decode_flipped(heatmap_BKHW, mirrored_BKHW)
    else:
        joints_BK2 = spec.method.decode(heatmap_BKHW)
    joints_BK2 = decoding.clamp_to_map(joints_BK2, heatmap_BKHW.shape[-2:])
    beta = getattr(spec.method, "beta", None)
    short = int(decoding.mass_is_short(heatmap_BKHW, beta).sum()) if beta is not None else 0
    return joints_BK2, spec.method.confidence(heatmap_BKHW), short


def heatmaps(
    model: nn.Module, spec: TrialSpec, people: PoseDataset, batch: Batch, device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """heatmap_BKHW and, with flip_test, that of the mirrored crops: mirrored back, left and right swapped."""
    image_B3HW = network_input(batch["image_BHW3"], device, spec.channels)
    heatmap_BKHW = model(image_B3HW)
    if not spec.train.flip_test:
        return heatmap_BKHW, None
    return heatmap_BKHW, model(image_B3HW.flip(-1)).flip(-1)[:, list(people.skeleton.mirrored_order)]


def image_joints(joints_BK2: Tensor, confidence_BK: Tensor, batch: Batch, stride: int) -> Array:
    """Joints in heatmap pixels to image pixels, with their confidence: joints_BK3."""
    crop_BK2 = heatmap_to_input(joints_BK2.double().cpu().numpy(), stride)
    image_BK2 = apply_affine(invert_affine(batch["image_to_crop_B23"].numpy()), crop_BK2)
    return np.concatenate([image_BK2, confidence_BK.double().cpu().numpy()[..., None]], axis=-1)


def _person_scores(confidence_NK: Array, threshold: float) -> Array:
    """Mean confidence of the joints above the threshold, 0 where there is none (SBL and HRNet; GT boxes score 1)."""
    sure_NK = confidence_NK > threshold
    total_N = (confidence_NK * sure_NK).sum(1)
    scores: Array = total_N / np.maximum(sure_NK.sum(1), 1)
    return scores
