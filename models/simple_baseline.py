"""SimpleBaseline (Xiao et al. 2018): a ResNet and three deconvolutions, with the published state-dict keys."""

from __future__ import annotations

from torch import Tensor

from heatmark.models.head import HeatmapHead, deconvolutions, start_small
from heatmark.models.resnet import ResNet


class SimpleBaseline(ResNet):
    """image_B3HW -> heatmap_BKHW at a stride of 4.

    depth: of the ResNet. joints: K. width: channels of the stem, 64 in the published nets. Deconvolutions and the
    final convolution start from N(0, 0.001), so that the first heatmaps are close to 0. caffe_stride: as in ResNet.
    """

    def __init__(self, depth: int, joints: int, width: int = 64, *, caffe_stride: bool = False) -> None:
        super().__init__(depth, width, caffe_stride=caffe_stride)
        self.deconv_layers = deconvolutions(self.channels, 4 * width, 3)
        self.final_layer = HeatmapHead(4 * width, joints)
        start_small([*self.deconv_layers, self.final_layer])

    def forward(self, image_B3HW: Tensor) -> Tensor:
        heatmap: Tensor = self.final_layer(self.deconv_layers(self.features(image_B3HW)))
        return heatmap
