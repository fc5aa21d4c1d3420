"""A joint as two classifications, of its place across and down the map (SimCC, Li et al. 2022).

A map of W columns has W * n bins across, n to a heatmap pixel; bin b stands at b / n, so that pixel i is bin i * n.
Suffixes and units as in decoding.py; X bins across, Y down, A along either. In fp32 or wider.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heatmark.models.decoding import at_least_fp32, pixel_index
from heatmark.models.losses import Size, mean_over
from heatmark.models.maps import Axes, Maps
from heatmark.models.precision import full_precision

# Below it a probability has no logarithm that is of use.
LEAST = 1e-30


class AxisReader(nn.Module):
    """Maps -> the same with axes: two linear layers over the pixels of a joint's map, the same for all joints.

    As in mmpose's SimCCHead, from N(0, 0.01). The heatmap becomes that of the axes (`heatmap_of`).
    """

    def __init__(self, size: Size, bins_per_pixel: int) -> None:
        super().__init__()
        height, width = size
        self.across = nn.Linear(height * width, width * bins_per_pixel)
        self.down = nn.Linear(height * width, height * bins_per_pixel)
        for layer in (self.across, self.down):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, maps: Maps) -> Maps:
        with full_precision(maps.heatmap_BKHW.device):
            feature_BKP = at_least_fp32(maps.heatmap_BKHW).flatten(-2)
            axes = Axes(self.across(feature_BKP), self.down(feature_BKP))
            return maps._replace(heatmap_BKHW=heatmap_of(axes, maps.heatmap_BKHW.shape[-2:]), axes=axes)


def heatmap_of(axes: Axes, size: Size) -> Tensor:
    """ln(p n) with p the product of both axes' softmaxes, summed over the bins nearest to each of the n pixels.

    Its softmax is p, and 0 is a share like any other's.
    """
    height, width = size
    column_BKW, row_BKH = (
        torch.log(_nearest_bins(torch.softmax(at_least_fp32(axis), -1), pixels).clamp(min=LEAST) * pixels)
        for axis, pixels in ((axes.across_BKX, width), (axes.down_BKY, height))
    )
    return row_BKH[..., :, None] + column_BKW[..., None, :]


def _nearest_bins(share_BKA: Tensor, pixels: int) -> Tensor:
    """Summed over the bins that are nearest to a pixel; one half-way is the right-hand pixel's."""
    count = share_BKA.shape[-1] // pixels
    before, after = count // 2, count - count // 2
    padded_BKA = F.pad(share_BKA, (before, after))
    sum_BKP = padded_BKA.unflatten(-1, (pixels + 1, count)).sum(-1)
    # What lies more than half a pixel beyond the last one has no other.
    return torch.cat([sum_BKP[..., :-2], sum_BKP[..., -2:].sum(-1, keepdim=True)], dim=-1)


def read(axes: Axes, size: Size) -> Tensor:
    """joints_BK2 in heatmap pixels: the bin of the highest score on each axis."""
    height, width = size
    place_BK = [
        axis.argmax(-1).to(at_least_fp32(axis).dtype) * (pixels / axis.shape[-1])
        for axis, pixels in ((axes.across_BKX, width), (axes.down_BKY, height))
    ]
    return torch.stack(place_BK, dim=-1)


def confidence(axes: Axes) -> Tensor:
    """The smaller one of both axes' largest probabilities: B x K."""
    across_BK, down_BK = (torch.softmax(at_least_fp32(axis), -1).amax(-1) for axis in axes)
    return torch.minimum(across_BK, down_BK)


def mean_axes(axes: Axes, mirrored: Axes, size: Size, lag: float) -> Axes:
    """The mean scores of an image and of its mirror, mirrored back.

    With n bins to a pixel and a lag of L pixels the bins of the mirror, reversed, stand n (1 - L) - 1 to the right: one
    at n = 8 and L = 3/4. They are moved back by as many, the last one repeated, so that both speak of the same place.
    """
    bins_per_pixel = axes.across_BKX.shape[-1] // size[1]
    late = round(bins_per_pixel * (1 - lag)) - 1
    last_BK1 = mirrored.across_BKX[..., -1:]
    moved_BKX = torch.cat([mirrored.across_BKX[..., late:], last_BK1.expand(*last_BK1.shape[:-1], late)], dim=-1)
    return Axes((axes.across_BKX + moved_BKX) / 2, (axes.down_BKY + mirrored.down_BKY) / 2)


def nearest_bins(joints_BK2: Tensor, bins_per_pixel: int) -> Tensor:
    """bin_BK2 across and down, which may lie beside the axes."""
    return torch.floor(joints_BK2 * bins_per_pixel + 0.5)


def gaussian_label(bin_BK: Tensor, bins: int, sigma: float) -> Tensor:
    """label_BKA: a normal density at the bins, of sum 1 where all of it is on the axis. sigma: in bins."""
    offset_BKA = pixel_index(bins, bin_BK) - bin_BK[..., None]
    return torch.exp(-(offset_BKA**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))


def smoothed_label(bin_BK: Tensor, bins: int, smoothing: float) -> Tensor:
    """label_BKA: 1 - smoothing at the joint's bin, the rest evenly over the others."""
    at_joint_BKA = pixel_index(bins, bin_BK) == bin_BK[..., None]
    return torch.where(at_joint_BKA, 1 - smoothing, smoothing / (bins - 1)).to(bin_BK.dtype)


def on_axes(bin_BK2: Tensor, bins_2: tuple[int, int], reach_2: tuple[float, float]) -> Tensor:
    """Which joints have a label: at most so many bins beside either axis. Across and down."""
    across_BK, down_BK = (
        (place_BK >= -reach) & (place_BK <= bins - 1 + reach)
        for place_BK, bins, reach in zip(bin_BK2.unbind(-1), bins_2, reach_2, strict=True)
    )
    return across_BK & down_BK


def relative_entropy(axis_BKA: Tensor, label_BKA: Tensor) -> Tensor:
    """Of the label and the axis' softmax, in nats, summed over the bins: B x K."""
    log_share_BKA = torch.log_softmax(at_least_fp32(axis_BKA), dim=-1)
    return (torch.xlogy(label_BKA, label_BKA) - label_BKA * log_share_BKA).sum(-1)


def mean_counted(loss_BK: Tensor, labelled_BK: Tensor, counted_BK: Tensor) -> Tensor:
    """Averaged over the labelled joints that have a label on the axes."""
    return mean_over(loss_BK, labelled_BK * counted_BK)
