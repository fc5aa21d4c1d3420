"""What a heatmap looks like: how localised it is, which Gaussian it resembles, how much of it is background.

Same suffixes and units as in decoding.py. The densities that are described are maps of sum 1 (models/density.py): the
paper's `h tilde`, softmax(beta h) for integral regression (Eq. 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from heatmark.models.decoding import at_least_fp32


def activation_sum(density_BKHW: Tensor, joints_BK2: Tensor, reaches: Sequence[int]) -> Tensor:
    """A(s), the weight within the square of 2s + 1 pixels around the map's nearest pixel to a joint (Eq. 26).

    joints_BK2: ground truth. reaches: the values of s. Returns sum_BKS.
    """
    # A square is the union of the rings of pixels at the same Chebyshev distance from its middle.
    window_BKSS = _window(density_BKHW, joints_BK2, max(reaches))
    distance_S = torch.arange(-max(reaches), max(reaches) + 1, device=density_BKHW.device).abs()
    ring_SS = torch.maximum(distance_S[:, None], distance_S[None])
    rings_BKR = density_BKHW.new_zeros(*density_BKHW.shape[:2], max(reaches) + 1)
    rings_BKR.index_add_(-1, ring_SS.flatten(), window_BKSS.flatten(-2))
    return rings_BKR.cumsum(-1)[..., list(reaches)]


def chi_square(density_BKHW: Tensor, joints_BK2: Tensor, reach: int, sigmas: Sequence[float]) -> Tensor:
    """Pearson's sum of (found - expected)^2 / expected against Gaussians of several sigmas (Tables 13 to 15).

    Over the square of 2 reach + 1 pixels around the map's nearest pixel to a joint, in which both sum to 1; the
    Gaussian is centred at the joint itself, and negative weight counts as none. Returns statistic_BKS in float64; the
    lowest is the best match. The paper prints a dash above 1000.
    """
    found_BKSS = _summing_to_one(_window(density_BKHW, joints_BK2, reach).double().clamp(min=0))
    height, width = density_BKHW.shape[-2:]
    offset_S = torch.arange(-reach, reach + 1, dtype=torch.float64, device=density_BKHW.device)
    axes = []
    for axis, size in ((0, width), (1, height)):
        middle_BK1 = _nearest_pixel(joints_BK2, (height, width))[..., axis, None]
        pixel_BKS = middle_BK1 + offset_S
        squared_BKS = (pixel_BKS - joints_BK2[..., axis, None].double()) ** 2
        axes.append(squared_BKS.masked_fill((pixel_BKS < 0) | (pixel_BKS > size - 1), math.inf))
    squared_BKSS = axes[0][..., None, :] + axes[1][..., :, None]
    on_map_BKSS = torch.isfinite(squared_BKSS)
    statistics = []
    for sigma in sigmas:
        expected_BKSS = _summing_to_one(torch.exp(-squared_BKSS / (2 * sigma**2)))
        # exp(-z) underflows only where a match is out of the question.
        expected_BKSS = expected_BKSS.clamp(min=1e-300)
        terms_BKSS = (found_BKSS - expected_BKSS) ** 2 / expected_BKSS
        statistics.append((terms_BKSS * on_map_BKSS).sum((-2, -1)))
    return torch.stack(statistics, dim=-1)


def fitted_sigma(density_BKHW: Tensor, joints_BK2: Tensor, reach: int, sigmas: Sequence[float]) -> Tensor:
    """The sigma of the Gaussian that a map resembles most: sigma_BK, one of those given."""
    best_BK = chi_square(density_BKHW, joints_BK2, reach, sigmas).argmin(-1)
    return torch.tensor(list(sigmas), dtype=torch.float64, device=best_BK.device)[best_BK]


def log_mass_ratio(heatmap_BKHW: Tensor, beta: float) -> Tensor:
    """ln(C / n) with C of Eq. 19 and n pixels, per B and K: 0 for an empty map, negative where BCIR is undefined.

    heatmap_BKHW: raw network output. The bias of Eq. 18 is n / C of the joint's distance from the centre of the map.
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


def _nearest_pixel(joints_BK2: Tensor, size: tuple[int, int]) -> Tensor:
    """The pixel of the map that is nearest to a joint: int64, B x K x 2."""
    height, width = size
    last_2 = joints_BK2.new_tensor([width - 1, height - 1])
    return torch.floor(joints_BK2 + 0.5).clamp(min=0).minimum(last_2).long()


def _window(density_BKHW: Tensor, joints_BK2: Tensor, reach: int) -> Tensor:
    """The square of 2 reach + 1 pixels around the nearest pixel to each joint, 0 beyond the map: window_BKSS."""
    height, width = density_BKHW.shape[-2:]
    column_BK, row_BK = _nearest_pixel(joints_BK2, (height, width)).unbind(-1)
    padded_BKP = F.pad(density_BKHW, (reach,) * 4).flatten(-2)
    side_S = torch.arange(2 * reach + 1, device=density_BKHW.device)
    rows_BKS1, columns_BK1S = row_BK[..., None, None] + side_S[:, None], column_BK[..., None, None] + side_S
    index_BKSS = rows_BKS1 * (width + 2 * reach) + columns_BK1S
    return padded_BKP.gather(-1, index_BKSS.flatten(-2)).view_as(index_BKSS)


def _summing_to_one(weight_BKSS: Tensor) -> Tensor:
    total = weight_BKSS.sum((-2, -1), keepdim=True)
    return weight_BKSS / torch.where(total > 0, total, torch.ones_like(total))
