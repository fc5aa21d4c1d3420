"""Rows and columns of small pictures with marks on them, and heatmaps laid over what the network saw."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from heatmark.reports.rendering.drawing import MUTED, WIDTH, Drawing, Extent, drawn

Pixels = npt.NDArray[np.uint8]
Point = tuple[float, float]

# Of the crop's grey under the map, so that the map stands out.
DIMMED = 0.45
# The longer side of an embedded picture in pixels.
LONGEST_SIDE = 150
JPEG_QUALITY = 85
MOST_HEIGHT = 8.6
# Inches: the label left of a row, a line of the titles over the columns, the space between pictures.
LABEL, TITLE_LINE, GAP = 0.28, 0.11, 0.04
LETTERS_PER_INCH = 19
TRUE_STYLE: dict[str, Any] = {"marker": "o", "color": "#ff2d2d", "markersize": 3.2}
EDGE: dict[str, Any] = {"linestyle": "", "markeredgecolor": "white", "markeredgewidth": 0.4}
NOTE_BOX: dict[str, Any] = {"facecolor": "#000000b0", "edgecolor": "none", "pad": 1.0}
FOUND_STYLE: dict[str, Any] = {"marker": "^", "color": "#20d0ff", "markersize": 3.6}


@dataclass(frozen=True)
class Picture:
    """pixels_RC3: RGB. words: of the whole picture. note: written on it. frame: a colour, empty for none.

    true, found: a joint in its pixels, None where there is none.
    """

    pixels_RC3: Pixels
    words: str
    true: Point | None = None
    found: Point | None = None
    note: str = ""
    frame: str = ""


@dataclass(frozen=True)
class Grid:
    """rows: label and pictures, None where there is none; empty: what stands there instead."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Picture | None, ...]], ...]
    empty: str = "no file"


def overlay(density_HW: npt.NDArray[np.floating], crop_RC3: Pixels) -> Pixels:
    """The map, its maximum at full strength, over the dimmed grey crop; negative weight is not drawn."""
    rows, columns = crop_RC3.shape[:2]
    weight_HW = np.clip(np.nan_to_num(density_HW.astype(np.float32)), 0, None)
    weight_HW /= max(float(weight_HW.max()), 1e-12)
    # Heatmap pixel u lies at crop pixel stride * u (datasets/geometry.py), and is drawn around it.
    nearest = [
        np.minimum((np.arange(size) * maps / size + 0.5).astype(int), maps - 1)
        for size, maps in zip((rows, columns), weight_HW.shape, strict=True)
    ]
    large_RC = weight_HW[np.ix_(*nearest)]
    color_RC3 = matplotlib.colormaps["inferno"](large_RC)[..., :3]
    grey_RC1 = DIMMED * cv2.cvtColor(crop_RC3, cv2.COLOR_RGB2GRAY)[..., None] / 255
    alpha_RC1 = np.clip(2 * large_RC, 0, 1)[..., None]
    mixed: Pixels = np.rint(255 * (grey_RC1 * (1 - alpha_RC1) + color_RC3 * alpha_RC1)).astype(np.uint8)
    return mixed


def jpeg(pixels_RC3: Pixels, longest: int = LONGEST_SIDE) -> bytes:
    """RGB as JPEG, made smaller where it is larger than `longest`."""
    scale = min(1.0, longest / max(pixels_RC3.shape[:2]))
    size = (round(pixels_RC3.shape[1] * scale), round(pixels_RC3.shape[0] * scale))
    small = cv2.resize(pixels_RC3, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels_RC3
    encoded, content = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    assert encoded, "RGB pixels can be encoded"
    return content.tobytes()


def grid_svg(grid: Grid, aspect: float, widest: float = 0.68) -> str:
    """aspect: height of a picture by its width. widest: inches of one picture, where there is room."""
    columns, rows = len(grid.columns), len(grid.rows)
    side = min(widest, (WIDTH - LABEL) / columns - GAP, MOST_HEIGHT / rows / aspect - GAP)
    column_titles = [_wrapped(title, side) for title in grid.columns]
    titles = GAP + max(title.count("\n") + 1 for title in column_titles) * TITLE_LINE
    height, width = rows * (side * aspect + GAP) + titles, columns * (side + GAP) + LABEL

    def draw(drawing: Drawing) -> None:
        # One pair of axes in inches: a pair for each picture would take a hundred times as long.
        axes = drawing.figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(0, height))
        axes.set_axis_off()
        for row, (label, pictures) in enumerate(grid.rows):
            bottom = (rows - 1 - row) * (side * aspect + GAP)
            height_of_label = bottom + side * aspect / 2
            label = _wrapped(label, side * aspect)
            axes.text(LABEL / 2, height_of_label, label, rotation=90, ha="center", va="center", fontsize=6)
            for column, picture in enumerate(pictures):
                left = LABEL + column * (side + GAP)
                if picture is None:
                    middle = (left + side / 2, bottom + side * aspect / 2)
                    axes.text(*middle, grid.empty, ha="center", va="center", fontsize=6, color=MUTED)
                else:
                    _draw_picture(drawing, axes, picture, (left, left + side, bottom, bottom + side * aspect))
        for column, title in enumerate(column_titles):
            center = LABEL + column * (side + GAP) + side / 2
            axes.text(center, height - titles, title, ha="center", va="bottom", fontsize=6)

    return drawn(draw, height, width, placed=True)


def _wrapped(text: str, inches: float) -> str:
    return "\n".join(textwrap.fill(line, max(8, int(inches * LETTERS_PER_INCH))) for line in text.splitlines())


def _draw_picture(drawing: Drawing, axes: Axes, picture: Picture, extent: Extent) -> None:
    left, right, bottom, top = extent
    drawing.picture(axes, extent, jpeg(picture.pixels_RC3))
    drawing.words(axes, (left + right) / 2, (bottom + top) / 2, picture.words)
    if picture.note:
        axes.text(left + GAP, bottom + GAP, picture.note, fontsize=5.5, color="white", va="bottom", bbox=NOTE_BOX)
    if picture.frame:
        outline = Rectangle((left, bottom), right - left, top - bottom, fill=False, color=picture.frame, linewidth=2)
        axes.add_patch(outline)
    rows, columns = picture.pixels_RC3.shape[:2]
    for point, style in ((picture.true, TRUE_STYLE), (picture.found, FOUND_STYLE)):
        if point is not None:
            # Pixel i has its centre at i + 1/2 of the picture's extent.
            x = left + (min(max(point[0], 0), columns - 1) + 0.5) / columns * (right - left)
            y = top - (min(max(point[1], 0), rows - 1) + 0.5) / rows * (top - bottom)
            axes.plot(x, y, **style, **EDGE)
