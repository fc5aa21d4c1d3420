"""Heatmap -> how much weight each pixel has in the read-out: maps that sum to 1, in fp32 or wider.

Same suffixes and units as in decoding.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from heatmark.models.decoding import at_least_fp32, exponentials, softmax_map

__all__ = ["compensated_map", "positive_map", "softmax_map"]


def positive_map(heatmap_BKHW: Tensor) -> Tensor:
    """The positive part of each map over its sum; a map without any is flat."""
    positive_BKHW = at_least_fp32(heatmap_BKHW).clamp(min=0)
    return _normalised(positive_BKHW, positive_BKHW.sum((-2, -1), keepdim=True))


def compensated_map(heatmap_BKHW: Tensor, beta: float, least_mass: float = 0.0) -> Tensor:
    """exp(beta h) - 1 over its sum, whose expectation is `bias_compensated_argmax`: negative where h is.

    least_mass: where the sum is smaller, what is missing stands on the pixels around the centre, as it does there.
    """
    found = exponentials(heatmap_BKHW, beta, weights=True)
    assert found.weight_BKHW is not None, "asked for"
    dtype = found.weight_BKHW.dtype
    missing_BK11 = found.missing(0.0, least_mass).to(dtype)[..., None, None]
    mass_BK11 = found.mass_BK.to(dtype)[..., None, None]
    return _normalised(found.weight_BKHW + missing_BK11 * _centre(found.weight_BKHW), mass_BK11 + missing_BK11)


def _normalised(weight_BKHW: Tensor, total_BK11: Tensor) -> Tensor:
    """Over the total; flat where that is 0."""
    height, width = weight_BKHW.shape[-2:]
    empty_BK11 = total_BK11 == 0
    safe_BK11 = torch.where(empty_BK11, torch.ones_like(total_BK11), total_BK11)
    return torch.where(empty_BK11, torch.full_like(weight_BKHW, 1 / (height * width)), weight_BKHW / safe_BK11)


def _centre(like_BKHW: Tensor) -> Tensor:
    """Weight 1 on the one, two or four pixels nearest to the centre of the map: weight_HW."""
    height, width = like_BKHW.shape[-2:]
    weight_HW = like_BKHW.new_zeros(height, width)
    rows, columns = slice((height - 1) // 2, height // 2 + 1), slice((width - 1) // 2, width // 2 + 1)
    weight_HW[rows, columns] = 1
    return weight_HW / weight_HW.sum()
