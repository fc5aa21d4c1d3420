"""Box <-> crop <-> heatmap: the one owner of every pixel convention.

The convention is SimpleBaseline's ("biased", in UDP's words). Pixel i has its centre at coordinate i. A crop of
width W has its middle at W/2 and its side is W, not W - 1. Heatmap pixel u lies at input pixel stride * u: no half
pixel. A mirror takes x to W - 1 - x. Points are (x, y); an affine is the 2 x 3 matrix of image -> input pixels.
"""

from __future__ import annotations

import math

import numpy as np

from heatmark.datasets.people import FloatArray

Box = tuple[float, float, float, float]


def crop_affine(
    box_xywh: Box,
    input_size: tuple[int, int],
    padding: float,
    rotation_deg: float = 0.0,
    scale_factor: float = 1.0,
    *,
    mirrored: bool = False,
) -> FloatArray:
    """The similarity that takes image pixels to input pixels, as affine_23.

    The box grows on its short side to the aspect of input_size (width, height), then by padding * scale_factor, and
    its centre goes to (W/2, H/2). What lies rotation_deg clockwise of "up" in the image points up in the crop.
    mirrored: the crop of the mirrored image. SBL mirrors image and box first (x -> width - 1 - x) and crops then; the
    width of the image cancels in that composition, so that one warp of the unmirrored image does both.
    """
    x, y, width, height = box_xywh
    input_width, input_height = input_size
    source_width, _ = crop_size(box_xywh, input_size, padding * scale_factor)
    zoom = input_width / source_width
    cos, sin = zoom * math.cos(math.radians(rotation_deg)), zoom * math.sin(math.radians(rotation_deg))
    linear_22 = np.array([[cos, sin], [-sin, cos]])
    if mirrored:
        linear_22 = linear_22 * np.array([-1.0, 1.0])
    box_centre_2 = np.array([x + width / 2, y + height / 2])
    input_centre_2 = np.array([input_width / 2, input_height / 2])
    return np.column_stack([linear_22, input_centre_2 - linear_22 @ box_centre_2])


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


def heatmap_to_input(points_xN2: FloatArray, stride: float) -> FloatArray:
    """Heatmap pixels to input pixels."""
    return points_xN2 * stride


def input_to_heatmap(points_xN2: FloatArray, stride: float) -> FloatArray:
    """Input pixels to heatmap pixels."""
    return points_xN2 / stride


def mirror_points(points_xN2: FloatArray, width: int) -> FloatArray:
    """Where the points are in the mirrored picture of that width: x -> width - 1 - x."""
    mirrored: FloatArray = points_xN2 * np.array([-1.0, 1.0]) + np.array([width - 1.0, 0.0])
    return mirrored
