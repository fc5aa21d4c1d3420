"""RLE's loss (Li et al. 2021): how likely the true joint is, given where it was read and how far off that may be.

Same suffixes and units as in decoding.py, but deviations and errors are in parts of the map's sides. In fp32 or wider.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from heatmark.models.decoding import at_least_fp32
from heatmark.models.losses import Size, inside, mean_over


def deviation(density_BKHW: Tensor, latent_BLKHW: Tensor, least: float) -> Tensor:
    """sigma_BKL: sigmoid of the mean of each latent map under the joint's density, moved from (0, 1) to (least, 1)."""
    mean_BLK = (density_BKHW[:, None] * at_least_fp32(latent_BLKHW)).sum((-2, -1))
    return least + (1 - least) * torch.sigmoid(mean_BLK).movedim(1, -1)


def residual(found_BK2: Tensor, true_BK2: Tensor, sigma_BK2: Tensor, size: Size) -> Tensor:
    """e = (mu* - mu) / sigma, the error in parts of the map's sides measured by its deviation."""
    height, width = size
    return (true_BK2 - found_BK2) / found_BK2.new_tensor([width, height]) / sigma_BK2


def laplace_loss(residual_BK2: Tensor, sigma_BK2: Tensor) -> Tensor:
    """-log of a Laplace density of scale sigma, log(2 sigma) + |e|, summed over the axes: B x K."""
    return (torch.log(2 * sigma_BK2) + residual_BK2.abs()).sum(-1)


def flow_loss(residual_BK2: Tensor, sigma_BK2: Tensor, flow: nn.Module) -> Tensor:
    """log sigma - log phi(e), summed over the axes: B x K.

    phi is one density of both axes and counts on each, as in the published code: twice as much as a plain
    log-likelihood would count it.
    """
    log_density_BK: Tensor = flow(residual_BK2.flatten(0, 1)).view(residual_BK2.shape[:2])
    return (torch.log(sigma_BK2) - log_density_BK[..., None]).sum(-1)


def mean_inside(loss_BK: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, size: Size) -> Tensor:
    """Averaged over the labelled joints inside the map: an expectation cannot leave it."""
    return mean_over(loss_BK, labelled_BK * inside(joints_BK2, size))
