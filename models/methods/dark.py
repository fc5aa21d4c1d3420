"""DARK, beyond the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import HeatmapRegression
from heatmark.models.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register
class DarkDetection(HeatmapRegression):
    """Detection drawn at the exact joint and refined on the map's logarithm (DARK, Zhang et al. 2020).

    kernel: side of the smoothing Gaussian in heatmap pixels, 11 for sigma 2 and 17 for sigma 3, as published.
    """

    label: ClassVar[str] = "DARK"
    colour: ClassVar[str] = "#4B2E83"
    order: ClassVar[int] = 6
    name: Literal["dark"] = "dark"
    target_center: Literal["rounded", "exact"] = Field(
        "exact",
        description="`rounded` draws the Gaussian at the nearest pixel as SBL and HRNet do; `exact` at the joint.",
    )
    kernel: Literal[11, 17] = Field(
        11, description="Side of the smoothing Gaussian in heatmap pixels: 11 for sigma 2, 17 for sigma 3."
    )

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding_refined

        return decoding_refined.dark(heatmap_BKHW, self.kernel)
