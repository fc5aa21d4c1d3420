"""Heatmap -> joints. Pure functions, batched over samples and joints, in fp32 or wider on any device.

Suffixes: B samples, K joints, H rows, W columns. Joints are (x, y) in 0-indexed heatmap pixels: pixel centres are the
integers, x runs over columns. Maps on a CPU are read in one pass each (one_pass.py).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from heatmark.models import one_pass
from heatmark.models.shared import is_shared, once

# Of a mirrored-back map at SimpleBaseline's geometry and stride of 4, in heatmap pixels (datasets/geometry.py).
MIRROR_LAG = 0.75


def at_least_fp32(heatmap_BKHW: Tensor) -> Tensor:
    """Half precision cannot hold exp(beta h) or a pixel index times a weight; wider types stay as they are."""
    return heatmap_BKHW if heatmap_BKHW.dtype in (torch.float32, torch.float64) else heatmap_BKHW.float()


def pixel_index(count: int, like: Tensor) -> Tensor:
    """0, 1, ..., count - 1 in the type and on the device of another tensor."""
    return torch.arange(count, dtype=like.dtype, device=like.device)


def expectation(weight_BKHW: Tensor) -> Tensor:
    """Sum of pixel index times weight: joints_BK2 where the weights of a map sum to 1."""
    height, width = weight_BKHW.shape[-2:]
    x = (weight_BKHW.sum(-2) * pixel_index(width, weight_BKHW)).sum(-1)
    y = (weight_BKHW.sum(-1) * pixel_index(height, weight_BKHW)).sum(-1)
    return torch.stack([x, y], dim=-1)


def argmax(heatmap_BKHW: Tensor) -> Tensor:
    """The pixel of the largest value (Eq. 2). A map without a positive value gives (0, 0), as SBL and HRNet do."""
    if one_pass.reads(heatmap_BKHW):
        return one_pass.argmax(heatmap_BKHW)
    heatmap_BKHW = at_least_fp32(heatmap_BKHW)
    width = heatmap_BKHW.shape[-1]
    peak_BK, index_BK = heatmap_BKHW.flatten(-2).max(-1)
    pixel_BK2 = torch.stack([index_BK % width, index_BK // width], dim=-1).to(heatmap_BKHW.dtype)
    return torch.where(peak_BK[..., None] > 0, pixel_BK2, torch.zeros_like(pixel_BK2))


def quarter_offset(heatmap_BKHW: Tensor) -> Tensor:
    """`argmax` moved by a quarter pixel towards the higher neighbour, per axis (SBL, HRNet `get_final_preds`).

    Only where 1 < x < W - 1 and 1 < y < H - 1: the published code skips the first two columns and rows.
    """
    if one_pass.reads(heatmap_BKHW):
        return one_pass.quarter_offset(heatmap_BKHW)
    heatmap_BKHW = at_least_fp32(heatmap_BKHW)
    height, width = heatmap_BKHW.shape[-2:]
    joints_BK2 = argmax(heatmap_BKHW)
    x_BK, y_BK = joints_BK2.long().unbind(-1)
    inside_BK = (x_BK > 1) & (x_BK < width - 1) & (y_BK > 1) & (y_BK < height - 1)
    flat_BKP = heatmap_BKHW.flatten(-2)

    def value(x: Tensor, y: Tensor) -> Tensor:
        index = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
        return flat_BKP.gather(-1, index[..., None]).squeeze(-1)

    slope_BK2 = torch.stack(
        [value(x_BK + 1, y_BK) - value(x_BK - 1, y_BK), value(x_BK, y_BK + 1) - value(x_BK, y_BK - 1)], dim=-1
    )
    return joints_BK2 + 0.25 * slope_BK2.sign() * inside_BK[..., None]


def softmax_map(heatmap_BKHW: Tensor, beta: float) -> Tensor:
    """softmax(beta h) over the pixels of each map (Eq. 3). Once for maps that are shared (shared.py)."""

    def compute() -> Tensor:
        scaled_BKP = beta * at_least_fp32(heatmap_BKHW).flatten(-2)
        return torch.softmax(scaled_BKP, dim=-1).view_as(heatmap_BKHW)

    return once(heatmap_BKHW, ("softmax", beta), compute)


def soft_argmax(heatmap_BKHW: Tensor, beta: float) -> Tensor:
    """Expectation of pixel index under softmax(beta h) (IPR, Eq. 3)."""
    if one_pass.reads(heatmap_BKHW):
        return one_pass.soft_argmax(heatmap_BKHW, beta)
    if one_pass.learns(heatmap_BKHW) and not is_shared(heatmap_BKHW):
        from heatmark.models import one_pass_gradients

        return one_pass_gradients.soft_argmax(heatmap_BKHW, beta)
    return expectation(softmax_map(heatmap_BKHW, beta))


def bias_compensated_argmax(heatmap_BKHW: Tensor, beta: float, eps: float = 0.0, least_mass: float = 0.0) -> Tensor:
    """Expectation of pixel index under weights exp(beta h) - 1 (BCIR, closed form of Eq. 18).

    heatmap_BKHW: raw network output, 0 meaning background. With n pixels and C of Eq. 19 the weights sum to C - n, and
    the result equals C / (C - n) * J_r - n / (C - n) * centre with centre ((W - 1) / 2, (H - 1) / 2).
    eps: pseudo-counts at the centre of the map: 0 is BCIR, n is IPR.
    least_mass: pseudo-counts at the centre are added where C - n is smaller than this, up to it, and none elsewhere:
    a quotient of two near-zero sums becomes the centre of the map, and a normal map is read without bias.
    An empty map (all weights 0, nothing added) gives the centre.
    """
    if one_pass.reads(heatmap_BKHW) and not is_shared(heatmap_BKHW):
        return one_pass.compensated(heatmap_BKHW, beta, eps, least_mass)
    if one_pass.learns(heatmap_BKHW) and not is_shared(heatmap_BKHW):
        from heatmark.models import one_pass_gradients

        return one_pass_gradients.compensated(heatmap_BKHW, beta, eps, least_mass)
    found = exponentials(heatmap_BKHW, beta)
    if found.offset_BK2 is not None:
        return one_pass.divided(heatmap_BKHW, found.offset_BK2, found.mass_BK, found.unit_BK, eps, least_mass)
    assert found.weight_BKHW is not None, "one of the two is there"
    height, width = heatmap_BKHW.shape[-2:]
    total_BK = found.mass_BK + found.missing(eps, least_mass)
    centre_2 = found.weight_BKHW.new_tensor([(width - 1) / 2, (height - 1) / 2])
    # Measured from the centre, an empty map needs no special case beyond a denominator that is not zero.
    offset_BK2 = expectation(found.weight_BKHW) - found.mass_BK[..., None] * centre_2
    safe_BK = torch.where(total_BK == 0, torch.ones_like(total_BK), total_BK)
    return centre_2 + offset_BK2 / safe_BK[..., None]


class Exponentials(NamedTuple):
    """weight_BKHW = exp(beta h) - 1, its sum mass_BK = C - n, and what a pseudo-count weighs, unit_BK.

    All are divided by exp(m), m = max(0, max beta h) or smaller, so that nothing overflows. In fp32 or wider.
    weight_BKHW: None where nobody needs it. offset_BK2: the sum of weight times offset from the centre of the map, of
    maps that are read in one pass.
    """

    weight_BKHW: Tensor | None
    mass_BK: Tensor
    unit_BK: Tensor
    offset_BK2: Tensor | None = None

    def missing(self, eps: float, least_mass: float) -> Tensor:
        """What is added at the centre of the map, pseudo_BK; eps and least_mass as in `bias_compensated_argmax`."""
        short_BK = (least_mass * self.unit_BK - self.mass_BK).clamp(min=0) * float(least_mass > 0)
        return eps * self.unit_BK + short_BK


def exponentials(heatmap_BKHW: Tensor, beta: float, *, weights: bool = False) -> Exponentials:
    """weights: the map of weights is wanted, and not only its sums. Once for maps that are shared (shared.py)."""
    keep = weights or is_shared(heatmap_BKHW)
    return once(heatmap_BKHW, ("exponentials", beta), lambda: _exponentials(heatmap_BKHW, beta, keep))


def _exponentials(heatmap_BKHW: Tensor, beta: float, keep: bool) -> Exponentials:
    if one_pass.reads(heatmap_BKHW):
        return Exponentials(*one_pass.exponentials(heatmap_BKHW, beta, keep=keep))
    scaled_BKHW = beta * at_least_fp32(heatmap_BKHW)
    shift_BK11 = scaled_BKHW.amax((-2, -1), keepdim=True).clamp(min=0).detach()
    unit_BK = torch.exp(-shift_BK11).flatten(-3)
    weight_BKHW = shifted_expm1(scaled_BKHW, shift_BK11)
    return Exponentials(weight_BKHW, weight_BKHW.sum((-2, -1)), unit_BK)


def shifted_expm1(scaled: Tensor, shift: Tensor) -> Tensor:
    """(exp(z) - 1) * exp(-m), without overflow; for small z, expm1 keeps the digits that exp(z) - 1 loses.

    tanh(z / 2) (exp(z) + 1) is the same and faster, and rounds twice as coarsely where C is close to n.
    """
    near_zero = scaled.abs() < 0.5
    small = torch.expm1(torch.where(near_zero, scaled, torch.zeros_like(scaled))) * torch.exp(-shift)
    large = torch.exp(scaled - shift) - torch.exp(-shift)
    return torch.where(near_zero, small, large)


def mass_is_short(heatmap_BKHW: Tensor, beta: float) -> Tensor:
    """True where C <= n, so that the bias-compensated joint is undefined or reflected (spec of Eq. 18), per B and K."""
    return exponentials(heatmap_BKHW, beta).mass_BK <= 0


def clamp_to_map(joints_BK2: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Joints moved to the nearest point of the map. size: rows, columns."""
    height, width = size
    return torch.stack([joints_BK2[..., 0].clamp(0, width - 1), joints_BK2[..., 1].clamp(0, height - 1)], dim=-1)


def shift_right(mirrored_BKHW: Tensor) -> Tensor:
    """The mirrored-back map one pixel to the right, first column repeated: HRNet's SHIFT_HEATMAP.

    With x -> W_in - 1 - x and a stride of 4 the mirrored-back map lies 0.75 heatmap pixels to the left of the other.
    """
    return torch.cat([mirrored_BKHW[..., :1], mirrored_BKHW[..., :-1]], dim=-1)


def mean_map(heatmap_BKHW: Tensor, mirrored_BKHW: Tensor, lag: float = MIRROR_LAG) -> Tensor:
    """The mean of a map and its mirrored-back one, which is shifted by a whole pixel where it lags (SBL, HRNet)."""
    return (heatmap_BKHW + (shift_right(mirrored_BKHW) if lag else mirrored_BKHW)) / 2


def average_mirrored(joints_BK2: Tensor, mirrored_BK2: Tensor, lag: float = MIRROR_LAG) -> Tensor:
    """Mean of the joints of an image and of its mirrored-back map, both in heatmap pixels.

    The mirrored-back map (columns reversed) lies `lag` heatmap pixels to the left: exactly undone here.
    """
    displacement_2 = joints_BK2.new_tensor([lag, 0.0])
    return (joints_BK2 + mirrored_BK2 + displacement_2) / 2


def confidence(heatmap_BKHW: Tensor) -> Tensor:
    """The largest raw value of each map, comparable across methods whose maps learn the same Gaussian: B x K."""
    return at_least_fp32(heatmap_BKHW).flatten(-2).amax(-1)


def peak_probability(heatmap_BKHW: Tensor, beta: float) -> Tensor:
    """The largest value of softmax(beta h) of each map: B x K."""
    return softmax_map(heatmap_BKHW, beta).amax((-2, -1))
