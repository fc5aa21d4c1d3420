"""The published refinements of a maximum: one Newton step on the logarithm of a smoothed heatmap (DARK, UDP).

A Gaussian's logarithm is a parabola, so that one step from its largest pixel ends at its centre. Same suffixes and
units as in decoding.py. Departing from both codebases, the step is taken only where the smoothed map has a maximum
(a negative definite Hessian): elsewhere Newton's step leads away from it, or to infinity.
"""

from __future__ import annotations

import torch
from torch import Tensor

from heatmark.models import one_pass
from heatmark.models.decoding import argmax, at_least_fp32, pixel_index
from heatmark.models.precision import full_precision

# Of the Hessian; smaller ones belong to flat maps and give steps without meaning.
LEAST_DETERMINANT = 1e-10


def dark(heatmap_BKHW: Tensor, kernel: int = 11) -> Tensor:
    """`argmax` refined as by DARK (Zhang et al. 2020): derivatives over two pixels, values below 1e-10 cut off.

    kernel: side of the smoothing Gaussian, 11 for targets of sigma 2 and 17 for sigma 3. Only where 1 < x < W - 2 and
    1 < y < H - 2; elsewhere the maximum stays where it is.
    """
    if one_pass.reads(heatmap_BKHW):
        return one_pass.refined(heatmap_BKHW, kernel, wide=True)
    log_BKHW = smoothed(heatmap_BKHW, kernel).clamp(min=1e-10).log()
    joints_BK2 = argmax(heatmap_BKHW)
    value = Neighbours(log_BKHW, joints_BK2)
    gradient = value.gradient()
    xx = (value(2, 0) - 2 * value(0, 0) + value(-2, 0)) / 4
    yy = (value(0, 2) - 2 * value(0, 0) + value(0, -2)) / 4
    xy = (value(1, 1) - value(1, -1) - value(-1, 1) + value(-1, -1)) / 4
    height, width = heatmap_BKHW.shape[-2:]
    x_BK, y_BK = joints_BK2.unbind(-1)
    inside_BK = (x_BK > 1) & (x_BK < width - 2) & (y_BK > 1) & (y_BK < height - 2)
    return joints_BK2 + newton_step(gradient, xx, xy, yy) * inside_BK[..., None]


def udp(heatmap_BKHW: Tensor, kernel: int = 11) -> Tensor:
    """`argmax` refined as by UDP (Huang et al. 2020): derivatives over one pixel, values cut off at 0.001 and 50.

    Everywhere, the map being continued by its border values, and by zeros where it is smoothed: the published codes
    smooth it as if mirrored there, which reads otherwise within 5 pixels of the border (docs/deviations.md). Only the
    decoder: the crop keeps this project's geometry.
    """
    if one_pass.reads(heatmap_BKHW):
        return one_pass.refined(heatmap_BKHW, kernel, wide=False)
    log_BKHW = smoothed(heatmap_BKHW, kernel).clamp(min=1e-3, max=50.0).log()
    joints_BK2 = argmax(heatmap_BKHW)
    value = Neighbours(log_BKHW, joints_BK2)
    xx = value(1, 0) - 2 * value(0, 0) + value(-1, 0)
    yy = value(0, 1) - 2 * value(0, 0) + value(0, -1)
    straight = value(1, 0) + value(-1, 0) + value(0, 1) + value(0, -1)
    xy = (value(1, 1) + value(-1, -1) + 2 * value(0, 0) - straight) / 2
    return joints_BK2 + newton_step(value.gradient(), xx, xy, yy)


def smoothed(heatmap_BKHW: Tensor, kernel: int) -> Tensor:
    """Convolved with a Gaussian, zeros around the map, and scaled back to the former maximum.

    kernel: its odd side. Its deviation follows OpenCV's rule, 2.0 for a side of 11.
    """
    heatmap_BKHW = at_least_fp32(heatmap_BKHW)
    height, width = heatmap_BKHW.shape[-2:]
    # One product per axis: for small maps much faster than a convolution of one channel.
    down_HH, across_WW = _blur_matrix(height, kernel, heatmap_BKHW), _blur_matrix(width, kernel, heatmap_BKHW)
    with full_precision(heatmap_BKHW.device):
        blurred_BKHW = down_HH @ heatmap_BKHW @ across_WW
    peak_BK11 = heatmap_BKHW.amax((-2, -1), keepdim=True)
    lower_BK11 = blurred_BKHW.amax((-2, -1), keepdim=True)
    # Without a positive maximum there is nothing to find, and no scale to restore.
    return blurred_BKHW * torch.where((peak_BK11 > 0) & (lower_BK11 > 0), peak_BK11 / (lower_BK11 + 1e-12), 1.0)


def _blur_matrix(count: int, kernel: int, like: Tensor) -> Tensor:
    """The Gaussian as a symmetric band matrix over one axis."""
    deviation = 0.3 * ((kernel - 1) / 2 - 1) + 0.8
    taps = torch.exp(-((pixel_index(kernel, like) - kernel // 2) ** 2) / (2 * deviation**2))
    offset = (pixel_index(count, like)[:, None] - pixel_index(count, like)).abs()
    return torch.exp(-(offset**2) / (2 * deviation**2)) / taps.sum() * (offset <= kernel // 2)


class Neighbours:
    """Values of maps around one pixel in each, continued beyond the border by the border's values."""

    def __init__(self, map_BKHW: Tensor, pixel_BK2: Tensor) -> None:
        self.height, self.width = map_BKHW.shape[-2:]
        self.flat_BKP = map_BKHW.flatten(-2)
        self.x_BK, self.y_BK = pixel_BK2.long().unbind(-1)

    def __call__(self, right: int, down: int) -> Tensor:
        x, y = (self.x_BK + right).clamp(0, self.width - 1), (self.y_BK + down).clamp(0, self.height - 1)
        return self.flat_BKP.gather(-1, (y * self.width + x)[..., None]).squeeze(-1)

    def gradient(self) -> Tensor:
        """Central differences: gradient_BK2."""
        return torch.stack([self(1, 0) - self(-1, 0), self(0, 1) - self(0, -1)], dim=-1) / 2


def newton_step(gradient_BK2: Tensor, xx_BK: Tensor, xy_BK: Tensor, yy_BK: Tensor) -> Tensor:
    """-H^-1 g where H is that of a maximum, 0 elsewhere: step_BK2."""
    determinant_BK = xx_BK * yy_BK - xy_BK**2
    maximum_BK = (determinant_BK > LEAST_DETERMINANT) & (xx_BK < 0)
    safe_BK = torch.where(maximum_BK, determinant_BK, torch.ones_like(determinant_BK))
    x_BK, y_BK = gradient_BK2.unbind(-1)
    step_BK2 = torch.stack([xy_BK * y_BK - yy_BK * x_BK, xy_BK * x_BK - xx_BK * y_BK], dim=-1) / safe_BK[..., None]
    return step_BK2 * maximum_BK[..., None]
