"""ResNet trunks (He et al. 2016) with torchvision's state-dict keys, so that ImageNet weights load by name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Sequential | None:
    """The projection of the residual path, or None where the shapes agree already."""
    if stride == 1 and channels_in == channels_out:
        return None
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions (ResNet-18 and 34)."""

    expansion = 1

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(channels_in, channels, stride)

    def forward(self, features: Tensor) -> Tensor:
        residual: Tensor = features if self.downsample is None else self.downsample(features)
        features = self.relu(self.bn1(self.conv1(features)))
        return torch.relu_(self.bn2(self.conv2(features)) + residual)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions (ResNet-50, 101 and 152).

    The 3x3 one has the stride, as in torchvision; with caffe_stride the first one, as in the original Caffe nets.
    """

    expansion = 4

    def __init__(self, channels_in: int, channels: int, stride: int, *, caffe_stride: bool = False) -> None:
        super().__init__()
        first, second = (stride, 1) if caffe_stride else (1, stride)
        self.conv1 = nn.Conv2d(channels_in, channels, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, second, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(channels_in, channels * self.expansion, stride)

    def forward(self, features: Tensor) -> Tensor:
        residual: Tensor = features if self.downsample is None else self.downsample(features)
        features = self.relu(self.bn1(self.conv1(features)))
        features = self.relu(self.bn2(self.conv2(features)))
        return torch.relu_(self.bn3(self.conv3(features)) + residual)


class ResNet(nn.Module):
    """A ResNet without its pooling and classifier: image_B3HW -> features at a stride of 32.

    caffe_stride: where the blocks of ResNet-50 and deeper have their stride; weights of one style do not fit the other,
    although their keys and shapes are the same. From scratch convolutions start as torchvision's (He et al. 2015), and
    not from N(0, 0.001) as in HRNet's copy of SimpleBaseline (docs/deviations.md).
    """

    def __init__(self, depth: int, width: int = 64, *, caffe_stride: bool = False) -> None:
        super().__init__()
        expansion = BasicBlock.expansion if depth < 50 else Bottleneck.expansion

        def block(channels_in: int, channels: int, stride: int) -> nn.Module:
            if depth < 50:
                return BasicBlock(channels_in, channels, stride)
            return Bottleneck(channels_in, channels, stride, caffe_stride=caffe_stride)

        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for stage, blocks in enumerate(BLOCKS[depth]):
            wide = width * 2**stage
            layers: list[nn.Module] = []
            for index in range(blocks):
                layers.append(block(channels, wide, 2 if stage > 0 and index == 0 else 1))
                channels = wide * expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.channels = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(self, image_B3HW: Tensor) -> Tensor:
        """Channels grow to `channels`, sides shrink by 32."""
        features: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(image_B3HW))))
        for stage in range(1, 5):
            features = getattr(self, f"layer{stage}")(features)
        return features
