"""A pose drawn on a picture around a person: in contact sheets, prediction sheets and figures alike."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from heatmark.datasets.geometry import Box, apply_affine, crop_affine
from heatmark.datasets.images import ImageArray
from heatmark.datasets.people import FloatArray, Skeleton

Color = tuple[int, int, int]

# Red, green, blue: orange for the person's left, blue for the right, light grey where a bone crosses over.
LEFT, RIGHT, MIDDLE = (230, 159, 0), (86, 180, 233), (240, 240, 240)
RIM = (25, 25, 25)
OUTSIDE = (60, 60, 60)
SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Pen:
    """Pixels: the width of a bone, the radius of a joint, the dark rim around both.

    color: of the whole pose, instead of one for each side. rings: joints less visible than others are rings.
    """

    bone: int
    joint: float
    rim: float = 0.0
    color: Color | None = None
    rings: bool = False


def crop_around(
    image_HW3: ImageArray, box_xywh: Box, size: tuple[int, int], padding: float
) -> tuple[ImageArray, FloatArray]:
    """A network's crop, of size (width, height) and grey outside the image; and affine_23 of image to crop."""
    x, y, width, height = box_xywh
    affine_23 = crop_affine((x, y, max(width, 1.0), max(height, 1.0)), size, padding)
    crop = cv2.warpAffine(image_HW3, affine_23, size, flags=cv2.INTER_LINEAR, borderValue=OUTSIDE)
    return crop.astype(np.uint8, copy=False), affine_23


def draw_pose(
    canvas_HW3: ImageArray,
    affine_23: FloatArray,
    joints_K2: FloatArray,
    visibility_K: FloatArray,
    skeleton: Skeleton,
    pen: Pen,
) -> None:
    """Bones and joints of a visibility above 0, in place. joints_K2: in pixels of what affine_23 took to the canvas."""
    limit = 4.0 * max(canvas_HW3.shape)
    moved_K2 = np.clip(apply_affine(affine_23, joints_K2), -limit, limit)
    points = [(int(x), int(y)) for x, y in np.rint(moved_K2 * 2**SUBPIXEL_BITS)]
    drawn_K = visibility_K > 0
    for rim in (True, False) if pen.rim else (False,):
        thickness = pen.bone + round(2 * pen.rim) if rim else pen.bone
        for a, b in skeleton.bones:
            if drawn_K[a] and drawn_K[b]:
                color = RIM if rim else pen.color or _side_color(skeleton, a, b)
                cv2.line(canvas_HW3, points[a], points[b], color, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    for joint in np.flatnonzero(drawn_K).tolist():
        if pen.rim:
            _dot(canvas_HW3, points[joint], pen.joint + pen.rim, RIM)
        ring = pen.rings and visibility_K[joint] < visibility_K.max()
        _dot(canvas_HW3, points[joint], pen.joint, pen.color or _side_color(skeleton, joint, joint), 1 if ring else -1)


def _dot(canvas_HW3: ImageArray, point: tuple[int, int], radius: float, color: Color, thickness: int = -1) -> None:
    cv2.circle(canvas_HW3, point, round(radius * 2**SUBPIXEL_BITS), color, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def _side_color(skeleton: Skeleton, a: int, b: int) -> Color:
    sides = {skeleton.side_of(joint) for joint in (a, b)} - {None}
    if sides == {"left"}:
        return LEFT
    return RIGHT if sides == {"right"} else MIDDLE
