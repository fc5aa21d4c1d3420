"""Convex outlines on a canvas that holds two pictures: the colours, and which part of whom each pixel shows."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import FloatArray

ByteArray = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]  # blue, green, red, as OpenCV keeps them

# OpenCV takes outlines in fixed point: 4 binary digits after the point. Pixel centres lie at whole numbers.
FRACTION_BITS = 4

_ANGLES_N = np.linspace(0.0, 2 * np.pi, 20, endpoint=False)
_CIRCLE_N2: FloatArray = np.stack([np.cos(_ANGLES_N), np.sin(_ANGLES_N)], axis=1)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour from hue in turns, saturation and value in 0..1."""
    red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(hue % 1.0, saturation, value))
    return blue, green, red


def shaded(colour: Colour, factor: float) -> Colour:
    """The same colour, darker (factor < 1) or lighter."""
    blue, green, red = (min(255, max(0, round(channel * factor))) for channel in colour)
    return blue, green, red


def ellipse(centre_2: FloatArray, radii: tuple[float, float], tilt: float = 0.0) -> FloatArray:
    """Outline of an ellipse; tilt in radians from the x axis toward the y axis."""
    cos, sin = np.cos(tilt), np.sin(tilt)
    outline_N2: FloatArray = centre_2 + (_CIRCLE_N2 * radii) @ np.array([[cos, sin], [-sin, cos]])
    return outline_N2


def hull(points_N2: FloatArray) -> FloatArray:
    """The convex hull, in order."""
    return np.asarray(cv2.convexHull(points_N2.astype(np.float32)), dtype=np.float64).reshape(-1, 2)


def hull_of_discs(discs: list[tuple[FloatArray, float]]) -> FloatArray:
    """The convex hull of discs given as (centre, radius): two of them make a tapered limb, four a trunk."""
    return hull(np.concatenate([centre_2[:2] + _CIRCLE_N2 * radius for centre_2, radius in discs]))


@dataclass(frozen=True)
class Canvas:
    """image_HW3: what is seen. labels_HW: the label of the part that each pixel shows, 0 for the backdrop."""

    image_HW3: ByteArray
    labels_HW: ByteArray

    def paint(self, outline_N2: FloatArray, colour: Colour, edge: Colour | None = None) -> None:
        """Fill a convex outline with soft edges, and draw its edge where one is given."""
        outline = fixed_point(outline_N2)
        cv2.fillConvexPoly(self.image_HW3, outline, colour, cv2.LINE_AA, FRACTION_BITS)
        if edge is not None:
            cv2.polylines(self.image_HW3, [outline], True, edge, 1, cv2.LINE_AA, FRACTION_BITS)

    def label(self, outline_N2: FloatArray, label: int) -> None:
        cv2.fillConvexPoly(self.labels_HW, fixed_point(outline_N2), label, cv2.LINE_8, FRACTION_BITS)


def fixed_point(outline_N2: FloatArray) -> npt.NDArray[np.int32]:
    """Pixels as OpenCV takes them with a shift: whole numbers of 1 / 2^FRACTION_BITS."""
    return np.round(outline_N2 * (1 << FRACTION_BITS)).astype(np.int32)
