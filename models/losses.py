"""What a heatmap is trained with: Gaussian targets, L_de (Eq. 4), L_re (Eq. 5), L_reg (Eq. 15) and DSNT's terms.

All in fp32 or wider, averaged over the joints that count: labelled, and inside the map where the term asks for it.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from heatmark.models.decoding import at_least_fp32, pixel_index
from heatmark.models.density import softmax_map

Size = torch.Size | tuple[int, int]
Center = Literal["rounded", "exact"]
Reduction = Literal["half_mean", "mean", "sum_pixels"]


def gaussian_targets(
    joints_BK2: Tensor, labelled_BK: Tensor, size: Size, sigma: float, center: Center = "exact"
) -> tuple[Tensor, Tensor]:
    """Gaussians of peak 1 at the joints, and the weight of each map; the whole batch in one operation.

    joints_BK2: heatmap pixels. size: rows, columns. A Gaussian reaches 3 sigma, as in SBL and HRNet, and a map whose
    whole window lies outside has weight 0. `rounded` centres it on the nearest pixel, floor(x + 0.5). Their
    int(x + 0.5) is the same but left of and above the map, where it is a pixel nearer (docs/deviations.md).
    Returns target_BKHW and weight_BK.
    """
    column_BKW, row_BKH = _axes(joints_BK2, size, sigma, center)
    weight_BK = labelled_BK * _seen(column_BKW, row_BKH)
    return row_BKH[..., :, None] * column_BKW[..., None, :], weight_BK


def _axes(joints_BK2: Tensor, size: Size, sigma: float, center: Center) -> tuple[Tensor, Tensor]:
    """column_BKW and row_BKH: a Gaussian is a product of its axes, and so is its square window."""
    height, width = size
    mean_BK2 = torch.floor(joints_BK2 + 0.5) if center == "rounded" else joints_BK2
    reach = 3 * sigma
    x_BKW = pixel_index(width, mean_BK2) - mean_BK2[..., :1]
    y_BKH = pixel_index(height, mean_BK2) - mean_BK2[..., 1:]
    column_BKW = torch.exp(-(x_BKW**2) / (2 * sigma**2)) * (x_BKW.abs() <= reach)
    row_BKH = torch.exp(-(y_BKH**2) / (2 * sigma**2)) * (y_BKH.abs() <= reach)
    return column_BKW, row_BKH


def _seen(column_BKW: Tensor, row_BKH: Tensor) -> Tensor:
    """Which maps a part of the Gaussian is on, per B and K."""
    return (column_BKW.amax(-1) > 0) & (row_BKH.amax(-1) > 0)


def heatmap_count(
    joints_BK2: Tensor, labelled_BK: Tensor, size: Size, sigma: float, center: Center, reduction: Reduction
) -> Tensor:
    """What `heatmap_loss` is a mean over: joints whose Gaussian is on the map with sum_pixels, else people."""
    if reduction != "sum_pixels":
        return labelled_BK.new_tensor(float(len(labelled_BK)))
    return (labelled_BK * _seen(*_axes(joints_BK2, size, sigma, center))).sum()


def inside_count(joints_BK2: Tensor, labelled_BK: Tensor, size: Size) -> Tensor:
    """How many labelled joints are inside the map: what the coordinate losses are a mean over."""
    return (labelled_BK * inside(joints_BK2, size)).sum()


def heatmap_loss(heatmap_BKHW: Tensor, target_BKHW: Tensor, weight_BK: Tensor, reduction: Reduction) -> Tensor:
    """L_de, the squared error of a heatmap (Eq. 4).

    half_mean: 0.5 * mean over samples, joints and pixels, unlabelled ones counted with error 0 (SBL `JointsMSELoss`).
    mean: the same without the half.
    sum_pixels: summed over the pixels of a map as Eq. 4 prints it, averaged over the labelled joints.
    """
    error_BK = (at_least_fp32(heatmap_BKHW) - target_BKHW).square().sum((-2, -1))
    return map_loss(error_BK, weight_BK, target_BKHW[0, 0].numel(), reduction)


def map_loss(error_BK: Tensor, weight_BK: Tensor, pixels: int, reduction: Reduction) -> Tensor:
    """Errors that are sums over the pixels of each map, put together as `heatmap_loss` says."""
    total = (error_BK * weight_BK).sum()
    if reduction == "sum_pixels":
        return total / weight_BK.sum().clamp(min=1)
    mean = total / (error_BK.numel() * pixels)
    return 0.5 * mean if reduction == "half_mean" else mean


def coordinate_loss(
    predicted_BK2: Tensor,
    joints_BK2: Tensor,
    labelled_BK: Tensor,
    size: Size,
    units: Literal["heatmap_px", "input_px", "normalised"] = "heatmap_px",
    stride: int = 4,
) -> Tensor:
    """L_re, |x - x*| + |y - y*| (Eq. 5), averaged over the labelled joints inside the map.

    The joints are in heatmap pixels; units: of the loss. stride: input pixels per heatmap pixel.
    """
    height, width = size
    unit_2 = [pixels_per_unit(units, side, stride) for side in (width, height)]
    error_BK2 = (predicted_BK2 - joints_BK2).abs() / predicted_BK2.new_tensor(unit_2)
    return mean_over(error_BK2.sum(-1), labelled_BK * inside(joints_BK2, size))


def pixels_per_unit(units: Literal["heatmap_px", "input_px", "normalised"], side: int, stride: int = 4) -> float:
    """How many heatmap pixels are a unit of L_re, on a map with a side of so many pixels."""
    return {"heatmap_px": 1.0, "input_px": 1 / stride, "normalised": float(side)}[units]


def shrinkage_loss(heatmap_BKHW: Tensor, beta: float, tau: float, labelled_BK: Tensor) -> Tensor:
    """L_reg, |L - tau| + L - tau summed over the pixels, with L the Laplacian of softmax(beta h) (Eq. 15).

    The filter is (0 1 0, 1 -4 1, 0 1 0), the discrete second derivative. A map is continued by its border values, so
    that a flat one costs nothing.
    """
    probability_BKHW = softmax_map(heatmap_BKHW, beta)
    padded = F.pad(probability_BKHW, (1, 1, 1, 1), mode="replicate")
    across = padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
    down = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]
    excess_BKHW = (across + down - 4 * probability_BKHW - tau).clamp(min=0)
    return mean_over(2 * excess_BKHW.sum((-2, -1)), labelled_BK)


def normalised_distance(predicted_BK2: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, size: Size) -> Tensor:
    """Euclidean distance where the map is 2 wide and 2 high (DSNT), over the labelled joints inside the map."""
    height, width = size
    scale_2 = predicted_BK2.new_tensor([2 / width, 2 / height])
    distance_BK = torch.linalg.vector_norm((predicted_BK2 - joints_BK2) * scale_2, dim=-1)
    return mean_over(distance_BK, labelled_BK * inside(joints_BK2, size))


def jensen_shannon(heatmap_BKHW: Tensor, beta: float, joints_BK2: Tensor, labelled_BK: Tensor, sigma: float) -> Tensor:
    """Jensen-Shannon divergence, in nats, of softmax(beta h) and a normalised Gaussian at the joint (DSNT)."""
    size = heatmap_BKHW.shape[-2:]
    weight_BK = labelled_BK * inside(joints_BK2, size)
    centre_BK2 = torch.where(weight_BK[..., None] > 0, joints_BK2, torch.zeros_like(joints_BK2))
    wanted_BKHW = normal_map(centre_BK2, size, sigma)
    found_BKHW = softmax_map(heatmap_BKHW, beta)
    middle_BKHW = (wanted_BKHW + found_BKHW) / 2
    divergence_BK = (_relative_entropy(wanted_BKHW, middle_BKHW) + _relative_entropy(found_BKHW, middle_BKHW)) / 2
    return mean_over(divergence_BK, weight_BK)


def variance_error(heatmap_BKHW: Tensor, beta: float, joints_BK2: Tensor, labelled_BK: Tensor, sigma: float) -> Tensor:
    """(Var x - s^2)^2 + (Var y - s^2)^2 of softmax(beta h) where the map is 2 wide and 2 high (DSNT).

    sigma: s, in heatmap pixels. Averaged over the labelled joints inside the map.
    """
    size = heatmap_BKHW.shape[-2:]
    density_BKHW = softmax_map(heatmap_BKHW, beta)
    error_BK = torch.zeros_like(density_BKHW[..., 0, 0])
    for share_BKA in (density_BKHW.sum(-2), density_BKHW.sum(-1)):
        pixels = share_BKA.shape[-1]
        place_A = pixel_index(pixels, share_BKA)
        mean_BK1 = (share_BKA * place_A).sum(-1, keepdim=True)
        variance_BK = (share_BKA * (place_A - mean_BK1) ** 2).sum(-1)
        error_BK = error_BK + ((variance_BK - sigma**2) * (2 / pixels) ** 2).square()
    return mean_over(error_BK, labelled_BK * inside(joints_BK2, size))


def normal_map(joints_BK2: Tensor, size: Size, sigma: float) -> Tensor:
    """Gaussians over the whole map, however far from the joint, each of sum 1: map_BKHW. In heatmap pixels."""
    height, width = size
    x_BKW = pixel_index(width, joints_BK2) - joints_BK2[..., :1]
    y_BKH = pixel_index(height, joints_BK2) - joints_BK2[..., 1:]
    column_BKW, row_BKH = (torch.softmax(-(axis**2) / (2 * sigma**2), dim=-1) for axis in (x_BKW, y_BKH))
    return row_BKH[..., :, None] * column_BKW[..., None, :]


def inside(joints_BK2: Tensor, size: Size) -> Tensor:
    """Which joints an expectation over the map can reach, per B and K."""
    height, width = size
    x_BK, y_BK = joints_BK2.unbind(-1)
    return (x_BK >= 0) & (x_BK <= width - 1) & (y_BK >= 0) & (y_BK <= height - 1)


def _relative_entropy(first_BKHW: Tensor, second_BKHW: Tensor) -> Tensor:
    # Where a probability underflows to 0 its logarithm must stay finite, and so must the gradient.
    tiny = 1e-24
    return (first_BKHW * ((first_BKHW + tiny).log() - (second_BKHW + tiny).log())).sum((-2, -1))


def mean_over(value_BK: Tensor, weight_BK: Tensor) -> Tensor:
    """The weighted mean, 0 where nothing has weight."""
    # An infinite value with weight 0 must not become NaN.
    counted_BK = torch.where(weight_BK > 0, value_BK, torch.zeros_like(value_BK))
    return (counted_BK * weight_BK).sum() / weight_BK.sum().clamp(min=1)
