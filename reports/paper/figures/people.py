"""The annotated people of a setting's validation split, where the data folder is still there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from heatmark.datasets.errors import InputError
from heatmark.datasets.formats import FORMATS
from heatmark.datasets.images import read_image
from heatmark.datasets.people import FloatArray, Person, PoseDataset, Skeleton
from heatmark.reports.paper.figures.setting import DrawnSetting
from heatmark.reports.rendering.picture_grid import Pixels

Color = tuple[int, int, int]
SUBPIXEL_BITS = 4
GONE = "the data folder {} is gone or unreadable here, so no pictures of its people are drawn."


def read_people(setting: DrawnSetting) -> PoseDataset | None:
    """Of the first data folder that can be read; None where there is none."""
    for root in data_roots(setting):
        try:
            return FORMATS[setting.cells[0].spec.data.format].load(Path(root), "val", False)
        except (InputError, OSError, ValueError, KeyError, TypeError):
            continue
    return None


def data_roots(setting: DrawnSetting) -> list[str]:
    return list(dict.fromkeys(trial.spec.runtime.data_root for cell in setting.cells for trial in cell.trials
                              if trial.spec))  # fmt: skip


def gone(setting: DrawnSetting) -> str:
    return GONE.format(" or ".join(data_roots(setting)))


def by_annotation(people: PoseDataset) -> dict[tuple[int, int], Person]:
    return {(person.image_id, person.annotation_id): person for person in people.people}


def cut_out(person: Person, side: int, padding: float = 1.25) -> tuple[Pixels, FloatArray] | None:
    """A square of RGB around the person's box, and the affine_23 of image to its pixels; None where there is no image.

    side: of the square, in pixels; outside the image it is grey.
    """
    image = read_image(person.image_path)
    if image is None:
        return None
    x, y, width, height = person.box_xywh
    scale = side / (padding * max(width, height, 1.0))
    middle_2 = np.array([x + (width - 1) / 2, y + (height - 1) / 2])
    shift_2 = (side - 1) / 2 - scale * middle_2
    affine_23 = np.array([[scale, 0, shift_2[0]], [0, scale, shift_2[1]]])
    crop = cv2.warpAffine(image, affine_23, (side, side), flags=cv2.INTER_LINEAR, borderValue=(60, 60, 60))
    return crop.astype(np.uint8, copy=False), affine_23


def draw_pose(
    pixels_RC3: Pixels, joints_K2: FloatArray, drawn_K: npt.NDArray[np.bool_], skeleton: Skeleton, color: Color
) -> None:
    """Bones and joints in place. joints_K2: in pixels of the crop; color: red, green, blue."""
    limit = 4 * max(pixels_RC3.shape)
    points = [(int(x), int(y)) for x, y in np.rint(np.clip(joints_K2, -limit, limit) * 2**SUBPIXEL_BITS)]
    for a, b in skeleton.bones:
        if drawn_K[a] and drawn_K[b]:
            cv2.line(pixels_RC3, points[a], points[b], color, 1, cv2.LINE_AA, SUBPIXEL_BITS)
    for joint in np.flatnonzero(drawn_K):
        cv2.circle(pixels_RC3, points[joint], 2 << SUBPIXEL_BITS, color, -1, cv2.LINE_AA, SUBPIXEL_BITS)
