"""How far each read-out lies from the joint on ideal Gaussian maps that are disturbed, one disturbance at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import qmc
from torch import Tensor

from heatmark.workloads.analysis.artefacts import SIZE, gaussian_map, one_thread, write_table
from heatmark.workloads.decoders import chosen_decoders

READOUTS = chosen_decoders(["argmax", "quarter", "dark", "udp", "soft", "bcir"], ["10"])
# What an ideal map has: nothing added to it, no noise, the paper's target and its 64 x 48 pixels.
IDEAL = {"offset": 0.0, "noise": 0.0, "peak": 1.0, "sigma": 2.0, "resolution": 1.0}
LEVELS: dict[str, tuple[float, ...]] = {
    "offset": (0.0, 0.005, 0.01, 0.02, 0.05, 0.1),
    "noise": (0.0, 0.01, 0.02, 0.05, 0.1),
    "peak": (0.1, 0.25, 0.5, 0.75, 1.0, 1.5),
    "sigma": (1.0, 1.5, 2.0, 2.5, 3.0, 4.0),
    "resolution": (0.25, 0.5, 1.0, 1.5),
}
PLACES = 256
# In pixels, from the outermost pixels to the nearest joints: four sigma, so that an ideal map is whole.
MARGIN = 8
SEED = 0


def analyze(folder: Path) -> list[Path]:
    """robustness.csv; reports/analyses/robustness.py draws it."""
    return [write_table(folder / "robustness.csv", list(measured()))]


def measured() -> Iterator[dict[str, Any]]:
    """Every disturbance, level and read-out: mean and largest distance from the joint, in pixels of that map."""
    for disturbance, levels in LEVELS.items():
        for level in levels:
            joints_1K2, heatmap_1KHW = disturbed(**{**IDEAL, disturbance: level})
            for name, decoder in READOUTS.items():
                with one_thread():
                    error_1K = (decoder.read(heatmap_1KHW) - joints_1K2).norm(dim=-1)
                yield {
                    "disturbance": disturbance,
                    "level": level,
                    "readout": name,
                    "mean_error": error_1K.mean().item(),
                    "largest_error": error_1K.max().item(),
                }


def disturbed(offset: float, noise: float, peak: float, sigma: float, resolution: float) -> tuple[Tensor, Tensor]:
    """joints_1K2 and heatmap_1KHW, one map for each of the places.

    offset: added to every pixel. noise: standard deviation of independent Gaussian noise, the same draw at all levels.
    sigma: in pixels of a map of SIZE. resolution: of the map by SIZE; joints and sigma are scaled with it, as of one
    picture seen by a net with another stride, and as sigma goes with the map in HRNet (2 at 64 x 48, 3 at 96 x 72).
    The kernel of DARK and UDP stays that for a sigma of 2.
    """
    size = map_size(resolution)
    joints_K2 = (places() + 0.5) * resolution - 0.5
    heatmap_KHW = torch.stack([gaussian_map((x, y), sigma * resolution, peak, size) for x, y in joints_K2.tolist()])
    noise_KHW = noise * np.random.default_rng(SEED).standard_normal(heatmap_KHW.shape)
    return joints_K2[None], (heatmap_KHW + offset + torch.from_numpy(noise_KHW))[None]


def map_size(resolution: float) -> tuple[int, int]:
    """Rows and columns."""
    return round(SIZE[0] * resolution), round(SIZE[1] * resolution)


def places() -> Tensor:
    """joints_K2 on a map of SIZE: a Halton sequence, so that both the map within MARGIN and a pixel are covered evenly.

    What pulls towards the centre of the map grows with the distance from there, on these places 15 pixels on average.
    """
    span_2 = torch.tensor([SIZE[1] - 1, SIZE[0] - 1]) - 2 * MARGIN
    return MARGIN + span_2 * torch.from_numpy(qmc.Halton(2, scramble=False).random(PLACES))
