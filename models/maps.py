"""What a network gives for a batch, taken apart: heatmaps, latent maps that a method reads, depth maps, axes.

Per joint: one heatmap, as many latent maps as the method says, one depth map with `train.depth`. In this order, each
kind for all joints before the next. What a method's own layers make of them (`Method.reader`) stands beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

Group = TypeVar("Group", bound=tuple[Any, ...])


class Axes(NamedTuple):
    """One score for each of the X bins across and the Y bins down the map, of every joint."""

    across_BKX: Tensor
    down_BKY: Tensor

    def mirrored_back(self, joint_order: Sequence[int]) -> Axes:
        """Of mirrored crops: with the bins across reversed, and left and right swapped."""
        order = list(joint_order)
        return Axes(self.across_BKX.flip(-1)[:, order], self.down_BKY[:, order])


class Maps(NamedTuple):
    """latent_BLKHW: L latent maps per joint. axes: of a method that reads axes. None where there are none of a kind."""

    heatmap_BKHW: Tensor
    latent_BLKHW: Tensor | None = None
    depth_BKHW: Tensor | None = None
    axes: Axes | None = None

    def mirrored_back(self, joint_order: Sequence[int]) -> Maps:
        """Of mirrored crops: with the columns reversed, and left and right swapped. The values are what they were."""
        order = list(joint_order)

        def back(kind: Tensor | None) -> Tensor | None:
            return None if kind is None else kind.flip(-1)[..., order, :, :]

        return Maps(
            self.heatmap_BKHW.flip(-1)[:, order],
            back(self.latent_BLKHW),
            back(self.depth_BKHW),
            None if self.axes is None else self.axes.mirrored_back(order),
        )


def maps_per_joint(latent: int, depth: bool) -> int:
    """How many maps a network must give for each joint."""
    return 1 + latent + depth


def split_maps(maps_BCHW: Tensor, joints: int, latent: int = 0, reader: Callable[[Maps], Maps] | None = None) -> Maps:
    """latent: how many latent maps per joint the method reads; what is left after them are depth maps.

    reader: the network's own copy of what `Method.reader` made, if any; it goes over the maps once they are apart.
    """
    heatmap_BKHW, latent_BCHW, depth_BKHW = maps_BCHW.tensor_split([joints, (1 + latent) * joints], dim=1)
    maps = Maps(
        heatmap_BKHW,
        latent_BCHW.reshape(maps_BCHW.shape[0], latent, joints, *maps_BCHW.shape[2:]) if latent else None,
        depth_BKHW if depth_BKHW.shape[1] else None,
    )
    return maps if reader is None else reader(maps)


def changed(maps: Group, change: Callable[[Tensor], Tensor]) -> Group:
    """The same with every tensor in it changed, also those that are grouped further."""
    return type(maps)(*(_changed(kind, change) for kind in maps))


def _changed(kind: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if kind is None:
        return None
    return change(kind) if isinstance(kind, Tensor) else changed(kind, change)
