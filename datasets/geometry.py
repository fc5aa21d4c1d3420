"""Box <-> crop <-> heatmap: the one owner of every pixel convention.

Points are (x, y), pixel i has its centre at coordinate i, an affine is the 2 x 3 matrix of image -> input pixels, and
a mirror takes x to W - 1 - x. Two conventions:
biased  SimpleBaseline's and HRNet's. A crop of width W has its middle at W/2 and its side is W. Heatmap pixel u lies at
        input pixel stride * u: a map of the mirrored crop, mirrored back, lags (stride - 1) / stride to the left.
udp     Huang et al. 2020. Sizes are counted in intervals: the middle is (W - 1)/2, the side W - 1, and the outermost
        pixels of heatmap and input coincide, so that a map mirrored back lies exactly on the other.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import FloatArray

Box = tuple[float, float, float, float]
Convention = Literal["biased", "udp"]
# What a JPEG can be decoded at: a pixel of the picture for so many squared.
Reduction = Literal[1, 2, 4, 8]
REDUCTIONS: tuple[Reduction, ...] = (8, 4, 2)


def crop_affine(
    box_xywh: Box,
    input_size: tuple[int, int],
    padding: float,
    rotation_deg: float = 0.0,
    scale_factor: float = 1.0,
    *,
    mirrored: bool = False,
    shift: tuple[float, float] = (0.0, 0.0),
    geometry: Convention = "biased",
) -> FloatArray:
    """The affine that takes image pixels to input pixels, as affine_23: a similarity, but for a thousandth under udp.

    The box grows on its short side to the aspect of input_size (width, height), then by padding * scale_factor, moves
    by shift times the sides that it would have with the padding alone (mmpose), and its centre goes to the middle of
    the crop. What lies rotation_deg clockwise of "up" in the image points up in the crop.
    mirrored: the crop of the mirrored image. SBL mirrors image and box first (x -> width - 1 - x) and crops then; the
    width of the image cancels in that composition, so that one warp of the unmirrored image does both.
    """
    x, y, width, height = box_xywh
    source_2 = np.array(crop_size(box_xywh, input_size, padding * scale_factor))
    side_2 = np.array(input_size, dtype=np.float64) - (geometry == "udp")
    cos, sin = math.cos(math.radians(rotation_deg)), math.sin(math.radians(rotation_deg))
    linear_22 = (side_2 / source_2)[:, None] * np.array([[cos, sin], [-sin, cos]])
    if mirrored:
        linear_22 = linear_22 * np.array([-1.0, 1.0])
    box_centre_2 = np.array([x + width / 2, y + height / 2]) + np.array(shift) * padding * np.array([width, height])
    return np.column_stack([linear_22, side_2 / 2 - linear_22 @ box_centre_2])


def crop_size(box_xywh: Box, input_size: tuple[int, int], padding: float) -> tuple[float, float]:
    """Width and height in image pixels of what a crop shows: the box grown to the aspect of input_size, then padded."""
    _, _, width, height = box_xywh
    input_width, input_height = input_size
    source_width = max(width, height * input_width / input_height) * padding
    return source_width, source_width * input_height / input_width


def invert_affine(affine_x23: FloatArray) -> FloatArray:
    """The affine of the way back, for one or for one per leading index."""
    inverse_x22 = np.linalg.inv(affine_x23[..., :2])
    return np.concatenate([inverse_x22, -inverse_x22 @ affine_x23[..., 2:]], axis=-1)


def apply_affine(affine_x23: FloatArray, points_xN2: FloatArray) -> FloatArray:
    """Points through one affine, or through one per leading index (affine_B23 with points_BN2)."""
    linear_x22, shift_x12 = affine_x23[..., :2], affine_x23[..., None, :, 2]
    moved: FloatArray = points_xN2 @ np.swapaxes(linear_x22, -1, -2) + shift_x12
    return moved


def reduction(affine_23: FloatArray) -> Reduction:
    """How far a picture can be reduced and still have a pixel for each of the crop's."""
    pixels = 1 / math.sqrt(abs(np.linalg.det(affine_23[:, :2])))
    return next((each for each in REDUCTIONS if pixels >= each), 1)


def of_reduced(affine_23: FloatArray, reduced: int) -> FloatArray:
    """The affine of a picture whose pixels stand for reduced x reduced of the one that affine_23 is of."""
    linear_22 = affine_23[:, :2]
    centre_2 = np.full(2, (reduced - 1) / 2)
    return np.column_stack([linear_22 * reduced, affine_23[:, 2] + linear_22 @ centre_2])


def heatmap_pitch(input_size: tuple[int, int], stride: int, geometry: Convention = "biased") -> FloatArray:
    """Input pixels per heatmap pixel, across and down: pitch_2."""
    input_2 = np.array(input_size, dtype=np.float64)
    return np.full(2, float(stride)) if geometry == "biased" else (input_2 - 1) / (input_2 // stride - 1)


def mirror_lag(stride: int, geometry: Convention = "biased") -> float:
    """How far a map of the mirrored crop, mirrored back, lies to the left of the other, in heatmap pixels."""
    return (stride - 1) / stride if geometry == "biased" else 0.0


def heatmap_to_input(points_xN2: FloatArray, pitch: npt.ArrayLike) -> FloatArray:
    """Heatmap pixels to input pixels. pitch: of heatmap_pitch, or the stride."""
    moved: FloatArray = points_xN2 * np.asarray(pitch, dtype=points_xN2.dtype)
    return moved


def input_to_heatmap(points_xN2: FloatArray, pitch: npt.ArrayLike) -> FloatArray:
    """Input pixels to heatmap pixels."""
    moved: FloatArray = points_xN2 / np.asarray(pitch, dtype=points_xN2.dtype)
    return moved


def mirror_points(points_xN2: FloatArray, width: int) -> FloatArray:
    """Where the points are in the mirrored picture of that width: x -> width - 1 - x."""
    mirrored: FloatArray = points_xN2 * np.array([-1.0, 1.0]) + np.array([width - 1.0, 0.0])
    return mirrored
