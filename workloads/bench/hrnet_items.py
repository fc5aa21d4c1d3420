"""A training item in the way that HRNet's JointsDataset has it: a peer in the races, not a part of the pipeline."""

from __future__ import annotations

import random

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.geometry import crop_affine
from heatmark.datasets.people import FloatArray, Person, Skeleton
from heatmark.workloads.engine import MEAN, STD

SIGMA, PITCH = 2, 4
Targets = npt.NDArray[np.float32]


def hrnet_item(
    person: Person, settings: CropSettings, skeleton: Skeleton, *, whole: bool
) -> tuple[Tensor, Targets] | None:
    """image_3HW normalised on the CPU and target_KHW; nothing where not whole, which ends with the warped crop."""
    picture = cv2.imread(str(person.image_path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    assert picture is not None, person.image_path
    image_HW3 = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    spread = float(np.clip(np.random.randn() * settings.scale + 1, 1 - settings.scale, 1 + settings.scale))
    turn = float(np.clip(np.random.randn() * settings.rotation, -2 * settings.rotation, 2 * settings.rotation))
    turn = turn if random.random() <= 0.6 else 0.0
    joints_K2, box_xywh = person.joints_K2.copy(), person.box_xywh
    if random.random() <= settings.flip:
        image_HW3 = image_HW3[:, ::-1, :]
        joints_K2[:, 0] = image_HW3.shape[1] - joints_K2[:, 0] - 1
        joints_K2 = joints_K2[list(skeleton.mirrored_order)]
        x, y, width, height = box_xywh
        box_xywh = (image_HW3.shape[1] - x - width - 1, y, width, height)
    affine_23 = crop_affine(box_xywh, settings.input_size, settings.padding, turn, spread)
    width, height = settings.input_size
    crop_HW3 = cv2.warpAffine(image_HW3, affine_23, (width, height), flags=cv2.INTER_LINEAR)
    if not whole:
        return None
    image_3HW = torch.from_numpy(np.ascontiguousarray(crop_HW3.transpose(2, 0, 1))).float().div(255)
    mean_311, std_311 = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    for joint in range(len(joints_K2)):
        joints_K2[joint] = affine_23 @ np.array([*joints_K2[joint], 1.0])
    return (image_3HW - mean_311) / std_311, _targets(joints_K2, person, settings)


def _targets(joints_K2: FloatArray, person: Person, settings: CropSettings) -> Targets:
    """target_KHW: a Gaussian's patch of 13 x 13 around each joint's nearest pixel, cut off at the border."""
    columns, rows = (side // PITCH for side in settings.input_size)
    target_KHW = np.zeros((len(joints_K2), rows, columns), np.float32)
    reach = 3 * SIGMA
    side = np.arange(2 * reach + 1, dtype=np.float32)
    patch = np.exp(-((side - reach) ** 2 + (side[:, None] - reach) ** 2) / (2 * SIGMA**2))
    for joint, (x, y) in enumerate(joints_K2):
        column, row = int(x / PITCH + 0.5), int(y / PITCH + 0.5)
        left, top = column - reach, row - reach
        if person.visibility_K[joint] == 0 or left >= columns or top >= rows or left + 13 < 0 or top + 13 < 0:
            continue
        from_x, to_x = max(0, -left), min(left + 13, columns) - left
        from_y, to_y = max(0, -top), min(top + 13, rows) - top
        place = target_KHW[joint, max(0, top) : top + to_y, max(0, left) : left + to_x]
        place[:] = patch[from_y:to_y, from_x:to_x]
    return target_KHW
