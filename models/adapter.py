"""Any network as a backbone: features at some stride -> heatmaps at a stride of 4."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from heatmark.models.head import HeatmapHead, deconvolutions, start_small

STRIDE = 4


class Adapted(nn.Module):
    """image_B3HW -> heatmap_BKHW at a stride of 4, by SimpleBaseline's deconvolutions behind somebody else's network.

    trunk: image_B3HW -> features_BCHW, or a list of such of which the last counts. joints: K. width: channels of the
    deconvolutions, each of which halves the stride. How many there are is found by a crop of PROBE pixels.
    Raises ValueError for a trunk that gives no maps, or whose stride is none of 4, 8, 16, 32 and 64.
    """

    PROBE = 128

    def __init__(self, trunk: nn.Module, joints: int, width: int = 256) -> None:
        super().__init__()
        self.trunk = trunk
        channels, stride = self._probed()
        times = (stride // STRIDE).bit_length() - 1
        self.deconv_layers = deconvolutions(channels, width, times)
        self.final_layer = HeatmapHead(width if times else channels, joints)
        start_small([*self.deconv_layers, self.final_layer])

    def forward(self, image_B3HW: Tensor) -> Tensor:
        heatmap: Tensor = self.final_layer(self.deconv_layers(self._features(image_B3HW)))
        return heatmap

    def _features(self, image_B3HW: Tensor) -> Tensor:
        found = self.trunk(image_B3HW)
        features: Tensor = found[-1] if isinstance(found, (list, tuple)) else found
        return features

    def _probed(self) -> tuple[int, int]:
        """Channels and stride of the features."""
        training = self.trunk.training
        with torch.no_grad():
            features = self.trunk.eval() and self._features(torch.zeros(1, 3, self.PROBE, self.PROBE))
        self.trunk.train(training)
        if not isinstance(features, Tensor) or features.dim() != 4:
            raise ValueError(f"the trunk gives {_shape(features)}; it must give feature maps of B x C x H x W")
        stride, left = divmod(self.PROBE, features.shape[-1])
        if left or stride not in (4, 8, 16, 32, 64):
            raise ValueError(f"the trunk gives {_shape(features)} of {self.PROBE} pixels; strides are 4, 8, 16, 32, 64")
        return features.shape[1], stride


def _shape(features: object) -> str:
    return " x ".join(map(str, features.shape)) if isinstance(features, Tensor) else type(features).__name__
