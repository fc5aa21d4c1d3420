"""Fig. 6: heatmaps without a network, updated by the gradient of each loss, from `heatmark analyze gradients`."""

from __future__ import annotations

from functools import cache

from heatmark.reports.paper.figures.bias import NO_TORCH
from heatmark.reports.paper.figures.decodings import colored
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.picture_grid import Grid, Picture, grid_svg

TITLE = "Fig. 6"
# Of the frames that the analysis keeps; it goes on to 400, which changes little and takes long.
SHOWN_STEPS = (0, 50, 150)
ENLARGED = 2


@cache
def gradients() -> Figure:
    """Takes a second or two, and is the same every time."""
    try:
        from heatmark.workloads.analysis.gradients import GAMMA, JOINT, first_heatmaps, learners, updated
    except ImportError:
        return Figure("", "Gradients without a network.", "", TITLE, NO_TORCH)
    import torch

    named, cases = learners(), first_heatmaps(seed=0)
    first_CHW = torch.stack(list(cases.values()))
    found = {name: updated(first_CHW, learner, SHOWN_STEPS[-1]) for name, learner in named.items()}
    rows = []
    for place, case in enumerate(cases):
        pictures = []
        for name, (joints_SC2, frames) in found.items():
            for step in SHOWN_STEPS:
                x, y = joints_SC2[step, place].tolist()
                off = ((x - JOINT[0]) ** 2 + (y - JOINT[1]) ** 2) ** 0.5
                words = f"{name}, case {case}, step {step}: read at ({x:.1f}, {y:.1f}), {off:.1f} px off"
                pixels_HW3 = colored(frames[step][place].numpy(), ENLARGED)
                true, at = ((_enlarged(each[0]), _enlarged(each[1])) for each in (JOINT, (x, y)))
                pictures.append(Picture(pixels_HW3, words, true, at, note=f"{off:.1f} px"))
        rows.append((f"case {case}", tuple(pictures)))
    columns = tuple(f"{name}\nstep {step}" for name in named for step in SHOWN_STEPS)
    caption = (
        "A heatmap without a network, updated by the gradient of the loss of regression (IPR), of detection and of "
        f"BCIR (Eq. 24, {SHOWN_STEPS[-1]} steps of γ {GAMMA:g}) from four first heatmaps of section 6.2. Each map from "
        "its least value in black to its largest in yellow; red dot: the true joint, blue triangle: the joint as read; "
        "on each map its distance in heatmap pixels. No data."
    )
    svg = grid_svg(Grid(columns, tuple(rows)), aspect=4 / 3)
    return Figure(svg, caption, "Heatmaps under gradient steps of three losses", TITLE)


def _enlarged(at: float) -> float:
    """A coordinate of the map in the enlarged picture, where its pixel is a square."""
    return ENLARGED * (at + 0.5) - 0.5
