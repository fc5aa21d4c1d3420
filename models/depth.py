"""Depth maps -> the depth of each joint relative to the root: the half of a 2.5D pose that the heatmaps do not hold.

A network with depth gives a latent depth map for every joint (Iqbal et al. 2018). Same suffixes and units as in
decoding.py; depths are in lengths of the hand's reference bone.
"""

from __future__ import annotations

from torch import Tensor

from heatmark.models.decoding import argmax, at_least_fp32
from heatmark.models.losses import Size, inside, mean_over

# The reference bone's length as a share of the crop's side. It is 0.41, 0.46 and 0.48 in three real samples of RHD.
BONE_SHARE = 0.45


def expected_depth(density_BKHW: Tensor, depth_BKHW: Tensor) -> Tensor:
    """Sum of depth times weight: depth_BK where the weights of a map sum to 1."""
    return (density_BKHW * at_least_fp32(depth_BKHW)).sum((-2, -1))


def depth_at_peak(heatmap_BKHW: Tensor, depth_BKHW: Tensor) -> Tensor:
    """The depth at the pixel of the largest value of each heatmap: depth_BK."""
    column_BK, row_BK = argmax(heatmap_BKHW).long().unbind(-1)
    index_BK1 = (row_BK * heatmap_BKHW.shape[-1] + column_BK)[..., None]
    return at_least_fp32(depth_BKHW).flatten(-2).gather(-1, index_BK1).squeeze(-1)


def depth_error(found_BK: Tensor, depth_BK: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, size: Size) -> Tensor:
    """|z - z*| in bones, averaged over the labelled joints inside the map, as the L1 of their pixels is."""
    return mean_over((found_BK - depth_BK).abs(), labelled_BK * inside(joints_BK2, size))


def depth_map_error(depth_BKHW: Tensor, true_BK: Tensor, target_BKHW: Tensor) -> Tensor:
    """The sum over the pixels of a map of |d - z*| under the target Gaussian of its joint: error_BK."""
    return ((at_least_fp32(depth_BKHW) - true_BK[..., None, None]).abs() * target_BKHW).sum((-2, -1))
