"""Heatmaps on a CPU and in fp32 or less: read by kernels.py, each map in one go.

The formulas in decoding.py and decoding_refined.py are the oracle of these, and read everything else: maps on other
devices, in fp64, or without numba. Where a map is learned, one_pass_gradients.py goes the way back. Bound: joints lie
within 1e-3 pixels of those formulas in fp64 wherever a map's mass is above the guard (tests/models/test_one_pass.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, NamedTuple

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
Sums = npt.NDArray[np.float64]
NO_WEIGHTS: Array = np.empty((0, 0, 0), np.float32)


def reads(heatmap_BKHW: Tensor) -> bool:
    """Whether these maps may be read here, where nobody asks for a gradient."""
    return not (heatmap_BKHW.requires_grad and torch.is_grad_enabled()) and _takes(heatmap_BKHW)


def learns(heatmap_BKHW: Tensor) -> bool:
    """Whether these maps may be read by one_pass_gradients.py."""
    return heatmap_BKHW.requires_grad and torch.is_grad_enabled() and _takes(heatmap_BKHW)


def _takes(heatmap_BKHW: Tensor) -> bool:
    return (
        heatmap_BKHW.device.type == "cpu"
        and heatmap_BKHW.dtype in NARROW
        and heatmap_BKHW.numel() > 0
        and type(heatmap_BKHW) in (Tensor, torch.nn.Parameter)
        and not torch.compiler.is_compiling()
        and _compiler_is_there()
    )


def argmax(heatmap_BKHW: Tensor) -> Tensor:
    """decoding.argmax."""
    return quarter_offset(heatmap_BKHW, step=0.0)


def quarter_offset(heatmap_BKHW: Tensor, step: float = 0.25) -> Tensor:
    """decoding.quarter_offset. step: how far the maximum moves."""
    maps_NHW, joints_N2 = maps_of(heatmap_BKHW)
    shifted, length = _kernels().shifted, np.float32(step)

    def kernel(rows: slice) -> None:
        shifted(maps_NHW[rows], peaks(maps_NHW[rows]), length, joints_N2[rows])

    spread(kernel, len(maps_NHW))
    return joints_of(joints_N2, heatmap_BKHW)


def soft_argmax(heatmap_BKHW: Tensor, beta: float) -> Tensor:
    """decoding.soft_argmax."""
    return joints_of(softened(heatmap_BKHW, beta).joints_N2, heatmap_BKHW)


def compensated(heatmap_BKHW: Tensor, beta: float, eps: float, least_mass: float) -> Tensor:
    """decoding.bias_compensated_argmax."""
    return quotients(heatmap_BKHW, summed(heatmap_BKHW, beta, least_mass), eps, least_mass)


def quotients(heatmap_BKHW: Tensor, sums: Summed, eps: float, least_mass: float) -> Tensor:
    """joints_BK2 of decoding.bias_compensated_argmax from the sums of these maps."""
    joints_N2 = np.empty((len(sums.mass_N), 2), np.float32)
    _kernels().divided(sums.offset_N2, sums.mass_N, sums.unit_N, eps, least_mass, *heatmap_BKHW.shape[-2:], joints_N2)
    return joints_of(joints_N2, heatmap_BKHW)


class Softened(NamedTuple):
    """joints_N2; and, in fp64, the sum of weights exp(beta (h - max h)) and of weight times offset from the centre."""

    joints_N2: Array
    offset_N2: Sums
    mass_N: Sums


class Summed(NamedTuple):
    """The sums of decoding.Exponentials for each map in fp64. weight_NHW: of no map where none are kept."""

    offset_N2: Sums
    mass_N: Sums
    unit_N: Sums
    weight_NHW: Array


def softened(heatmap_BKHW: Tensor, beta: float) -> Softened:
    """Reads every map once."""
    maps_NHW, joints_N2 = maps_of(heatmap_BKHW)
    soft, scale, count = _kernels().soft, np.float32(beta), len(maps_NHW)
    offset_N2, mass_N = np.empty((count, 2)), np.empty(count)

    def kernel(rows: slice) -> None:
        soft(maps_NHW[rows], peaks(maps_NHW[rows]), scale, offset_N2[rows], mass_N[rows], joints_N2[rows])

    spread(kernel, count)
    return Softened(joints_N2, offset_N2, mass_N)


def summed(heatmap_BKHW: Tensor, beta: float, least_mass: float = 0.0, *, keep: bool = False) -> Summed:
    """Reads every map once. least_mass: below it no quotient is made of a map's sums. keep: the weights are wanted."""
    maps_NHW, _ = maps_of(heatmap_BKHW)
    exponentials, scale, count = _kernels().exponentials, np.float32(beta), len(maps_NHW)
    weight_NHW = np.empty_like(maps_NHW if keep else maps_NHW[:0])
    offset_N2, mass_N, unit_N = np.empty((count, 2)), np.empty(count), np.empty(count)

    def kernel(rows: slice) -> None:
        part_NHW, sums = maps_NHW[rows], (offset_N2[rows], mass_N[rows], unit_N[rows])
        exponentials(part_NHW, peaks(part_NHW), scale, float(least_mass), weight_NHW[rows], *sums)

    spread(kernel, count)
    return Summed(offset_N2, mass_N, unit_N, weight_NHW)


def divided(
    heatmap_BKHW: Tensor, offset_BK2: Tensor, mass_BK: Tensor, unit_BK: Tensor, eps: float, least_mass: float
) -> Tensor:
    """`quotients` from what `exponentials` gave of these maps."""
    mass_N, unit_N = (each.view(-1).numpy() for each in (mass_BK, unit_BK))
    return quotients(heatmap_BKHW, Summed(offset_BK2.view(-1, 2).numpy(), mass_N, unit_N, NO_WEIGHTS), eps, least_mass)


def exponentials(heatmap_BKHW: Tensor, beta: float, *, keep: bool) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
    """The fields of decoding.Exponentials, sums in fp64; the weights themselves only with keep."""
    sums = summed(heatmap_BKHW, beta, keep=keep)
    leading = heatmap_BKHW.shape[:-2]
    offset_BK2 = torch.from_numpy(sums.offset_N2).view(*leading, 2)
    mass_BK, unit_BK = (torch.from_numpy(each).view(leading) for each in (sums.mass_N, sums.unit_N))
    return torch.from_numpy(sums.weight_NHW).view_as(heatmap_BKHW) if keep else None, mass_BK, unit_BK, offset_BK2


def refined(heatmap_BKHW: Tensor, kernel_side: int, *, wide: bool) -> Tensor:
    """decoding_refined.dark where wide, else decoding_refined.udp."""
    maps_NHW, joints_N2 = maps_of(heatmap_BKHW)
    read = _kernels().refined
    deviation = 0.3 * ((kernel_side - 1) / 2 - 1) + 0.8
    taps = np.exp(-((np.arange(kernel_side) - kernel_side // 2) ** 2) / (2 * deviation**2))
    taps /= taps.sum()

    def kernel(rows: slice) -> None:
        read(maps_NHW[rows], peaks(maps_NHW[rows]), taps, wide, joints_N2[rows])

    spread(kernel, len(maps_NHW))
    return joints_of(joints_N2, heatmap_BKHW)


def maps_of(heatmap_BKHW: Tensor) -> tuple[Array, Array]:
    """maps_NHW in fp32, one after the other in memory, and room for their joints_N2."""
    maps: Array = heatmap_BKHW.detach().float().contiguous().numpy().reshape(-1, *heatmap_BKHW.shape[-2:])
    return maps, np.empty((len(maps), 2), np.float32)


def peaks(maps_NHW: Array) -> npt.NDArray[np.int64]:
    """The place of each map's largest value, index_N."""
    index_N: npt.NDArray[np.int64] = maps_NHW.reshape(len(maps_NHW), -1).argmax(axis=1)
    return index_N


def joints_of(joints_N2: Array, heatmap_BKHW: Tensor) -> Tensor:
    """joints_BK2 of these maps."""
    return torch.from_numpy(joints_N2).view(*heatmap_BKHW.shape[:-2], 2)


def spread(kernel: Callable[[slice], None], count: int) -> None:
    """The kernel on all rows from 0 to count, some at a time, over as many threads as torch would use."""
    threads = min(torch.get_num_threads(), count // LEAST_PER_THREAD)

    def run(start: int, stop: int) -> None:
        for first in range(start, stop, CHUNK):
            kernel(slice(first, min(first + CHUNK, stop)))

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
def _kernels() -> Any:
    """Only now: importing numba takes half a second."""
    from heatmark.models import kernels

    return kernels


@cache
def _compiler_is_there() -> bool:
    return find_spec("numba") is not None
