"""Fig. 1: our own drawing of the decodings: one heatmap, read by its maximum, by IPR's expectation and by BCIR's."""

from __future__ import annotations

from functools import cache

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from heatmark.reports.rendering.drawing import MUTED, Drawing, drawn
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.method_colors import method_color
from heatmark.reports.rendering.picture_grid import FOUND_STYLE, TRUE_STYLE, Pixels, jpeg

Map = npt.NDArray[np.float64]

# rows, columns; the joint far from the centre, where a softmax over all pixels is pulled away most.
SIZE = (64, 48)
JOINT = (11.0, 14.0)
SIGMA, BETA = 2.0, 5.0
ENLARGED = 3
INK = "#1d2530"


def toy_heatmap() -> Map:
    """heatmap_HW: a Gaussian of peak 1 at JOINT, background of 0."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    heatmap_HW: Map = np.exp(-((columns - JOINT[0]) ** 2 + (rows - JOINT[1]) ** 2) / (2 * SIGMA**2))
    return heatmap_HW


def expectation(weight_HW: Map) -> tuple[float, float]:
    """The mean pixel (x, y) under weights."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    total = weight_HW.sum()
    return float((columns * weight_HW).sum() / total), float((rows * weight_HW).sum() / total)


@cache
def decodings() -> Figure:
    """One toy heatmap as detection, IPR and BCIR read it."""
    heatmap_HW = toy_heatmap()
    softmax_HW, compensated_HW = np.exp(BETA * heatmap_HW), np.expm1(BETA * heatmap_HW)
    row, column = np.unravel_index(heatmap_HW.argmax(), SIZE)
    paths = (
        ("detection", "argmax", heatmap_HW, (float(column), float(row)), "L_de: squared error\nto a drawn Gaussian"),
        ("ipr", "expectation under\nexp(β h)", softmax_HW, expectation(softmax_HW), "L1 of the joint"),
        ("bcir", "expectation under\nexp(β h) − 1", compensated_HW, expectation(compensated_HW), "L1 + L_de until T_o"),
    )

    def draw(drawing: Drawing) -> None:
        axes = drawing.figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 6.9), ylim=(0, 3.5))
        axes.set_axis_off()
        _box(axes, (0.05, 1.35, 0.75, 0.8), "image", MUTED)
        _box(axes, (1.1, 1.35, 0.95, 0.8), "backbone\nand head", MUTED)
        _map(drawing, axes, heatmap_HW, (2.4, 1.2))
        axes.text(2.775, 2.26, "heatmap h", ha="center", color=INK)
        for start, end in ((0.8, 1.1), (2.05, 2.4)):
            _arrow(axes, (start, 1.75), (end, 1.75), MUTED)
        for place, (method, read, weight_HW, joint, loss) in enumerate(paths):
            middle, color = 2.95 - 1.15 * place, method_color(method)
            _arrow(axes, (3.15, 1.75), (3.5, middle), color)
            _box(axes, (3.5, middle - 0.3, 1.15, 0.6), f"{TITLES[method]}\n{read}", color)
            _arrow(axes, (4.65, middle), (4.9, middle), color)
            _map(drawing, axes, weight_HW, (4.9, middle - 0.5), joint)
            off = np.hypot(joint[0] - JOINT[0], joint[1] - JOINT[1])
            axes.text(
                5.75, middle, f"({joint[0]:.1f}, {joint[1]:.1f})\n{off:.1f} px off\n{loss}", va="center", color=color
            )

    caption = (
        "Our drawing of the decodings. Detection, IPR and BCIR share image, network and heatmap; what differs is how a "
        f"joint is read, and what is minimised. The heatmap is a Gaussian of σ {SIGMA:g} at ({JOINT[0]:g}, "
        f"{JOINT[1]:g}) of {SIZE[1]} × {SIZE[0]} pixels; right of each path its weights at β {BETA:g}, the true joint "
        "as a red dot and the joint as read as a blue triangle. exp(β h) is 1 where h is 0, so that all of the "
        "background pulls IPR's joint to the centre (section 5.1); subtracting 1 takes that weight away (Eq. 18)."
    )
    return Figure(drawn(draw, 3.5, placed=True), caption, "A diagram of three ways to read a heatmap", "Fig. 1")


TITLES = {"detection": "Detection", "ipr": "IPR", "bcir": "BCIR"}


def colored(weight_HW: Map, enlarged: int = ENLARGED) -> Pixels:
    """From the least weight in black to the largest in light yellow."""
    low, high = float(weight_HW.min()), float(weight_HW.max())
    share_HW = (weight_HW - low) / max(high - low, 1e-12)
    pixels_HW3: Pixels = np.rint(255 * matplotlib.colormaps["inferno"](share_HW)[..., :3]).astype(np.uint8)
    return cv2.resize(pixels_HW3, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_NEAREST).astype(np.uint8)


def _map(
    drawing: Drawing, axes: Axes, weight_HW: Map, corner: tuple[float, float], found: tuple[float, float] | None = None
) -> None:
    """A heatmap of 0.75 by 1 inch. corner: its lower left."""
    left, bottom = corner
    drawing.picture(axes, (left, left + 0.75, bottom, bottom + 1.0), jpeg(colored(weight_HW), longest=192))
    for point, style in ((JOINT, TRUE_STYLE), (found, FOUND_STYLE)):
        if point is not None:
            x, y = (point[0] + 0.5) / SIZE[1] * 0.75, (point[1] + 0.5) / SIZE[0]
            axes.plot(left + x, bottom + 1 - y, linestyle="", markeredgecolor="white", markeredgewidth=0.4, **style)


def _box(axes: Axes, place: tuple[float, float, float, float], text: str, color: str) -> None:
    left, bottom, width, height = place
    patch = FancyBboxPatch((left, bottom), width, height, boxstyle="round,pad=0,rounding_size=0.06", linewidth=1.1)
    patch.set(facecolor="white", edgecolor=color)
    axes.add_patch(patch)
    axes.text(left + width / 2, bottom + height / 2, text, ha="center", va="center", fontsize=6.5, color=INK)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0})
