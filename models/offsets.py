"""A joint as a disk of likely pixels, each of which says how far off it is (G-RMI, Papandreou et al. 2017).

Same suffixes and units as in decoding.py; 2 is across and down. In fp32 or wider.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from heatmark.models.decoding import at_least_fp32, pixel_index
from heatmark.models.losses import Size, mean_over

# The published disk of 25 pixels on a crop of 257 x 353.
PUBLISHED_SHARE = 25 / 353


def prior_logit(size: Size, radius: float) -> float:
    """ln(p / (1 - p)) with p the disk's share of the map, at most a half."""
    share = min(0.5, math.pi * radius**2 / (size[0] * size[1]))
    return math.log(share / (1 - share))


def way_to(joints_BK2: Tensor, size: Size) -> Tensor:
    """way_B2KHW from each pixel to the joint."""
    height, width = size
    across_BKHW = (joints_BK2[..., :1] - pixel_index(width, joints_BK2))[..., None, :].expand(-1, -1, height, -1)
    down_BKHW = (joints_BK2[..., 1:] - pixel_index(height, joints_BK2))[..., None].expand(-1, -1, -1, width)
    return torch.stack([across_BKHW, down_BKHW], dim=1)


def disk(way_B2KHW: Tensor, radius: float) -> Tensor:
    """disk_BKHW: 1 at the pixels that are no further from the joint."""
    return (way_B2KHW.square().sum(1) <= radius**2).to(way_B2KHW.dtype)


def disk_loss(heatmap_BKHW: Tensor, disk_BKHW: Tensor, weight_BK: Tensor) -> Tensor:
    """The logistic loss of every pixel, summed over a map, averaged over the joints that count."""
    loss_BKHW = F.binary_cross_entropy_with_logits(at_least_fp32(heatmap_BKHW), disk_BKHW, reduction="none")
    return mean_over(loss_BKHW.sum((-2, -1)), weight_BK)


def offset_loss(offset_B2KHW: Tensor, way_B2KHW: Tensor, disk_BKHW: Tensor, weight_BK: Tensor) -> Tensor:
    """Huber's loss of both offsets with its corner at a pixel, summed over the disk, averaged likewise."""
    loss_B2KHW = F.huber_loss(at_least_fp32(offset_B2KHW), way_B2KHW, reduction="none")
    return mean_over((loss_B2KHW.sum(1) * disk_BKHW).sum((-2, -1)), weight_BK)


def vote_map(share_BKHW: Tensor, offset_B2KHW: Tensor, radius: float) -> Tensor:
    """Each pixel's vote, of the weight of its share, at the place it points to: sums over the area of the disk.

    The kernel is the bilinear one, a vote between pixels goes to the four around it; beyond the map it is lost.
    """
    height, width = share_BKHW.shape[-2:]
    corner_B2KHW, part_B2KHW = _corners(_places(offset_B2KHW))
    votes_BKP = torch.zeros_like(share_BKHW).flatten(-2)
    for right in (0, 1):
        for below in (0, 1):
            column, row = corner_B2KHW[:, 0] + right, corner_B2KHW[:, 1] + below
            on_map = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            near_x, near_y = (
                part if far else 1 - part for part, far in zip(part_B2KHW.unbind(1), (right, below), strict=True)
            )
            index_BKP = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).flatten(-2)
            votes_BKP = votes_BKP.scatter_add(-1, index_BKP, (share_BKHW * near_x * near_y * on_map).flatten(-2))
    return votes_BKP.view_as(share_BKHW) / (math.pi * radius**2)


def mean_vote(share_BKHW: Tensor, offset_B2KHW: Tensor, pixel_BK2: Tensor) -> Tensor:
    """joints_BK2: the mean of the votes within a pixel of one, under the kernel that counted them for it."""
    place_B2KHW = _places(offset_B2KHW)
    centre_B2K11 = pixel_BK2.movedim(-1, 1)[..., None, None].to(place_B2KHW.dtype)
    kernel_BKHW = (1 - (place_B2KHW - centre_B2K11).abs()).clamp(min=0).prod(1)
    weight_BKHW = share_BKHW * kernel_BKHW
    total_BK = weight_BKHW.sum((-2, -1))
    moved_BK2 = ((place_B2KHW - centre_B2K11) * weight_BKHW[:, None]).sum((-2, -1)).movedim(1, -1)
    safe_BK1 = torch.where(total_BK > 0, total_BK, torch.ones_like(total_BK))[..., None]
    return pixel_BK2.to(moved_BK2.dtype) + moved_BK2 / safe_BK1


def _places(offset_B2KHW: Tensor) -> Tensor:
    """Where each pixel points to: place_B2KHW, at most a pixel beyond the map."""
    height, width = offset_B2KHW.shape[-2:]
    offset_B2KHW = at_least_fp32(offset_B2KHW)
    across_BKHW = offset_B2KHW[:, 0] + pixel_index(width, offset_B2KHW)
    down_BKHW = offset_B2KHW[:, 1] + pixel_index(height, offset_B2KHW)[:, None]
    return torch.stack([across_BKHW.clamp(-1, width), down_BKHW.clamp(-1, height)], dim=1)


def _corners(place_B2KHW: Tensor) -> tuple[Tensor, Tensor]:
    """The pixel above and to the left, in int64, and how far beyond it a place is."""
    corner_B2KHW = torch.floor(place_B2KHW)
    return corner_B2KHW.long(), place_B2KHW - corner_B2KHW
