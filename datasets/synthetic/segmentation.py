"""Masks as COCO writes them: polygons for one person, run lengths for a crowd, and the tight box of either.

Polygon corners and boxes are in COCO's pixel-edge coordinates: pixel i covers i to i + 1.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Corners = npt.NDArray[np.int32]

# Corners nearer than this to a straight edge are left out, or every slanted limb would be written as a staircase.
_TOLERANCE = 0.6


def polygons(mask_HW: Mask) -> list[list[int]]:
    """The outlines of a mask as [x1, y1, x2, y2, ...]; no polygon holds a hole, as COCO's cannot."""
    return [outline for outline in _outlines(mask_HW.astype(np.uint8), 0) if len(outline) >= 6]


def _outlines(mask_HW: npt.NDArray[np.uint8], left: int) -> list[list[int]]:
    """A mask with a hole is cut in two through the hole's middle, as often as needed."""
    # At twice the size the two sides of every pixel have contours of their own: (u + 1) // 2 is the edge, exactly.
    double = cv2.resize(mask_HW, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, hierarchy = cv2.findContours(double, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return []
    holes = [contour for contour, links in zip(contours, hierarchy[0], strict=True) if links[3] >= 0]
    if holes:
        x, _, width, _ = cv2.boundingRect(holes[0])
        middle = (x + width // 2 + 1) // 2
        return _outlines(mask_HW[:, :middle].copy(), left) + _outlines(mask_HW[:, middle:].copy(), left + middle)
    return [_simplified(np.asarray((contour + 1) // 2 + (left, 0), dtype=np.int32)) for contour in contours]


def _simplified(corners: Corners) -> list[int]:
    short = cv2.approxPolyDP(corners, _TOLERANCE, True)
    kept = short if len(short) >= 3 else corners
    return [int(value) for value in kept.reshape(-1)]


def run_lengths(mask_HW: Mask) -> list[int]:
    """COCO's uncompressed counts: column by column, zeros first."""
    flat = np.concatenate([[False], mask_HW.ravel(order="F"), [False]])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate([[0], changes, [mask_HW.size]])).tolist()
    return [int(count) for count in (counts if counts[-1] else counts[:-1])]


def tight_box(mask_HW: Mask) -> tuple[int, int, int, int]:
    """x, y, width, height around the pixels of a mask that has some."""
    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y
