"""Soft and bias-compensated read-outs of maps that are learned: forward and backward in one pass each (one_pass.py).

A joint is centre + sum(w d) / total with weights w = exp(beta h - s) - u, offsets d from the centre and total = sum(w),
or a constant where pseudo-counts fill it up. So d joint / d h = beta exp(beta h - s) (d - joint + centre) / total, with
nothing to subtract where total is a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from heatmark.models import kernels
from heatmark.models.one_pass import Sums, joints_of, maps_of, quotients, softened, spread, summed


class _Learned(torch.autograd.Function):
    """joints_BK2 that are known; backward needs each map's s, total, and what is subtracted from d, pull_N2."""

    @staticmethod
    def forward(
        ctx: Any, heatmap_BKHW: Tensor, joints_BK2: Tensor, beta: float, shift_N: Sums, total_N: Sums, pull_N2: Sums
    ) -> Tensor:
        ctx.save_for_backward(heatmap_BKHW)
        ctx.constants = beta, shift_N, total_N, pull_N2
        return joints_BK2

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BK2: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        (heatmap_BKHW,) = ctx.saved_tensors
        beta, shift_N, total_N, pull_N2 = ctx.constants
        maps_NHW, _ = maps_of(heatmap_BKHW)
        slope_NHW = np.empty_like(maps_NHW)
        grad_N2 = grad_BK2.detach().double().reshape(-1, 2).numpy() / total_N[:, None]
        constant_N, scale = (grad_N2 * pull_N2).sum(axis=1), np.float32(beta)

        def kernel(rows: slice) -> None:
            constants = shift_N[rows], constant_N[rows], grad_N2[rows]
            kernels.slopes(maps_NHW[rows], scale, *constants, slope_NHW[rows])

        spread(kernel, len(maps_NHW))
        return torch.from_numpy(slope_NHW).view_as(heatmap_BKHW).to(heatmap_BKHW.dtype), None, None, None, None, None


def soft_argmax(heatmap_BKHW: Tensor, beta: float) -> Tensor:
    """decoding.soft_argmax."""
    found = softened(heatmap_BKHW, beta)
    joints_BK2 = joints_of(found.joints_N2, heatmap_BKHW)
    pull_N2 = found.offset_N2 / found.mass_N[:, None]
    return _apply(heatmap_BKHW, joints_BK2, beta, _peaks(heatmap_BKHW, beta), found.mass_N, pull_N2)


def compensated(heatmap_BKHW: Tensor, beta: float, eps: float, least_mass: float) -> Tensor:
    """decoding.bias_compensated_argmax."""
    sums = summed(heatmap_BKHW, beta, least_mass)
    joints_BK2 = quotients(heatmap_BKHW, sums, eps, least_mass)
    least_N = least_mass * sums.unit_N if least_mass > 0 else np.full_like(sums.unit_N, -np.inf)
    total_N = np.maximum(sums.mass_N, least_N) + eps * sums.unit_N
    constant_N = (sums.mass_N < least_N) | (total_N == 0)
    total_N = np.where(total_N == 0, 1.0, total_N)
    pull_N2 = np.where(constant_N[:, None], 0.0, sums.offset_N2 / total_N[:, None])
    peak_N = _peaks(heatmap_BKHW, beta)
    shift_N = np.where(peak_N <= kernels.LARGEST, 0.0, peak_N)
    return _apply(heatmap_BKHW, joints_BK2, beta, shift_N, total_N, pull_N2)


def _peaks(heatmap_BKHW: Tensor, beta: float) -> Sums:
    """beta max h of each map, rounded as in the kernels."""
    return (beta * heatmap_BKHW.detach().float().amax((-2, -1))).double().flatten().numpy()


def _apply(
    heatmap_BKHW: Tensor, joints_BK2: Tensor, beta: float, shift_N: Sums, total_N: Sums, pull_N2: Sums
) -> Tensor:
    apply: Callable[..., Tensor] = _Learned.apply
    return apply(heatmap_BKHW, joints_BK2, beta, shift_N, total_N, pull_N2)
