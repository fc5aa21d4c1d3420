"""What a trained net's heatmaps look like (sections 7.3 and 7.5): A(s), the sigma they resemble, and C / n."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from heatmark.datasets.loader import heatmap_joints
from heatmark.models.diagnostics import activation_sum, fitted_sigma, log_mass_ratio
from heatmark.models.losses import inside
from heatmark.workloads.analysis.artefacts import write_table
from heatmark.workloads.records import BETA, REACHES
from heatmark.workloads.trained import Log, TrainedTrial, open_trial

FINE_SIGMAS = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0)
# The paper's window for the fit where A(4) holds most of the map.
WINDOW = 4

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NetShapes:
    """Of N labelled joints of the val split. label, method: of the trial. joints: of its skeleton. found_N: see
    described. sigmas: those that were tried.
    """

    label: str
    method: str
    joints: tuple[str, ...]
    found_N: Array
    sigmas: tuple[float, ...] = FINE_SIGMAS

    @property
    def sigma_N(self) -> Array:
        return self.found_N[:, 1]

    @property
    def log_mass_N(self) -> Array:
        """ln(C / n)."""
        return self.found_N[:, 2]

    @property
    def activation_S(self) -> Array:
        """Mean A(s) for s = 0, 1, ..."""
        mean_S: Array = self.found_N[:, 3:].mean(0)
        return mean_S


def describe_net(run: Path, log: Log) -> NetShapes:
    """run: the folder of a trained trial. Raises InputError."""
    trial = open_trial(run, log)
    return NetShapes(trial.spec.label, trial.spec.method.name, tuple(trial.people.skeleton.joints), described(trial))


def analyze(folder: Path, net: NetShapes) -> list[Path]:
    """heatmaps.csv (by joint) and activation.csv (A(s)), over the labelled joints of the val split."""
    rows = [_row("all", net.found_N)]
    rows += [_row(name, net.found_N[net.found_N[:, 0] == k]) for k, name in enumerate(net.joints)]
    activation = [{"s": s, "activation_sum": float(net.activation_S[s])} for s in REACHES]
    return [write_table(folder / "heatmaps.csv", rows), write_table(folder / "activation.csv", activation)]


@torch.no_grad()
def described(trial: TrainedTrial) -> Array:
    """A row per labelled joint inside its crop: joint, best sigma, ln(C / n), and A(s) for each s."""
    beta = getattr(trial.spec.method, "beta", BETA)
    rows = []
    for batch, heatmap_BKHW, _ in trial.heatmaps():
        joints_BK2 = heatmap_joints(batch, trial.spec.data.pitch, torch.float64).to(heatmap_BKHW.device)
        counts_BK = inside(joints_BK2, heatmap_BKHW.shape[-2:]).cpu() & (batch["labelled_BK"] > 0)
        joint_BK = torch.arange(counts_BK.shape[1]).expand_as(counts_BK)
        density_BKHW = trial.spec.method.visible_density(heatmap_BKHW)
        columns = [
            joint_BK[..., None].double(),
            fitted_sigma(density_BKHW, joints_BK2, WINDOW, FINE_SIGMAS)[..., None].cpu(),
            log_mass_ratio(heatmap_BKHW, beta)[..., None].double().cpu(),
            activation_sum(density_BKHW, joints_BK2, REACHES).double().cpu(),
        ]
        rows.append(torch.cat(columns, dim=-1)[counts_BK].numpy())
    return np.concatenate(rows)


def _row(name: str, found_N: Array) -> dict[str, Any]:
    """Of one joint, or of all. Where none is labelled, only the count."""
    row: dict[str, Any] = {"joint": name, "labelled": len(found_N)}
    empty = not len(found_N)
    sigma_N, mass_N = found_N[:, 1], found_N[:, 2]
    return row | {
        "A(2)": "" if empty else float(found_N[:, 3 + 2].mean()),
        "A(9)": "" if empty else float(found_N[:, 3 + 9].mean()),
        "median_sigma": "" if empty else float(np.median(sigma_N)),
        "median_ln_mass_ratio": "" if empty else float(np.median(mass_N)),
        "share_of_short_mass": "" if empty else float((mass_N <= 0).mean()),
    }
