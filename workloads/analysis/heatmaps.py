"""What a trained net's heatmaps look like (sections 7.3 and 7.5): A(s), the sigma they resemble, and C / n."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure

from heatmark.datasets.loader import heatmap_joints
from heatmark.models.diagnostics import activation_sum, fitted_sigma, log_mass_ratio
from heatmark.models.losses import inside
from heatmark.workloads.analysis.artefacts import COLORS, write_figure, write_table
from heatmark.workloads.trained import Log, TrainedTrial, open_trial

REACHES = tuple(range(13))
SIGMAS = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0)
# The paper's window for the fit where A(4) holds most of the map.
WINDOW = 4
# The paper's beta, for methods that have none.
BETA = 10.0

Array = npt.NDArray[np.float64]


def analyze(folder: Path, run: Path, log: Log) -> list[Path]:
    """heatmaps.csv (by joint), activation.csv (A(s)) and heatmaps.svg, over the labelled joints of the val split."""
    trial = open_trial(run, log)
    found_N = described(trial)
    rows = [_row("all", found_N)]
    rows += [_row(name, found_N[found_N[:, 0] == k]) for k, name in enumerate(trial.people.skeleton.joints)]
    activation = [{"s": s, "activation_sum": float(found_N[:, 3 + s].mean())} for s in REACHES]
    return [
        write_table(folder / "heatmaps.csv", rows),
        write_table(folder / "activation.csv", activation),
        write_figure(folder / "heatmaps.svg", _figure(found_N, trial.spec.label)),
    ]


@torch.no_grad()
def described(trial: TrainedTrial) -> Array:
    """A row per labelled joint inside its crop: joint, best sigma, ln(C / n), and A(s) for each s."""
    beta = getattr(trial.spec.method, "beta", BETA)
    rows = []
    for batch, heatmap_BKHW, _ in trial.heatmaps():
        joints_BK2 = heatmap_joints(batch, trial.spec.data.pitch).double().to(heatmap_BKHW.device)
        counts_BK = inside(joints_BK2, heatmap_BKHW.shape[-2:]).cpu() & (batch["labelled_BK"] > 0)
        joint_BK = torch.arange(counts_BK.shape[1]).expand_as(counts_BK)
        density_BKHW = trial.spec.method.visible_density(heatmap_BKHW)
        columns = [
            joint_BK[..., None].double(),
            fitted_sigma(density_BKHW, joints_BK2, WINDOW, SIGMAS)[..., None].cpu(),
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


def _figure(found_N: Array, label: str) -> Figure:
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot(REACHES, found_N[:, 3:].mean(0), "o-", color=COLORS["detection"])
    left.set(xlabel="s, heatmap pixels", ylabel="A(s), mean over joints", ylim=(0, 1))
    counts = [int((found_N[:, 1] == sigma).sum()) for sigma in SIGMAS]
    middle.bar([f"{sigma:g}" for sigma in SIGMAS], counts, color=COLORS["detection"])
    middle.tick_params(axis="x", labelsize=7)
    middle.set(xlabel="sigma of the best matching Gaussian", ylabel="joints")
    right.hist(found_N[:, 2], bins=30, color=COLORS["detection"])
    right.set(xlabel="ln(C / n)", ylabel="joints")
    figure.suptitle(label, fontsize=10)
    return figure
