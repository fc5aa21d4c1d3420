"""Gradients without a network (section 6, Fig. 6): four first heatmaps, updated by Eq. 24 under each loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heatmark.models.decoding import argmax
from heatmark.models.methods import METHODS
from heatmark.workloads.analysis.artefacts import SIZE, gaussian_map, one_thread, write_table

# Lower right quadrant, as in section 6.2.
JOINT = (36.0, 48.0)
GAMMA = 0.02
STEPS = 400
FRAMES = (0, 10, 50, 150, 400)


@dataclass(frozen=True)
class Learner:
    """loss: of heatmap_CHW, summed over its maps. read: joint_C2 of heatmap_CHW."""

    loss: Callable[[Tensor], Tensor]
    read: Callable[[Tensor], Tensor]


def analyze(folder: Path) -> list[Path]:
    """gradients.csv: the joint after every step; drawn it is Fig. 6 (reports/paper/figures/gradients.py)."""
    rows = []
    cases = first_heatmaps(seed=0)
    for name, learner in learners().items():
        joints_SC2, _ = updated(torch.stack(list(cases.values())), learner)
        for place, case in enumerate(cases):
            for step, (x, y) in enumerate(joints_SC2[:, place].tolist()):
                error = float(np.hypot(x - JOINT[0], y - JOINT[1]))
                rows.append({"learner": name, "case": case, "step": step, "x": x, "y": y, "epe": error})
    return [write_table(folder / "gradients.csv", rows)]


def first_heatmaps(seed: int) -> dict[str, Tensor]:
    """The four cases of section 6.2: weak noise as of an untrained net, the others with a peak of 1."""
    rows, columns = (torch.from_numpy(each) for each in np.mgrid[: SIZE[0], : SIZE[1]].astype(float))
    noise = 0.1 * torch.rand(SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    slope = (columns - SIZE[1] / 2).clamp(min=0) / (SIZE[1] / 2) * (rows - SIZE[0] / 2).clamp(min=0) / (SIZE[0] / 2)
    return {
        "1 random": noise,
        "2 far": gaussian_map((12, 16)),
        "3 corner": slope,
        "4 near": gaussian_map(JOINT),
    }


def learners() -> dict[str, Learner]:
    """Regression and detection as in Fig. 6, and BCIR beside them; losses as Eq. 4, 5 and 21 print them."""
    detection = METHODS["detection"].model_validate({"l_de_reduction": "sum_pixels", "target_center": "exact"})
    named = {"regression": METHODS["ipr"](), "detection": detection, "BCIR": METHODS["bcir"]()}
    joint_112 = torch.tensor([[JOINT]], dtype=torch.float64)

    def learner(method: Any, read: Callable[[Tensor], Tensor]) -> Learner:
        def loss(heatmap_CHW: Tensor) -> Tensor:
            count = len(heatmap_CHW)
            labelled_C1 = torch.ones(count, 1, dtype=torch.float64)
            terms = method.losses(heatmap_CHW[:, None], joint_112.expand(count, 1, 2), labelled_C1, 0)
            # A method averages over the maps.
            return count * torch.stack(list(terms.values())).sum()

        return Learner(loss, lambda heatmap_CHW: read(heatmap_CHW[:, None])[:, 0])

    return {name: learner(method, argmax if name == "detection" else method.decode) for name, method in named.items()}


@one_thread()
def updated(heatmap_CHW: Tensor, learner: Learner, steps: int = STEPS) -> tuple[Tensor, dict[int, Tensor]]:
    """joint_SC2 before each step and after the last, and the maps of FRAMES: h <- h - gamma dL/dh (Eq. 24).

    heatmap_CHW: so many first heatmaps, each updated by itself.
    """
    joints, frames = [], {}
    for step in range(steps + 1):
        heatmap_CHW = heatmap_CHW.detach().requires_grad_()
        joints.append(learner.read(heatmap_CHW.detach()))
        if step in FRAMES:
            frames[step] = heatmap_CHW.detach()
        (gradient_CHW,) = torch.autograd.grad(learner.loss(heatmap_CHW), heatmap_CHW)
        heatmap_CHW = heatmap_CHW - GAMMA * gradient_CHW
    return torch.stack(joints), frames
