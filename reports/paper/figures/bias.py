"""Fig. 2: the bias of an expectation under exp(beta h), from `heatmark analyze bias`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from heatmark.reports.paper.figures.decodings import JOINT, SIZE, colored, expectation, toy_heatmap
from heatmark.reports.rendering.drawing import Drawing, drawn
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.method_colors import method_color
from heatmark.reports.rendering.picture_grid import EDGE, FOUND_STYLE, TRUE_STYLE, jpeg

TITLE = "Fig. 2"
NO_TORCH = "Fig. 2 and Fig. 6: not drawn, torch is not installed here; heatmark analyze draws them where it is."
SHOWN_BETAS = (1.0, 5.0, 10.0)
SHIFTS = (0, 0.01, 0.1, 1, 10)
BETA_TICKS = (0.5, 2, 10, 50)
AXES = {"beta": "β, log scale", "sigma": "σ (heatmap px)", "step": "from the centre (px)"}


@cache
def bias() -> Figure:
    """How far the softmax pulls a joint towards the middle of the map. Needs torch."""
    try:
        from heatmark.workloads.analysis.bias import TYPICAL, varied
    except ImportError:
        return Figure("", "The softmax bias.", "", TITLE, NO_TORCH)

    def draw(drawing: Drawing) -> None:
        panels = drawing.figure.subplots(1, 6, width_ratios=(1, 1, 1, 1.2, 1.2, 1.2))
        for axes, beta in zip(panels[:3], SHOWN_BETAS, strict=True):
            _draw_map(drawing, axes, beta)
        for axes, (name, label) in zip(panels[3:], AXES.items(), strict=True):
            _draw_shift(drawing, axes, varied(name), name, label)
        panels[3].set_title("shift (heatmap px)")
        panels[3].legend(fontsize=6, handlelength=1.5, loc="center left")

    caption = (
        "The bias of IPR. Left: weights exp(β h) of one heatmap, a Gaussian of peak 1; red dot: the joint, blue "
        "triangle: the joint as IPR reads it. Right: how far from the joint IPR and BCIR read, and what Eq. 37 "
        "predicts, in heatmap pixels over β, "
        f"σ and the joint's distance from the centre, the other two at β {TYPICAL['beta']:g}, σ {TYPICAL['sigma']:g} "
        f"and {TYPICAL['step']} pixels sideways of the centre, on maps of {SIZE[1]} × {SIZE[0]} pixels. No network, no "
        "data."
    )
    return Figure(drawn(draw, 1.9), caption, "Heatmaps and curves of the bias of IPR and BCIR", TITLE)


def _draw_map(drawing: Drawing, axes: Axes, beta: float) -> None:
    weight_HW = np.exp(beta * toy_heatmap())
    axes.set(xlim=(-0.5, SIZE[1] - 0.5), ylim=(SIZE[0] - 0.5, -0.5), aspect="equal", xticks=[], yticks=[])
    axes.grid(visible=False)
    drawing.picture(axes, (-0.5, SIZE[1] - 0.5, SIZE[0] - 0.5, -0.5), jpeg(colored(weight_HW), longest=192))
    axes.plot(*JOINT, **TRUE_STYLE, **EDGE)
    axes.plot(*expectation(weight_HW), **FOUND_STYLE, **EDGE)
    axes.set_title(f"β {beta:g}")


def _draw_shift(drawing: Drawing, axes: Axes, rows: list[dict[str, Any]], name: str, label: str) -> None:
    x = [row["distance" if name == "step" else name] for row in rows]
    styles: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("shift_ipr", "IPR", {"color": method_color("ipr"), "marker": "o"}),
        ("shift_bcir", "BCIR", {"color": method_color("bcir"), "marker": "s"}),
        ("shift_predicted", "Eq. 37", {"color": "black", "linestyle": ":"}),
    )
    for key, title, style in styles:
        y = [row[key] for row in rows]
        axes.plot(x, y, label=title, markersize=2.5, linewidth=1, **style)
        for place, value in zip(x, y, strict=True):
            drawing.words(axes, place, value, f"{title}, {label.split(',')[0]} {place:g}: {value:.2g} px")
    axes.set_yscale("symlog", linthresh=0.01)
    axes.set_yticks(SHIFTS, [f"{shift:g}" for shift in SHIFTS] if name == "beta" else [])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(-0.005, 40)
    if name == "beta":
        axes.set_xscale("log")
        axes.set_xticks(BETA_TICKS, [f"{beta:g}" for beta in BETA_TICKS])
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(label, fontsize=6.5)
    axes.tick_params(labelsize=6)
