"""The last layer of every network here."""

from __future__ import annotations

from torch import Tensor, nn

from heatmark.models.precision import full_precision


class HeatmapHead(nn.Conv2d):
    """features -> heatmap_BKHW by a 1x1 convolution in fp32, whatever autocast says.

    Half precision is too coarse for a heatmap that is read to a hundredth of a pixel.
    """

    def __init__(self, channels: int, joints: int) -> None:
        super().__init__(channels, joints, 1)

    def forward(self, features: Tensor) -> Tensor:
        with full_precision(features.device):
            return super().forward(features.float())
