"""What one trained net's heatmaps look like, for `heatmark analyze heatmaps`: A(s) as in Fig. 5, sigma, and C / n."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from heatmark.reports.rendering.drawing import Drawing, drawn
from heatmark.reports.rendering.method_colors import method_color

A_OF_S = "A(s), share of the heatmap"

Numbers = npt.NDArray[np.float64]


def net_shapes(
    label: str, method: str, activation_S: Numbers, sigmas: Sequence[float], sigma_N: Numbers, log_mass_N: Numbers
) -> str:
    """An SVG. activation_S: mean A(s) for s = 0, 1, ... N joints: sigma_N, of `sigmas`, and log_mass_N = ln(C / n)."""
    color = method_color(method)

    def draw(drawing: Drawing) -> None:
        left, middle, right = drawing.figure.subplots(1, 3)
        reaches = range(len(activation_S))
        plot_activation(drawing, left, reaches, activation_S, Line(color), label)
        activation_axes(left, len(activation_S) - 1)
        counts = [int((sigma_N == sigma).sum()) for sigma in sigmas]
        middle.bar([f"{sigma:g}" for sigma in sigmas], counts, color=color)
        middle.tick_params(axis="x", labelsize=6, rotation=90)
        middle.set(xlabel="σ of the best matching Gaussian", ylabel="joints")
        right.hist(log_mass_N, bins=30, color=color)
        right.set(xlabel="ln(C / n)", ylabel="joints")
        drawing.figure.suptitle(label)

    return drawn(draw, 2.4)


class Line(NamedTuple):
    """How a line looks; dashes and width as matplotlib has them."""

    color: str
    dashes: object = "-"
    width: float = 1.2


def plot_activation(
    drawing: Drawing, axes: Axes, reaches: Sequence[int], values_S: Numbers, line: Line, who: str
) -> None:
    """A(s) as a line, with its values as words. who: whose it is."""
    axes.plot(list(reaches), values_S, color=line.color, linestyle=line.dashes, linewidth=line.width)
    for s, value in zip(reaches, values_S.tolist(), strict=True):
        drawing.words(axes, s, value, f"{who}: A({s}) = {value:.2f}")


def activation_axes(axes: Axes, last: int) -> None:
    """last: the largest s."""
    axes.set_ylim(0, 1.02)
    axes.set_xlim(-0.5, last + 0.5)
    axes.set_xlabel("s (heatmap px)")
    axes.set_ylabel(A_OF_S)
