"""The last layer of every network here."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class HeatmapHead(nn.Conv2d):
    """features -> heatmap_BKHW by a 1x1 convolution in fp32, whatever autocast says.

    Half precision is too coarse for a heatmap that is read to a hundredth of a pixel.
    """

    def __init__(self, channels: int, joints: int) -> None:
        super().__init__(channels, joints, 1)

    def forward(self, features: Tensor) -> Tensor:
        if features.is_meta:
            # Shapes only, to count operations; autocast does not know this device.
            return super().forward(features)
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.float())
