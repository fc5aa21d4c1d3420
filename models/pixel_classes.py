"""A joint as one class among a map's pixels (Mask R-CNN, He et al. 2017): its loss, and its place between pixels.

Same suffixes and units as in decoding.py. In fp32 or wider.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from heatmark.models.decoding import at_least_fp32
from heatmark.models.losses import inside, mean_over

# OpenCV's cubic convolution, with which Mask R-CNN enlarges its maps.
CUBIC_SLOPE = -0.75
FINER = 4
REACH = 2


def cross_entropy(heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor) -> Tensor:
    """-ln of the softmax at the pixel nearest to the joint, averaged over the labelled joints inside the map."""
    height, width = heatmap_BKHW.shape[-2:]
    column_BK, row_BK = torch.floor(joints_BK2 + 0.5).long().unbind(-1)
    index_BK1 = (row_BK.clamp(0, height - 1) * width + column_BK.clamp(0, width - 1))[..., None]
    log_share_BKP = torch.log_softmax(at_least_fp32(heatmap_BKHW).flatten(-2), dim=-1)
    loss_BK = -log_share_BKP.gather(-1, index_BK1).squeeze(-1)
    return mean_over(loss_BK, labelled_BK * inside(joints_BK2, (height, width)))


def peak_pixel(heatmap_BKHW: Tensor) -> Tensor:
    """pixel_BK2 of the largest value, whatever its sign: int64."""
    width = heatmap_BKHW.shape[-1]
    index_BK = at_least_fp32(heatmap_BKHW).flatten(-2).argmax(-1)
    return torch.stack([index_BK % width, index_BK // width], dim=-1)


def cubic_peak(heatmap_BKHW: Tensor) -> Tensor:
    """joints_BK2: where the map, enlarged four times by cubic convolution, is highest within a pixel of its peak.

    Beyond its border a map goes on as it ends.
    """
    heatmap_BKHW = at_least_fp32(heatmap_BKHW)
    pixel_BK2 = peak_pixel(heatmap_BKHW)
    patch_BKSS = _around(heatmap_BKHW, pixel_BK2)
    weight_FS = _cubic_weights(patch_BKSS)
    rows_BKFS = (weight_FS[:, :, None] * patch_BKSS[..., None, :, :]).sum(-2)
    fine_BKFF = (rows_BKFS[..., None, :] * weight_FS).sum(-1)
    index_BK = fine_BKFF.flatten(-2).argmax(-1)
    side = 2 * FINER - 1
    offset_BK2 = torch.stack([index_BK % side, index_BK // side], dim=-1) - (FINER - 1)
    return pixel_BK2.to(heatmap_BKHW.dtype) + offset_BK2.to(heatmap_BKHW.dtype) / FINER


def _around(heatmap_BKHW: Tensor, pixel_BK2: Tensor) -> Tensor:
    """The square of 5 x 5 around each pixel: patch_BKSS."""
    padded_BKHW = F.pad(heatmap_BKHW, (REACH,) * 4, mode="replicate")
    side_S = torch.arange(2 * REACH + 1, device=heatmap_BKHW.device)
    column_BK, row_BK = pixel_BK2.unbind(-1)
    index_BKSS = (row_BK[..., None, None] + side_S[:, None]) * padded_BKHW.shape[-1]
    index_BKSS = index_BKSS + column_BK[..., None, None] + side_S
    return padded_BKHW.flatten(-2).gather(-1, index_BKSS.flatten(-2)).view_as(index_BKSS)


def _cubic_weights(like: Tensor) -> Tensor:
    """What each of the 5 pixels around a peak weighs at each place from -3/4 to 3/4 of a pixel: weight_FS."""
    place_F = torch.arange(1 - FINER, FINER, dtype=like.dtype, device=like.device) / FINER
    pixel_S = torch.arange(-REACH, REACH + 1, dtype=like.dtype, device=like.device)
    away = (place_F[:, None] - pixel_S).abs()
    near = (CUBIC_SLOPE + 2) * away**3 - (CUBIC_SLOPE + 3) * away**2 + 1
    far = CUBIC_SLOPE * (away**3 - 5 * away**2 + 8 * away - 4)
    return torch.where(away <= 1, near, torch.where(away < 2, far, torch.zeros_like(away)))
