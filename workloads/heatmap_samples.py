"""The heatmaps of a few people after some epochs, as the report draws them (the paper's Figs. 7, 10 and 11).

One .npz per epoch. P people, K joints: density_PKHW (float16, the weight of each pixel in the read-out), crop_PRC3
(uint8, RGB, what the network saw), true_PK2 and found_PK2 (heatmap pixels), labelled_PK, image_id_P, annotation_id_P.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from heatmark.datasets.loader import Batch, heatmap_joints
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.subsets import labelled_joints
from heatmark.workloads.spec import TrialSpec

PEOPLE: Final = 2
# The paper shows epochs 0 to 20 in steps of 5, and 1 beside 10.
EARLY: Final = frozenset({1, 2, 5, 10, 15, 20})
STEP: Final = 20

Sample = dict[str, npt.NDArray[Any]]


def shown(epoch: int, epochs: int) -> bool:
    """Whether the heatmaps after an epoch, counted from 0, are kept."""
    number = epoch + 1
    return number in EARLY or number % STEP == 0 or number == epochs


def sampled_people(people: PoseDataset) -> frozenset[int]:
    """Rows of the people that are shown: those with most labelled joints, the first of them, no two on an image.

    They depend on the data alone, so that all methods show the same.
    """
    order = sorted(range(len(people.people)), key=lambda row: -labelled_joints(people.people[row]))
    first_on_image: dict[int, int] = {}
    for row in order:
        first_on_image.setdefault(people.people[row].image_id, row)
    return frozenset(list(first_on_image.values())[:PEOPLE])


@torch.no_grad()
def samples_of(
    spec: TrialSpec, heatmap_BKHW: Tensor, joints_BK2: Tensor, batch: Batch, sampled: frozenset[int]
) -> list[Sample]:
    """Of those in a batch who are sampled. joints_BK2: as they were read, in heatmap pixels."""
    rows = [row for row, person in enumerate(batch["person_B"].tolist()) if person in sampled]
    true_BK2 = heatmap_joints(batch, spec.data.pitch).numpy()
    return [
        {
            "person": batch["person_B"][row].numpy(),
            "density": spec.method.visible_density(heatmap_BKHW[row : row + 1])[0].half().cpu().numpy(),
            "crop": batch["image_BHW3"][row].numpy(),
            "true": true_BK2[row].astype(np.float32),
            "found": joints_BK2[row].float().cpu().numpy(),
            "labelled": batch["labelled_BK"][row].numpy() > 0,
        }
        for row in rows
    ]


def heatmaps_file(people: PoseDataset, samples: Sequence[Sample]) -> bytes:
    """The .npz of an epoch, people in the order of the data set."""
    ordered = sorted(samples, key=lambda sample: int(sample["person"]))
    who = [people.people[int(sample["person"])] for sample in ordered]
    names = {
        "density": "density_PKHW",
        "crop": "crop_PRC3",
        "true": "true_PK2",
        "found": "found_PK2",
        "labelled": "labelled_PK",
    }
    columns: dict[str, Any] = {name: np.stack([sample[key] for sample in ordered]) for key, name in names.items()}
    columns["image_id_P"] = np.array([person.image_id for person in who])
    columns["annotation_id_P"] = np.array([person.annotation_id for person in who])
    file = io.BytesIO()
    np.savez_compressed(file, **columns)
    return file.getvalue()
