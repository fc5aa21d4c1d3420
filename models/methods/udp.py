"""UDP, beyond the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import HeatmapRegression
from heatmark.models.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register
class UdpDetection(HeatmapRegression):
    """Detection drawn at the exact joint and read as UDP does (Huang et al. 2020).

    UDP's other half is a geometry in which a mirrored map needs no shift: `geometry: udp` of a data set. Under
    SimpleBaseline's the same end is met by averaging joints, an image's and its mirror's, displaced exactly.
    kernel: as in DARK.
    """

    label: ClassVar[str] = "UDP"
    colour: ClassVar[str] = "#7A5230"
    order: ClassVar[int] = 7
    moves_a_whole_pixel: ClassVar[bool] = False
    name: Literal["udp"] = "udp"
    target_center: Literal["rounded", "exact"] = Field(
        "exact",
        description="`rounded` draws the Gaussian at the nearest pixel as SBL and HRNet do; `exact` at the joint.",
    )
    kernel: Literal[11, 17] = Field(
        11, description="Side of the smoothing Gaussian in heatmap pixels: 11 for sigma 2, 17 for sigma 3."
    )

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding_refined

        return decoding_refined.udp(heatmap_BKHW, self.kernel)

    def decode_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor, lag: float = 0.75) -> Tensor:
        from heatmark.models import decoding

        if not lag:
            return super().decode_flipped(heatmap_BKHW, mirrored_BKHW, lag)
        return decoding.average_mirrored(self.decode(heatmap_BKHW), self.decode(mirrored_BKHW), lag)
