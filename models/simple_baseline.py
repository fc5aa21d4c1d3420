"""SimpleBaseline (Xiao et al. 2018): a ResNet and three deconvolutions, with the published state-dict keys."""

from __future__ import annotations

from torch import Tensor, nn

from heatmark.models.head import HeatmapHead
from heatmark.models.resnet import ResNet


class SimpleBaseline(ResNet):
    """image_B3HW -> heatmap_BKHW at a stride of 4.

    depth: of the ResNet. joints: K. width: channels of the stem, 64 in the published nets. Deconvolutions and the
    final convolution start from N(0, 0.001), so that the first heatmaps are close to 0. caffe_stride: as in ResNet.
    """

    def __init__(self, depth: int, joints: int, width: int = 64, *, caffe_stride: bool = False) -> None:
        super().__init__(depth, width, caffe_stride=caffe_stride)
        channels = self.channels
        layers: list[nn.Module] = []
        for _ in range(3):
            layers += [nn.ConvTranspose2d(channels, 4 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(4 * width)]
            layers.append(nn.ReLU(inplace=True))
            channels = 4 * width
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = HeatmapHead(channels, joints)
        for module in [*self.deconv_layers, self.final_layer]:
            if isinstance(module, (nn.ConvTranspose2d, nn.Conv2d)):
                nn.init.normal_(module.weight, std=0.001)
        nn.init.zeros_(self.final_layer.bias)  # type: ignore[arg-type]

    def forward(self, image_B3HW: Tensor) -> Tensor:
        heatmap: Tensor = self.final_layer(self.deconv_layers(self.features(image_B3HW)))
        return heatmap
