"""SimCC, beyond the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import ClassScores
from heatmark.models.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor, nn

    from heatmark.models.losses import Size
    from heatmark.models.maps import Axes, Maps

# Input pixels per heatmap pixel in all published nets.
STRIDE = 4


@register
class SimCC(ClassScores):
    """SimCC: a joint's place across and down are two classifications (Li et al. 2022), as in mmpose's SimCCHead.

    The joint's map, flattened, goes through a linear layer for each axis, whose bins are `split_ratio` to an input
    pixel. The loss is the relative entropy of the label and the axis' softmax, summed over both axes, the mean over the
    joints whose label is on them (mmpose divides by the number of bins and of joints instead: the same under Adam).
    Read at the bins of the highest scores; the score is the smaller one of both axes' largest probabilities. With a
    mirrored image the scores are averaged as published, but first put where they belong: mirrored back they lie
    split_ratio - 1 bins to the right, which the published code leaves in (docs/deviations.md).

    labels: `gaussian` around the joint's bin, normalised, as in mmpose's SimCC and in the paper's better variant;
        `smoothed` is a one with label smoothing, its plain variant.
    sigma: of the Gaussian in bins. None is the square root of an axis' bins over 16, as RTMPose has it for each input:
        4.9 and 5.66 at 192 x 256, 5.66 at 256 x 256, 6 and 6.93 at 288 x 384. mmpose's SimCC has 6 at 192 x 256.
    """

    label: ClassVar[str] = "SimCC"
    colour: ClassVar[str] = "#B22222"
    order: ClassVar[int] = 10
    name: Literal["simcc"] = "simcc"
    split_ratio: int = Field(2, ge=1, le=8, description="Bins per input pixel at a stride of 4; 2 as published.")
    labels: Literal["gaussian", "smoothed"] = Field(
        "gaussian",
        description="What an axis is to resemble: a `gaussian` around the joint's bin, or that bin alone, `smoothed`.",
    )
    sigma: float | None = Field(
        None,
        gt=0,
        description="Of the Gaussian label, in bins; None is the square root of an axis' bins over 16 (RTMPose's).",
    )
    smoothing: float = Field(
        0.1, ge=0, lt=1, description="Of `smoothed` labels: what is spread over the bins beside the joint's."
    )

    @property
    def bins_per_pixel(self) -> int:
        """Of a heatmap."""
        return STRIDE * self.split_ratio

    def reader(self, joints: int, size: Size) -> nn.Module:
        from heatmark.models.axis_classes import AxisReader

        return AxisReader(size, self.bins_per_pixel)

    def terms(
        self, maps: Maps, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int, learned: nn.Module | None
    ) -> dict[str, Tensor]:
        from heatmark.models import axis_classes

        bin_BK2 = axis_classes.nearest_bins(joints_BK2, self.bins_per_pixel)
        counted_BK = self._counted(bin_BK2, maps.heatmap_BKHW.shape[-2:])
        found = {}
        for name, axis_BKA, bin_BK in zip(("l_x", "l_y"), _axes(maps), bin_BK2.unbind(-1), strict=True):
            loss_BK = axis_classes.relative_entropy(axis_BKA, self._label(bin_BK, axis_BKA.shape[-1]))
            found[name] = axis_classes.mean_counted(loss_BK, labelled_BK, counted_BK)
        return found

    def counts(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import axis_classes

        bin_BK2 = axis_classes.nearest_bins(joints_BK2, self.bins_per_pixel)
        return dict.fromkeys(("l_x", "l_y"), (labelled_BK * self._counted(bin_BK2, size)).sum())

    def _label(self, bin_BK: Tensor, bins: int) -> Tensor:
        from heatmark.models import axis_classes

        if self.labels == "smoothed":
            return axis_classes.smoothed_label(bin_BK, bins, self.smoothing)
        return axis_classes.gaussian_label(bin_BK, bins, self._sigma(bins))

    def _sigma(self, bins: int) -> float:
        return (bins / 16) ** 0.5 if self.sigma is None else self.sigma

    def _counted(self, bin_BK2: Tensor, size: Size) -> Tensor:
        """Of a Gaussian, 3 sigma may hang over."""
        from heatmark.models import axis_classes

        height, width = size
        bins = width * self.bins_per_pixel, height * self.bins_per_pixel
        reach = (0.0, 0.0) if self.labels == "smoothed" else (3 * self._sigma(bins[0]), 3 * self._sigma(bins[1]))
        return axis_classes.on_axes(bin_BK2, bins, reach)

    def read(self, maps: Maps) -> Tensor:
        from heatmark.models import axis_classes

        return axis_classes.read(_axes(maps), maps.heatmap_BKHW.shape[-2:])

    def read_flipped(self, maps: Maps, mirrored: Maps, lag: float = 0.75) -> Tensor:
        from heatmark.models import axis_classes

        return axis_classes.read(_both(maps, mirrored, lag), maps.heatmap_BKHW.shape[-2:])

    def certainty(self, maps: Maps) -> Tensor:
        from heatmark.models import axis_classes

        return axis_classes.confidence(_axes(maps))

    def certainty_flipped(self, maps: Maps, mirrored: Maps, lag: float = 0.75) -> Tensor:
        """Of the mean scores."""
        from heatmark.models import axis_classes

        return axis_classes.confidence(_both(maps, mirrored, lag))

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        """To a pixel: the maximum of the map of both axes."""
        from heatmark.models import decoding

        return decoding.argmax(heatmap_BKHW)


def _axes(maps: Maps) -> Axes:
    assert maps.axes is not None, "what `reader` made goes over the maps first"
    return maps.axes


def _both(maps: Maps, mirrored: Maps, lag: float) -> Axes:
    from heatmark.models import axis_classes

    return axis_classes.mean_axes(_axes(maps), _axes(mirrored), maps.heatmap_BKHW.shape[-2:], lag)
