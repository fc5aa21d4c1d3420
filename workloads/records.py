"""What an evaluation found for every person: one parquet file per evaluated epoch, from which any table is rebuilt.

One row per person, sorted by image and annotation. K joints; list columns have a fixed length, NaN where a joint is not
labelled. The factors of datasets/subsets.py stand beside the errors, and so do descriptions of the person's heatmaps,
means over the labelled joints inside the crop. The file's metadata say what the places of a list column mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from heatmark.datasets import subsets
from heatmark.datasets.formats import format_of
from heatmark.datasets.loader import Batch, heatmap_joints
from heatmark.datasets.metrics.epe import distances
from heatmark.datasets.metrics.error_kinds import error_kinds, towards
from heatmark.datasets.metrics.hand_space import space_errors, true_xyz_of, xyz_of
from heatmark.datasets.metrics.oks import person_oks
from heatmark.datasets.people import Person, PoseDataset
from heatmark.datasets.predictions import Predictions, truth_of
from heatmark.models import diagnostics
from heatmark.models.density import softmax_map
from heatmark.models.losses import inside
from heatmark.workloads.run_folder.evaluation import Reading, Records
from heatmark.workloads.spec import TrialSpec

# Squares of Eq. 26, windows and sigmas of Tables 13 to 15.
REACHES: Final = tuple(range(13))
WINDOWS: Final = (4, 8)
SIGMAS: Final = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
# The paper's beta, for methods that have none.
BETA: Final = 10.0
# Where a Gaussian has no weight at all the statistic overflows single precision.
LARGEST_STATISTIC: Final = 1e30
FACTORS: Final = (
    subsets.labelled_joints,
    subsets.occluded_share,
    subsets.root_of_area,
    subsets.longest_side,
)

Array = npt.NDArray[Any]
Description = dict[str, Array]


@torch.no_grad()
def describe(spec: TrialSpec, heatmap_BKHW: Tensor, batch: Batch) -> Description:
    """What the heatmaps of a batch look like around the true joints: a row per person."""
    true_BK2 = heatmap_joints(batch, spec.data.pitch, torch.float64).to(heatmap_BKHW.device)
    counts_BK = inside(true_BK2, heatmap_BKHW.shape[-2:]).cpu() & (batch["labelled_BK"] > 0)
    density_BKHW = spec.method.visible_density(heatmap_BKHW)
    statistics = [diagnostics.chi_square(density_BKHW, true_BK2, window, SIGMAS) for window in WINDOWS]
    sigma_BK = torch.tensor(SIGMAS, dtype=torch.float64)[statistics[0].argmin(-1).cpu()]
    beta = getattr(spec.method, "beta", BETA)
    found = {
        "activation_sum": diagnostics.activation_sum(density_BKHW, true_BK2, REACHES),
        "softmax_activation": diagnostics.activation_sum(softmax_map(heatmap_BKHW, beta), true_BK2, REACHES),
        "chi_square": torch.cat(statistics, dim=-1).clamp(max=LARGEST_STATISTIC),
        "fitted_sigma": sigma_BK[..., None],
        "log_mass_ratio": diagnostics.log_mass_ratio(heatmap_BKHW, beta)[..., None],
    }
    return {name: _mean_over_joints(value_BKS, counts_BK) for name, value_BKS in found.items()}


def _mean_over_joints(value_BKS: Tensor, counts_BK: Tensor) -> Array:
    value_BKS = value_BKS.double().cpu()
    total_BS = torch.where(counts_BK[..., None], value_BKS, torch.zeros_like(value_BKS)).sum(1)
    mean: Array = (total_BS / counts_BK.sum(1, keepdim=True)).float().numpy()
    return mean


def records(
    spec: TrialSpec,
    people: PoseDataset,
    predictions: Predictions,
    described: Description,
    readings: Mapping[str, Array] | None = None,
) -> Records:
    """Of an evaluation. described: rows as in `predictions`. readings: joints_NK2 by read-out, likewise."""
    found = predictions.people(people)
    order = np.array(sorted(range(len(found)), key=lambda row: (found[row].image_id, found[row].annotation_id)))
    joints_NK2, confidence_NK = predictions.joints_NK3[..., :2], predictions.joints_NK3[..., 2]
    true_NK2, labelled_NK = truth_of(found)
    error_NK = np.where(labelled_NK > 0, distances(joints_NK2, true_NK2), np.nan)
    in_space = {}
    if predictions.depth_NK is not None:
        error_mm_NK = space_errors(xyz_of(people, predictions), true_xyz_of(people, predictions))
        in_space["error_mm_NK"] = error_mm_NK.astype(np.float32)[order]
    numbers = _numbers(people, found, predictions, described)
    kinds = {}
    if people.skeleton.sigmas and np.isfinite(joints_NK2).all():
        errors = error_kinds(joints_NK2, predictions.person_N, people.people, people.skeleton)
        kinds = {"kind_NK": errors.kind_NK[order], "oks_mended_NE": errors.oks_NE.astype(np.float32)[order]}
    return Records(
        format=format_of(spec.data).measures,
        boxes=spec.data.bbox_source,
        joints=tuple(people.skeleton.joints),
        reaches=REACHES,
        windows=WINDOWS,
        sigmas=SIGMAS,
        image_N=np.array([person.image_id for person in found], dtype=np.int64)[order],
        annotation_N=np.array([person.annotation_id for person in found], dtype=np.int64)[order],
        numbers={name: value_N.astype(np.float32)[order] for name, value_N in numbers.items()},
        error_NK=error_NK.astype(np.float32)[order],
        visibility_NK=np.stack([person.visibility_K for person in found]).astype(np.uint8)[order],
        confidence_NK=confidence_NK.astype(np.float32)[order],
        joints_NK2=joints_NK2.astype(np.float32)[order],
        activation_NS=described["activation_sum"][order],
        chi_square_NWG=described["chi_square"][order].reshape(len(found), len(WINDOWS), len(SIGMAS)),
        softmax_activation_NS=described["softmax_activation"][order],
        towards_NK=towards(joints_NK2, found).astype(np.float32)[order],
        readings={name: _reading(people, found, each, order) for name, each in (readings or {}).items()},
        **kinds,
        **in_space,
    )


def _reading(people: PoseDataset, found: list[Person], joints_NK2: Array, order: Array) -> Reading:
    """order: of the records' rows."""
    true_NK2, labelled_NK = truth_of(found)
    error_NK = np.where(labelled_NK > 0, distances(joints_NK2, true_NK2), np.nan)
    oks_N = _oks(people, found, joints_NK2)
    return Reading(error_NK.astype(np.float32)[order], oks_N.astype(np.float32)[order])


def _oks(people: PoseDataset, found: list[Person], joints_NK2: Array) -> Array:
    """Of each with their own annotation; NaN where the skeleton has no sigmas."""
    if not people.skeleton.sigmas:
        return np.full(len(found), np.nan)
    true_NK2, labelled_NK = truth_of(found)
    area_N = np.array([person.area for person in found])
    oks_N = person_oks(joints_NK2, true_NK2, labelled_NK, area_N, people.skeleton.sigmas)
    # In a detector's boxes: nobody is annotated for the pose, or no pose was found of the person.
    return np.where(np.isfinite(oks_N), oks_N, 0.0)


def _numbers(
    people: PoseDataset, found: list[Person], predictions: Predictions, described: Description
) -> dict[str, Array]:
    """The columns of one number per person."""
    return {
        **{factor.__name__: np.array([factor(person) for person in found]) for factor in FACTORS},
        "score": predictions.score_N,
        "oks": _oks(people, found, predictions.joints_NK3[..., :2]),
        "reference_length": np.array([person.reference_length or np.nan for person in found]),
        "fitted_sigma": described["fitted_sigma"][:, 0],
        "log_mass_ratio": described["log_mass_ratio"][:, 0],
    }
