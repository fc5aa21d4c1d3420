"""A pose drawn on the crop around a person."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import FloatArray, Person, Skeleton

Image = npt.NDArray[np.uint8]

CROP_WIDTH, CROP_HEIGHT = 270, 360
PADDING = 1.15
LEFT, RIGHT, MIDDLE = (0, 159, 230), (233, 180, 86), (240, 240, 240)
SUBPIXEL_BITS = 4


def draw_person(image: Image, person: Person, joints_K2: FloatArray, skeleton: Skeleton) -> bytes:
    """The crop around the person's box with a pose on it, as JPEG."""
    x, y, width, height = person.box_xywh
    scale = min(CROP_WIDTH / max(width, 1), CROP_HEIGHT / max(height, 1)) / PADDING
    # Pixel centres are integers: the centre of the box lands on the centre of the crop.
    shift = np.array([(CROP_WIDTH - 1) / 2, (CROP_HEIGHT - 1) / 2]) - scale * np.array(
        [x + (width - 1) / 2, y + (height - 1) / 2]
    )
    affine = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    canvas = cv2.warpAffine(image, affine, (CROP_WIDTH, CROP_HEIGHT), flags=cv2.INTER_LINEAR, borderValue=(60, 60, 60))
    _draw_skeleton(canvas.astype(np.uint8, copy=False), scale * joints_K2 + shift, person.visibility_K > 0, skeleton)
    encoded, jpeg = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert encoded, "a drawn crop can be encoded"
    return jpeg.tobytes()


def _draw_skeleton(canvas: Image, joints_K2: FloatArray, drawn_K: npt.NDArray[np.bool_], skeleton: Skeleton) -> None:
    limit = 4 * max(CROP_WIDTH, CROP_HEIGHT)
    clipped = np.clip(joints_K2, -limit, limit)
    points = [(int(x), int(y)) for x, y in np.rint(clipped * 2**SUBPIXEL_BITS)]
    for thickness, outline in ((6, True), (3, False)):
        for a, b in skeleton.bones:
            if drawn_K[a] and drawn_K[b]:
                color = (25, 25, 25) if outline else _side_color(skeleton, a, b)
                cv2.line(canvas, points[a], points[b], color, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    for joint in np.flatnonzero(drawn_K):
        center, color = points[joint], _side_color(skeleton, int(joint), int(joint))
        cv2.circle(canvas, center, 5 << SUBPIXEL_BITS, (25, 25, 25), -1, cv2.LINE_AA, SUBPIXEL_BITS)
        cv2.circle(canvas, center, int(3.5 * 2**SUBPIXEL_BITS), color, -1, cv2.LINE_AA, SUBPIXEL_BITS)


def _side_color(skeleton: Skeleton, a: int, b: int) -> tuple[int, int, int]:
    """Blue-green-red: orange for the person's left, blue for the right, light grey where a bone crosses over."""
    sides = {skeleton.joints[joint].partition("_")[0] for joint in (a, b)} & {"left", "right"}
    if sides == {"left"}:
        return LEFT
    return RIGHT if sides == {"right"} else MIDDLE
