"""What a heatmap looks like: how localised it is, which Gaussian it resembles, how much of it is background.

Same suffixes and units as in decoding.py. The paper normalises every map by softmax(beta h) first (Eq. 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from heatmark.models.decoding import at_least_fp32, pixel_index
from heatmark.models.losses import softmax_map


def activation_sum(heatmap_BKHW: Tensor, joints_BK2: Tensor, beta: float, reaches: Sequence[int]) -> Tensor:
    """A(s), the probability within the square of 2s + 1 pixels around the nearest pixel of a joint (Eq. 26).

    joints_BK2: ground truth. reaches: the values of s. Returns sum_BKS.
    """
    probability_BKHW = softmax_map(heatmap_BKHW, beta)
    masks = [_window(joints_BK2, probability_BKHW, reach) for reach in reaches]
    return torch.stack([(probability_BKHW * mask).sum((-2, -1)) for mask in masks], dim=-1)


def chi_square(heatmap_BKHW: Tensor, joints_BK2: Tensor, beta: float, reach: int, sigmas: Sequence[float]) -> Tensor:
    """Pearson's sum of (found - expected)^2 / expected against Gaussians of several sigmas (Tables 13 to 15).

    Over the square of 2 reach + 1 pixels around the nearest pixel of a joint, in which both sum to 1; the Gaussian is
    centred at the joint itself. Returns statistic_BKS in float64; the lowest is the best match. The paper prints a
    dash above 1000.
    """
    probability_BKHW = softmax_map(heatmap_BKHW, beta).double()
    window_BKHW = _window(joints_BK2, probability_BKHW, reach)
    found_BKHW = _summing_to_one(probability_BKHW * window_BKHW)
    height, width = probability_BKHW.shape[-2:]
    x_BKW = pixel_index(width, probability_BKHW) - joints_BK2[..., :1].double()
    y_BKH = pixel_index(height, probability_BKHW) - joints_BK2[..., 1:].double()
    squared_BKHW = x_BKW[..., None, :] ** 2 + y_BKH[..., :, None] ** 2
    statistics = []
    for sigma in sigmas:
        expected_BKHW = _summing_to_one(torch.exp(-squared_BKHW / (2 * sigma**2)) * window_BKHW)
        # exp(-z) underflows only where a match is out of the question.
        expected_BKHW = expected_BKHW.clamp(min=1e-300)
        statistics.append(((found_BKHW - expected_BKHW) ** 2 / expected_BKHW * window_BKHW).sum((-2, -1)))
    return torch.stack(statistics, dim=-1)


def fitted_sigma(heatmap_BKHW: Tensor, joints_BK2: Tensor, beta: float, reach: int, sigmas: Sequence[float]) -> Tensor:
    """The sigma of the Gaussian that a map resembles most: sigma_BK, one of those given."""
    best_BK = chi_square(heatmap_BKHW, joints_BK2, beta, reach, sigmas).argmin(-1)
    return torch.tensor(list(sigmas), dtype=torch.float64, device=best_BK.device)[best_BK]


def log_mass_ratio(heatmap_BKHW: Tensor, beta: float) -> Tensor:
    """ln(C / n) with C of Eq. 19 and n pixels, per B and K: 0 for an empty map, negative where BCIR is undefined.

    The bias of Eq. 18 is n / C of the joint's distance from the centre of the map.
    """
    scaled_BKP = beta * at_least_fp32(heatmap_BKHW).flatten(-2)
    return torch.logsumexp(scaled_BKP, dim=-1) - math.log(scaled_BKP.shape[-1])


def bhattacharyya(sigma: float, true_sigma: float, offset: float) -> float:
    """Distance D_B of N(offset, sigma^2) and N(0, true_sigma^2), predicted and annotated joints (Eq. 12)."""
    found, true = sigma**2, true_sigma**2
    return 0.25 * math.log(0.25 * (true / found + found / true + 2)) + 0.25 * offset**2 / (true + found)


def best_sigma(true_sigma: float, offset: float) -> float:
    """The sigma of least D_B (Eq. 13), never below true_sigma.

    Setting the derivative of Eq. 12 to 0 gives s^2 - offset^2 s - true_sigma^4 = 0 for s = sigma^2. The paper's Eq. 14
    differs by a factor of 4: its Eq. 28 lost the 1/4 before the logarithm.
    """
    square = offset**2
    return math.sqrt((square + math.sqrt(square**2 + 4 * true_sigma**4)) / 2)


def _window(joints_BK2: Tensor, like_BKHW: Tensor, reach: int) -> Tensor:
    """True in the square of 2 reach + 1 pixels around the nearest pixel of each joint."""
    height, width = like_BKHW.shape[-2:]
    middle_BK2 = torch.floor(joints_BK2.to(like_BKHW.dtype) + 0.5)
    x_BKW = (pixel_index(width, like_BKHW) - middle_BK2[..., :1]).abs() <= reach
    y_BKH = (pixel_index(height, like_BKHW) - middle_BK2[..., 1:]).abs() <= reach
    return y_BKH[..., :, None] & x_BKW[..., None, :]


def _summing_to_one(weight_BKHW: Tensor) -> Tensor:
    total = weight_BKHW.sum((-2, -1), keepdim=True)
    return weight_BKHW / torch.where(total > 0, total, torch.ones_like(total))
