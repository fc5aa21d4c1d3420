"""Heatmaps that nobody differentiates, on a CPU and in fp32 or less: read by kernels.py, each map in one go.

The formulas in decoding.py and decoding_refined.py are the oracle of these, and read everything else: maps with a
gradient, on other devices, in fp64, or without numba. Bound: joints lie within 1e-3 pixels of those formulas in fp64
wherever a map's mass is above the guard (tests/models/test_one_pass.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

NARROW = (torch.float32, torch.float16, torch.bfloat16)
# As many maps of 64 x 48 as stay in a core's cache between the search for their peaks and the rest.
CHUNK = 64
# Fewer are not worth waking another thread for.
LEAST_PER_THREAD = 128

Array = npt.NDArray[np.float32]
# Maps and the place of each one's largest value -> nothing; it writes to rows of its own.
Kernel = Callable[[Array, npt.NDArray[np.int64], slice], None]


def reads(heatmap_BKHW: Tensor) -> bool:
    """Whether these maps may be read here."""
    return (
        heatmap_BKHW.device.type == "cpu"
        and heatmap_BKHW.dtype in NARROW
        and heatmap_BKHW.numel() > 0
        and not (heatmap_BKHW.requires_grad and torch.is_grad_enabled())
        and type(heatmap_BKHW) in (Tensor, torch.nn.Parameter)
        and not torch.compiler.is_compiling()
        and _compiler_is_there()
    )


def argmax(heatmap_BKHW: Tensor) -> Tensor:
    """decoding.argmax."""
    return quarter_offset(heatmap_BKHW, step=0.0)


def quarter_offset(heatmap_BKHW: Tensor, step: float = 0.25) -> Tensor:
    """decoding.quarter_offset. step: how far the maximum moves."""
    from heatmark.models import kernels

    maps_NHW, joints_N2 = _maps_of(heatmap_BKHW)
    length = np.float32(step)

    def kernel(part_NHW: Array, index_N: npt.NDArray[np.int64], rows: slice) -> None:
        kernels.shifted(part_NHW, index_N, length, joints_N2[rows])

    _spread(kernel, maps_NHW)
    return _joints(joints_N2, heatmap_BKHW)


def soft_argmax(heatmap_BKHW: Tensor, beta: float) -> Tensor:
    """decoding.soft_argmax."""
    from heatmark.models import kernels

    maps_NHW, joints_N2 = _maps_of(heatmap_BKHW)
    scale = np.float32(beta)

    def kernel(part_NHW: Array, index_N: npt.NDArray[np.int64], rows: slice) -> None:
        kernels.soft(part_NHW, index_N, scale, joints_N2[rows])

    _spread(kernel, maps_NHW)
    return _joints(joints_N2, heatmap_BKHW)


def compensated(heatmap_BKHW: Tensor, beta: float, eps: float, least_mass: float) -> Tensor:
    """decoding.bias_compensated_argmax."""
    from heatmark.models import kernels

    maps_NHW, joints_N2 = _maps_of(heatmap_BKHW)
    scale, added, least = np.float32(beta), float(eps), float(least_mass)

    def kernel(part_NHW: Array, index_N: npt.NDArray[np.int64], rows: slice) -> None:
        kernels.compensated(part_NHW, index_N, scale, added, least, joints_N2[rows])

    _spread(kernel, maps_NHW)
    return _joints(joints_N2, heatmap_BKHW)


def exponentials(heatmap_BKHW: Tensor, beta: float, *, keep: bool) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
    """The fields of decoding.Exponentials, sums in fp64; the weights themselves only with keep."""
    from heatmark.models import kernels

    maps_NHW, _ = _maps_of(heatmap_BKHW)
    count, scale = len(maps_NHW), np.float32(beta)
    weight_NHW = np.empty_like(maps_NHW if keep else maps_NHW[:1])
    offset_N2, mass_N, unit_N = np.empty((count, 2)), np.empty(count), np.empty(count)

    def kernel(part_NHW: Array, index_N: npt.NDArray[np.int64], rows: slice) -> None:
        weights = weight_NHW[rows] if keep else weight_NHW
        kernels.exponentials(part_NHW, index_N, scale, weights, keep, offset_N2[rows], mass_N[rows], unit_N[rows])

    _spread(kernel, maps_NHW)
    leading = heatmap_BKHW.shape[:-2]
    offset_BK2 = torch.from_numpy(offset_N2).view(*leading, 2)
    mass_BK, unit_BK = (torch.from_numpy(each).view(leading) for each in (mass_N, unit_N))
    return torch.from_numpy(weight_NHW).view_as(heatmap_BKHW) if keep else None, mass_BK, unit_BK, offset_BK2


def divided(
    offset_BK2: Tensor, mass_BK: Tensor, unit_BK: Tensor, eps: float, least_mass: float, size: torch.Size
) -> Tensor:
    """joints_BK2 of decoding.bias_compensated_argmax from `exponentials`. size: rows, columns."""
    from heatmark.models import kernels

    joints_N2 = np.empty((mass_BK.numel(), 2), np.float32)
    sums = offset_BK2.view(-1, 2).numpy(), mass_BK.view(-1).numpy(), unit_BK.view(-1).numpy()
    kernels.divided(*sums, float(eps), float(least_mass), *size, joints_N2)
    return torch.from_numpy(joints_N2).view_as(offset_BK2)


def refined(heatmap_BKHW: Tensor, kernel_side: int, *, wide: bool) -> Tensor:
    """decoding_refined.dark where wide, else decoding_refined.udp."""
    from heatmark.models import kernels

    maps_NHW, joints_N2 = _maps_of(heatmap_BKHW)
    deviation = 0.3 * ((kernel_side - 1) / 2 - 1) + 0.8
    taps = np.exp(-((np.arange(kernel_side) - kernel_side // 2) ** 2) / (2 * deviation**2))
    taps /= taps.sum()

    def kernel(part_NHW: Array, index_N: npt.NDArray[np.int64], rows: slice) -> None:
        kernels.refined(part_NHW, index_N, taps, wide, joints_N2[rows])

    _spread(kernel, maps_NHW)
    return _joints(joints_N2, heatmap_BKHW)


def _maps_of(heatmap_BKHW: Tensor) -> tuple[Array, Array]:
    """maps_NHW in fp32, one after the other in memory, and room for their joints_N2."""
    maps: Array = heatmap_BKHW.detach().float().contiguous().numpy().reshape(-1, *heatmap_BKHW.shape[-2:])
    return maps, np.empty((len(maps), 2), np.float32)


def _joints(joints_N2: Array, heatmap_BKHW: Tensor) -> Tensor:
    return torch.from_numpy(joints_N2).view(*heatmap_BKHW.shape[:-2], 2)


def _spread(kernel: Kernel, maps_NHW: Array) -> None:
    """Every map once, over as many threads as torch would use."""
    count = len(maps_NHW)
    threads = min(torch.get_num_threads(), count // LEAST_PER_THREAD)

    def run(start: int, stop: int) -> None:
        for first in range(start, stop, CHUNK):
            rows = slice(first, min(first + CHUNK, stop))
            part_NHW = maps_NHW[rows]
            kernel(part_NHW, part_NHW.reshape(len(part_NHW), -1).argmax(axis=1), rows)

    if threads < 2:
        run(0, count)
        return
    bounds = np.linspace(0, count, threads + 1).astype(int).tolist()
    first, *parts = pairwise(bounds)
    others = [_pool(os.getpid(), threads - 1).submit(run, *part) for part in parts]
    run(*first)
    for other in others:
        other.result()


@cache
def _pool(_process: int, threads: int) -> ThreadPoolExecutor:
    """Threads of this process: a fork has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="read-out")


@cache
def _compiler_is_there() -> bool:
    return find_spec("numba") is not None
