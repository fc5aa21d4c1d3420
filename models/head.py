"""The last layers of every network here."""

from __future__ import annotations

from collections.abc import Iterable

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


def deconvolutions(channels: int, width: int, times: int) -> nn.Sequential:
    """SimpleBaseline's: each doubles the sides of the features, with `width` channels behind it."""
    layers: list[nn.Module] = []
    for _ in range(times):
        layers += [nn.ConvTranspose2d(channels, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width)]
        layers.append(nn.ReLU(inplace=True))
        channels = width
    return nn.Sequential(*layers)


def start_small(modules: Iterable[nn.Module]) -> None:
    """Convolutions of either kind from N(0, 0.001), without an offset, so that the first heatmaps are close to 0."""
    for module in modules:
        if isinstance(module, (nn.ConvTranspose2d, nn.Conv2d)):
            nn.init.normal_(module.weight, std=0.001)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
