"""Which people's heatmaps are kept after which epochs, for the report to draw (workloads/run_folder/heatmaps.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from heatmark.datasets.loader import Batch, heatmap_joints
from heatmark.datasets.people import PoseDataset
from heatmark.datasets.subsets import labelled_joints
from heatmark.workloads.run_folder.heatmaps import Heatmaps
from heatmark.workloads.spec import TrialSpec

PEOPLE: Final = 2
# The paper shows epochs 0 to 20 in steps of 5, and 1 beside 10.
EARLY: Final = frozenset({1, 2, 5, 10, 15, 20})
STEP: Final = 20

Sample = dict[str, npt.NDArray[Any]]


def shown(epoch: int, epochs: int) -> bool:
    """Whether the heatmaps after an epoch, counted from 0, are kept; -1 is before training."""
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


def heatmaps_of(people: PoseDataset, samples: Sequence[Sample]) -> Heatmaps:
    """Those of an epoch, people in the order of the data set."""
    ordered = sorted(samples, key=lambda sample: int(sample["person"]))
    who = [people.people[int(sample["person"])] for sample in ordered]
    column = {name: np.stack([sample[name] for sample in ordered]) for name in ordered[0]}
    return Heatmaps(
        density_PKHW=column["density"],
        crop_PRC3=column["crop"],
        true_PK2=column["true"],
        found_PK2=column["found"],
        labelled_PK=column["labelled"],
        image_id_P=np.array([person.image_id for person in who]),
        annotation_id_P=np.array([person.annotation_id for person in who]),
    )
