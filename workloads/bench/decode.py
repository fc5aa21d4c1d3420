"""Decoders, batched, against one joint at a time as the codebases have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

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
        Entrant("argmax, joint by joint", partial(_one_by_one, array_BKHW, shifted=False)),
        Entrant("quarter, joint by joint", partial(_one_by_one, array_BKHW, shifted=True)),
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
