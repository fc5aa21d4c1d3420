"""What a network gives for a batch, taken apart: heatmaps, latent maps that a method reads, depth maps.

Per joint: one heatmap, as many latent maps as the method says, one depth map with `train.depth`. In this order, each
kind for all joints before the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor


class Maps(NamedTuple):
    """latent_BLKHW: L latent maps per joint. None where the network gives none of a kind."""

    heatmap_BKHW: Tensor
    latent_BLKHW: Tensor | None = None
    depth_BKHW: Tensor | None = None

    def mirrored_back(self, joint_order: Sequence[int]) -> Maps:
        """Of mirrored crops: with the columns reversed, and left and right swapped. The values are what they were."""
        order = list(joint_order)
        return Maps(*(None if kind is None else kind.flip(-1)[..., order, :, :] for kind in self))  # type: ignore[arg-type]


def maps_per_joint(latent: int, depth: bool) -> int:
    """How many maps a network must give for each joint."""
    return 1 + latent + depth


def split_maps(maps_BCHW: Tensor, joints: int, latent: int = 0) -> Maps:
    """latent: how many latent maps per joint the method reads; what is left after them are depth maps."""
    heatmap_BKHW, latent_BCHW, depth_BKHW = maps_BCHW.tensor_split([joints, (1 + latent) * joints], dim=1)
    return Maps(
        heatmap_BKHW,
        latent_BCHW.reshape(maps_BCHW.shape[0], latent, joints, *maps_BCHW.shape[2:]) if latent else None,
        depth_BKHW if depth_BKHW.shape[1] else None,
    )
