"""Decoders, batched, against the loops that HRNet and DARK publish, and against a softmax alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from heatmark.models.losses import gaussian_targets
from heatmark.workloads.bench.race import Entrant
from heatmark.workloads.decoders import NAMES, chosen_decoders

FloatArray = npt.NDArray[np.float32]
TITLE, UNIT = "decoding heatmaps of 17 joints, 64 x 48, fp32, 32 people at a time", "people"
PEOPLE, JOINTS, ROWS, COLUMNS = 32, 17, 64, 48


@contextmanager
def entrants() -> Iterator[list[Entrant]]:
    heatmap_BKHW = _heatmaps()
    array_BKHW = heatmap_BKHW.numpy()
    yield [
        Entrant("HRNet's get_final_preds", partial(_counted, hrnet_loop, array_BKHW)),
        Entrant("DARK's loop", partial(_counted, dark_loop, array_BKHW)),
        Entrant("argmax, joint by joint", partial(_one_by_one, array_BKHW, shifted=False)),
        Entrant("quarter, joint by joint", partial(_one_by_one, array_BKHW, shifted=True)),
        Entrant("torch.softmax alone", partial(_read, partial(_softmax, beta=10.0), heatmap_BKHW)),
        *_batched(heatmap_BKHW, ""),
        *(_batched(heatmap_BKHW.cuda(), ", on the GPU") if torch.cuda.is_available() else []),
    ]


def _heatmaps() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    joints_BK2 = torch.rand(PEOPLE, JOINTS, 2, generator=generator) * torch.tensor([COLUMNS - 1.0, ROWS - 1.0])
    noise_BKHW = 0.05 * torch.randn(PEOPLE, JOINTS, ROWS, COLUMNS, generator=generator)
    target_BKHW, _ = gaussian_targets(joints_BK2, torch.ones(PEOPLE, JOINTS), (ROWS, COLUMNS), sigma=2.0)
    return target_BKHW + noise_BKHW


def _batched(heatmap_BKHW: Tensor, where: str) -> list[Entrant]:
    decoders = chosen_decoders(list(NAMES), ["10"])
    return [Entrant(f"{name}{where}", partial(_read, decoder.read, heatmap_BKHW)) for name, decoder in decoders.items()]


def _read(read: Callable[[Tensor], Tensor], heatmap_BKHW: Tensor) -> int:
    read(heatmap_BKHW)
    if heatmap_BKHW.is_cuda:
        torch.cuda.synchronize()
    return len(heatmap_BKHW)


def _softmax(heatmap_BKHW: Tensor, beta: float) -> Tensor:
    return torch.softmax(beta * heatmap_BKHW.flatten(-2), dim=-1)


def _counted(read: Callable[[FloatArray], FloatArray], heatmap_BKHW: FloatArray) -> int:
    return len(read(heatmap_BKHW))


def hrnet_loop(heatmap_BKHW: FloatArray) -> FloatArray:
    """joints_BK2 as HRNet's get_max_preds and the loop of get_final_preds find them, without the way to the image."""
    height, width = heatmap_BKHW.shape[2:]
    flat_BKP = heatmap_BKHW.reshape(*heatmap_BKHW.shape[:2], -1)
    index_BK1, peak_BK1 = flat_BKP.argmax(2)[..., None], flat_BKP.max(2)[..., None]
    joints_BK2 = np.tile(index_BK1, (1, 1, 2)).astype(np.float32)
    joints_BK2[..., 0] = joints_BK2[..., 0] % width
    joints_BK2[..., 1] = np.floor(joints_BK2[..., 1] / width)
    joints_BK2 *= np.tile(peak_BK1 > 0, (1, 1, 2)).astype(np.float32)
    for person in range(joints_BK2.shape[0]):
        for joint in range(joints_BK2.shape[1]):
            map_HW = heatmap_BKHW[person][joint]
            x, y = (math.floor(value + 0.5) for value in joints_BK2[person][joint])
            if 1 < x < width - 1 and 1 < y < height - 1:
                slope_2 = np.array([map_HW[y][x + 1] - map_HW[y][x - 1], map_HW[y + 1][x] - map_HW[y - 1][x]])
                joints_BK2[person][joint] += np.sign(slope_2) * 0.25
    return joints_BK2


def dark_loop(heatmap_BKHW: FloatArray, kernel: int = 11) -> FloatArray:
    """joints_BK2 as DARK's gaussian_blur and taylor find them, one map at a time."""
    height, width = heatmap_BKHW.shape[2:]
    border = kernel // 2
    flat_BKP = heatmap_BKHW.reshape(*heatmap_BKHW.shape[:2], -1)
    joints_BK2 = np.stack(np.divmod(flat_BKP.argmax(2), width)[::-1], axis=-1).astype(np.float32)
    for person in range(joints_BK2.shape[0]):
        for joint in range(joints_BK2.shape[1]):
            peak = heatmap_BKHW[person, joint].max()
            padded = np.zeros((height + 2 * border, width + 2 * border))
            padded[border:-border, border:-border] = heatmap_BKHW[person, joint]
            blurred_HW = cv2.GaussianBlur(padded, (kernel, kernel), 0)[border:-border, border:-border]
            log_HW = np.log(np.maximum(blurred_HW * peak / blurred_HW.max(), 1e-10))
            x, y = (int(value) for value in joints_BK2[person, joint])
            if 1 < x < width - 2 and 1 < y < height - 2:
                joints_BK2[person, joint] += _taylor(log_HW, x, y)
    return joints_BK2


def _taylor(log_HW: npt.NDArray[np.float64], x: int, y: int) -> npt.NDArray[np.float64]:
    dx, dy = 0.5 * (log_HW[y][x + 1] - log_HW[y][x - 1]), 0.5 * (log_HW[y + 1][x] - log_HW[y - 1][x])
    dxx = 0.25 * (log_HW[y][x + 2] - 2 * log_HW[y][x] + log_HW[y][x - 2])
    dyy = 0.25 * (log_HW[y + 2][x] - 2 * log_HW[y][x] + log_HW[y - 2][x])
    dxy = 0.25 * (log_HW[y + 1][x + 1] - log_HW[y - 1][x + 1] - log_HW[y + 1][x - 1] + log_HW[y - 1][x - 1])
    if dxx * dyy - dxy**2 == 0:
        return np.zeros(2)
    step_2: npt.NDArray[np.float64] = -np.linalg.inv(np.array([[dxx, dxy], [dxy, dyy]])) @ np.array([dx, dy])
    return step_2


def _one_by_one(heatmap_BKHW: FloatArray, *, shifted: bool) -> int:
    return len(joint_by_joint(heatmap_BKHW, shifted=shifted))


def joint_by_joint(heatmap_BKHW: FloatArray, *, shifted: bool) -> FloatArray:
    """joints_BK2 by argmax, or with shifted by the quarter offset, in plain loops; maps with a positive peak."""
    joints_BK2 = np.zeros((*heatmap_BKHW.shape[:2], 2), dtype=np.float32)
    for person, maps_KHW in enumerate(heatmap_BKHW):
        for joint, map_HW in enumerate(maps_KHW):
            row, column = divmod(int(map_HW.argmax()), map_HW.shape[1])
            joints_BK2[person, joint] = column, row
            if shifted and 1 < row < map_HW.shape[0] - 1 and 1 < column < map_HW.shape[1] - 1:
                right = map_HW[row, column + 1] - map_HW[row, column - 1]
                down = map_HW[row + 1, column] - map_HW[row - 1, column]
                joints_BK2[person, joint] += 0.25 * np.sign([right, down])
    return joints_BK2
