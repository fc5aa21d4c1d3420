"""Detection: a heatmap learns a Gaussian and is read at its maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import HeatmapRegression
from heatmark.models.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register
class Detection(HeatmapRegression):
    """Heatmap regression read by its maximum: SimpleBaseline (Xiao et al. 2018), Eq. 2 and Eq. 4.

    decoder: `quarter` moves the maximum a quarter pixel towards its higher neighbour (SBL, HRNet); `argmax` does not.
    """

    label: ClassVar[str] = "Detection"
    colour: ClassVar[str] = "#0072B2"
    order: ClassVar[int] = 0
    name: Literal["detection"] = "detection"
    decoder: Literal["argmax", "quarter"] = Field(
        "quarter",
        description="`quarter` moves the maximum a quarter pixel towards its higher neighbour; `argmax` does not.",
    )

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        read = decoding.quarter_offset if self.decoder == "quarter" else decoding.argmax
        return read(heatmap_BKHW)
