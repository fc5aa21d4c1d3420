"""Samples of a map's density that a gradient passes through (sampling-argmax, Li et al. 2021), and chance for them.

Same suffixes and units as in decoding.py; S samples, P pixels, A places along an axis. In fp32 or wider.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from heatmark.models.decoding import at_least_fp32, pixel_index

Basis = Literal["triangular", "uniform"]

# Mixing of 32 bits (`lowbias32` of hash-prospector); in two's complement.
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B - 2**32
_STEP = 0x9E3779B9 - 2**32
# Another odd factor, so that number a of draw b is not number b of draw a.
_DRAW = 0x85EBCA6B


def chance(joints_BK2: Tensor, draw: int, count: int) -> Tensor:
    """Numbers in (0, 1) that follow from where the joint is and from which draw it is: chance_BKN in fp32.

    Nothing has to be kept of it: a joint of a crop draws the same on any rank, in any batch and after any interruption.
    Augmentation gives each crop a place of its own. draw: from 0.
    """
    bits_BK2 = joints_BK2.float().contiguous().view(torch.int32)
    key_BK = _mixed(_mixed(bits_BK2[..., 0]) ^ bits_BK2[..., 1])
    number_N = torch.arange(count, dtype=torch.int32, device=joints_BK2.device)
    salt = (draw * _DRAW + 2**31) % 2**32 - 2**31
    state_BKN = _mixed(_mixed(number_N * _STEP ^ salt) ^ key_BK[..., None])
    # 23 bits and a half, which single precision holds exactly: never 0 and never 1.
    return ((state_BKN >> 9 & 0x7FFFFF).float() + 0.5) / 2**23


def _mixed(state: Tensor) -> Tensor:
    state = (state ^ (state >> 16 & 0xFFFF)) * _FIRST
    state = (state ^ (state >> 15 & 0x1FFFF)) * _SECOND
    return state ^ (state >> 16 & 0xFFFF)


def soft_samples(heatmap_BKHW: Tensor, tau: float, samples: int, basis: Basis, joints_BK2: Tensor, draw: int) -> Tensor:
    """Places drawn from softmax(h), each a Gumbel-softmax over the pixels: sample_BKS2 in heatmap pixels.

    A pixel's weight is softmax((h + g) / tau) with g of Gumbel's distribution; it stands at its centre and a random
    step of the basis, so that the places are continuous. The steps are one for each column and one for each row.
    joints_BK2, draw: what chance hangs on.
    """
    height, width = heatmap_BKHW.shape[-2:]
    pixels = height * width
    drawn_BKSN = chance(joints_BK2, draw, samples * (pixels + width + height)).unflatten(-1, (samples, -1))
    gumbel_BKSP, across_BKSW, down_BKSH = drawn_BKSN.split([pixels, width, height], dim=-1)
    score_BK1P = at_least_fp32(heatmap_BKHW).flatten(-2)[..., None, :]
    share_BKSP = torch.softmax((score_BK1P - torch.log(-torch.log(gumbel_BKSP))) / tau, dim=-1)
    share_BKSHW = share_BKSP.unflatten(-1, (height, width))
    return torch.stack(
        [
            (share_BKSA * (pixel_index(share_BKSA.shape[-1], share_BKSA) + step(drawn_BKSA, basis))).sum(-1)
            for share_BKSA, drawn_BKSA in ((share_BKSHW.sum(-2), across_BKSW), (share_BKSHW.sum(-1), down_BKSH))
        ],
        dim=-1,
    )


def step(drawn: Tensor, basis: Basis) -> Tensor:
    """A step from numbers in (0, 1): even over a pixel, or of the triangle over two."""
    if basis == "uniform":
        return drawn - 0.5
    return torch.where(drawn < 0.5, torch.sqrt(2 * drawn) - 1, 1 - torch.sqrt(2 - 2 * drawn))
