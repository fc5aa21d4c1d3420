"""A heatmap and offsets, beyond the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import Method
from heatmark.models.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor, nn

    from heatmark.models.losses import Size
    from heatmark.models.maps import Maps


@register
class HeatmapOffset(Method):
    """A disk of likely pixels and, of each, the way to the joint: G-RMI (Papandreou et al. 2017).

    The heatmap learns by the logistic loss which pixels lie within a radius of the joint; two latent maps learn there,
    by Huber's loss, how far it is across and down in heatmap pixels. Both losses are sums over pixels, averaged here
    over the labelled joints whose disk is on the map, and weighted 4 to 1 as published.
    A map of 0 is as likely everywhere as the disk is large, as RetinaNet begins (Lin et al. 2017): from a half, the
    first epochs would be spent on learning that nearly nothing is a disk.
    Every pixel votes, by its probability and a bilinear kernel, for the place it points to. G-RMI enlarges its maps to
    the crop and takes the pixel with most votes; here, on the maps themselves, the joint is the mean of the votes that
    this pixel got. The score is their sum over the disk's area, as published. An image and its mirror give the mean of
    their joints, the mirror's lag exactly undone.

    radius: of the disk, in heatmap pixels; None is the published share of the map's longer side, 25 of 353 pixels.
    With depth, the depth map learns under the disk and is read at the heatmap's peak.
    """

    label: ClassVar[str] = "Heatmap + offsets"
    colour: ClassVar[str] = "#9B1FE8"
    order: ClassVar[int] = 13
    latent_maps: ClassVar[int] = 2
    name: Literal["offset"] = "offset"
    radius: float | None = Field(
        None, ge=1, description="Of the disk in heatmap pixels; None is 25/353 of the map's longer side, at least 1."
    )
    heatmap_weight: float = Field(4.0, ge=0, description="Of the heatmap's logistic loss; 4 as published.")
    offset_weight: float = Field(1.0, ge=0, description="Of the offsets' Huber loss; 1 as published.")

    @property
    def least_confidence(self) -> float:
        return 0.0

    def reach(self, size: Size) -> float:
        """The radius on a map of so many rows and columns."""
        from heatmark.models.offsets import PUBLISHED_SHARE

        return max(1.0, PUBLISHED_SHARE * max(size)) if self.radius is None else self.radius

    def _logit(self, heatmap_BKHW: Tensor) -> Tensor:
        """A map of 0 gives every pixel the disk's share of the map."""
        from heatmark.models import offsets
        from heatmark.models.decoding import at_least_fp32

        size = heatmap_BKHW.shape[-2:]
        return at_least_fp32(heatmap_BKHW) + offsets.prior_logit(size, self.reach(size))

    def _share(self, heatmap_BKHW: Tensor) -> Tensor:
        return self._logit(heatmap_BKHW).sigmoid()

    def _votes(self, maps: Maps) -> Tensor:
        from heatmark.models import offsets

        size = maps.heatmap_BKHW.shape[-2:]
        return offsets.vote_map(self._share(maps.heatmap_BKHW), _offsets(maps), self.reach(size))

    def terms(
        self, maps: Maps, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int, learned: nn.Module | None
    ) -> dict[str, Tensor]:
        from heatmark.models import offsets

        size = maps.heatmap_BKHW.shape[-2:]
        way_B2KHW = offsets.way_to(joints_BK2, size)
        disk_BKHW = offsets.disk(way_B2KHW, self.reach(size))
        weight_BK = _counted(disk_BKHW, labelled_BK)
        l_offset = offsets.offset_loss(_offsets(maps), way_B2KHW, disk_BKHW, weight_BK)
        return {
            "l_disk": self.heatmap_weight * offsets.disk_loss(self._logit(maps.heatmap_BKHW), disk_BKHW, weight_BK),
            "l_offset": self.offset_weight * l_offset,
        }

    def counts(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size, epoch: int) -> dict[str, Tensor]:
        return dict.fromkeys(("l_disk", "l_offset"), self.depth_count(joints_BK2, labelled_BK, size))

    def read(self, maps: Maps) -> Tensor:
        from heatmark.models import offsets
        from heatmark.models.pixel_classes import peak_pixel

        share_BKHW = self._share(maps.heatmap_BKHW)
        return offsets.mean_vote(share_BKHW, _offsets(maps), peak_pixel(self._votes(maps)))

    def read_flipped(self, maps: Maps, mirrored: Maps, lag: float = 0.75) -> Tensor:
        from heatmark.models import decoding

        return decoding.average_mirrored(self.read(maps), self.read(_turned(mirrored)), lag)

    def certainty(self, maps: Maps) -> Tensor:
        return self._votes(maps).amax((-2, -1))

    def certainty_flipped(self, maps: Maps, mirrored: Maps, lag: float = 0.75) -> Tensor:
        return super().certainty_flipped(maps, _turned(mirrored), lag)

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        """Without the offsets: the likeliest pixel."""
        from heatmark.models.decoding import at_least_fp32
        from heatmark.models.pixel_classes import peak_pixel

        return peak_pixel(heatmap_BKHW).to(at_least_fp32(heatmap_BKHW).dtype)

    def decode_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor, lag: float = 0.75) -> Tensor:
        from heatmark.models import decoding

        return decoding.average_mirrored(self.decode(heatmap_BKHW), self.decode(mirrored_BKHW), lag)

    def density(self, heatmap_BKHW: Tensor) -> Tensor:
        """The probabilities over their sum."""
        from heatmark.models.density import positive_map

        return positive_map(self._share(heatmap_BKHW))

    def confidence(self, heatmap_BKHW: Tensor) -> Tensor:
        """Without the offsets: the largest probability."""
        return self._share(heatmap_BKHW).amax((-2, -1))

    def read_depth(self, heatmap_BKHW: Tensor, depth_BKHW: Tensor) -> Tensor:
        """The depth at the heatmap's peak."""
        from heatmark.models import depth

        return depth.depth_at_peak(self._share(heatmap_BKHW), depth_BKHW)

    def depth_loss(
        self, heatmap_BKHW: Tensor, depth_BKHW: Tensor, joints_BK2: Tensor, true_BK: Tensor, labelled_BK: Tensor
    ) -> Tensor:
        """The L1 under the disk, summed over its pixels as the offsets' loss is."""
        from heatmark.models import depth, offsets
        from heatmark.models.losses import mean_over

        size = heatmap_BKHW.shape[-2:]
        disk_BKHW = offsets.disk(offsets.way_to(joints_BK2, size), self.reach(size))
        error_BK = depth.depth_map_error(depth_BKHW, true_BK, disk_BKHW)
        return mean_over(error_BK, _counted(disk_BKHW, labelled_BK))

    def depth_count(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size) -> Tensor:
        from heatmark.models import offsets

        disk_BKHW = offsets.disk(offsets.way_to(joints_BK2, size), self.reach(size))
        return _counted(disk_BKHW, labelled_BK).sum()


def _counted(disk_BKHW: Tensor, labelled_BK: Tensor) -> Tensor:
    """1 for the labelled joints whose disk is on the map."""
    return labelled_BK * (disk_BKHW.amax((-2, -1)) > 0)


def _offsets(maps: Maps) -> Tensor:
    """offset_B2KHW across and down."""
    assert maps.latent_BLKHW is not None
    return maps.latent_BLKHW


def _turned(mirrored: Maps) -> Maps:
    """Mirrored back, a pixel points across to the other side."""
    offset_B2KHW = _offsets(mirrored)
    return mirrored._replace(latent_BLKHW=offset_B2KHW * offset_B2KHW.new_tensor([-1.0, 1.0])[:, None, None, None])
