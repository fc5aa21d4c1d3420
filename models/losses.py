"""What a heatmap is trained with: Gaussian targets, L_de (Eq. 4), L_re (Eq. 5). All in fp32 or wider."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from heatmark.models.decoding import at_least_fp32, pixel_index

Size = torch.Size | tuple[int, int]


def gaussian_targets(
    joints_BK2: Tensor, labelled_BK: Tensor, size: Size, sigma: float, center: Literal["rounded", "exact"] = "exact"
) -> tuple[Tensor, Tensor]:
    """Gaussians of peak 1 at the joints, and the weight of each map; the whole batch in one operation.

    joints_BK2: heatmap pixels. size: rows, columns. A Gaussian reaches 3 sigma, as in SBL and HRNet, and a map whose
    whole window lies outside has weight 0. `rounded` centres it on the nearest pixel, int(x + 0.5).
    Returns target_BKHW and weight_BK.
    """
    height, width = size
    mean_BK2 = torch.floor(joints_BK2 + 0.5) if center == "rounded" else joints_BK2
    reach = 3 * sigma
    x_BKW = pixel_index(width, mean_BK2) - mean_BK2[..., :1]
    y_BKH = pixel_index(height, mean_BK2) - mean_BK2[..., 1:]
    # A Gaussian is a product of its axes, and so is its square window.
    column_BKW = torch.exp(-(x_BKW**2) / (2 * sigma**2)) * (x_BKW.abs() <= reach)
    row_BKH = torch.exp(-(y_BKH**2) / (2 * sigma**2)) * (y_BKH.abs() <= reach)
    seen_BK = (column_BKW.amax(-1) > 0) & (row_BKH.amax(-1) > 0)
    weight_BK = labelled_BK * seen_BK
    return row_BKH[..., :, None] * column_BKW[..., None, :], weight_BK


def heatmap_loss(
    heatmap_BKHW: Tensor, target_BKHW: Tensor, weight_BK: Tensor, reduction: Literal["half_mean", "sum_pixels"]
) -> Tensor:
    """L_de, the squared error of a heatmap (Eq. 4).

    half_mean: 0.5 * mean over samples, joints and pixels, unlabelled ones counted with error 0 (SBL `JointsMSELoss`).
    sum_pixels: summed over the pixels of a map as Eq. 4 prints it, averaged over the labelled joints.
    """
    error_BK = (at_least_fp32(heatmap_BKHW) - target_BKHW).square().sum((-2, -1)) * weight_BK
    if reduction == "half_mean":
        return 0.5 * error_BK.sum() / target_BKHW.numel()
    return error_BK.sum() / weight_BK.sum().clamp(min=1)


def coordinate_loss(predicted_BK2: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, size: Size) -> Tensor:
    """L_re, |x - x*| + |y - y*| in heatmap pixels (Eq. 5), averaged over the labelled joints inside the map."""
    height, width = size
    x_BK, y_BK = joints_BK2.unbind(-1)
    inside_BK = (x_BK >= 0) & (x_BK <= width - 1) & (y_BK >= 0) & (y_BK <= height - 1)
    weight_BK = labelled_BK * inside_BK
    # Half-way errors are not finite numbers times zero: an infinite joint with weight 0 must not become NaN.
    error_BK = torch.where(weight_BK > 0, (predicted_BK2 - joints_BK2).abs().sum(-1), torch.zeros_like(x_BK))
    return (error_BK * weight_BK).sum() / weight_BK.sum().clamp(min=1)
