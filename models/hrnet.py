"""HRNet for pose (Sun et al. 2019), with the published state-dict keys.

Branch b holds width * 2**b channels at a stride of 4 * 2**b. A stage adds a branch; the modules of a stage run the
branches side by side and exchange their features; the heatmaps are read from the finest branch.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from heatmark.models.head import HeatmapHead
from heatmark.models.resnet import BasicBlock, Bottleneck

MODULES_PER_STAGE = {2: 1, 3: 4, 4: 3}
BLOCKS_PER_BRANCH = 4


def convolution(channels_in: int, channels_out: int, stride: int, *, activated: bool = True) -> nn.Sequential:
    """A 3x3 convolution, batch norm and, where asked for, ReLU."""
    layers = [nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False), nn.BatchNorm2d(channels_out)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if activated else []))


def exchange(source: int, target: int, channels: list[int]) -> nn.Sequential:
    """Features of one branch at the resolution and with the channels of another."""
    if source > target:
        return nn.Sequential(
            nn.Conv2d(channels[source], channels[target], 1, bias=False),
            nn.BatchNorm2d(channels[target]),
            nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"),
        )
    steps = [convolution(channels[source], channels[source], 2) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, convolution(channels[source], channels[target], 2, activated=False))


class Exchange(nn.Module):
    """Branches of residual blocks, and the sums of all branches at the resolutions that are wanted.

    outputs: how many branches, from the finest, are summed and handed on.
    """

    def __init__(self, channels: list[int], outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width, width, 1) for _ in range(BLOCKS_PER_BRANCH))) for width in channels
        )
        # A dict, because a branch passes its own features on as they are: the published keys skip that index.
        self.fuse_layers = nn.ModuleList(
            nn.ModuleDict({str(j): exchange(j, i, channels) for j in range(len(channels)) if j != i})
            for i in range(outputs)
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        features = [branch(each) for branch, each in zip(self.branches, features, strict=True)]
        fused = []
        for i, layers in enumerate(self.fuse_layers):
            assert isinstance(layers, nn.ModuleDict)
            parts = [each if i == j else layers[str(j)](each) for j, each in enumerate(features)]
            fused.append(torch.relu(reduce(torch.add, parts)))
        return fused


class HRNet(nn.Module):
    """image_B3HW -> heatmap_BKHW at a stride of 4.

    width: channels of the finest branch, 32 or 48 in the published nets. joints: K. The stem has 64 channels as
    published, and fewer for widths below 16, so that a slim net is slim from its first layer.
    """

    def __init__(self, width: int, joints: int) -> None:
        super().__init__()
        stem = min(64, 4 * width)
        self.conv1 = nn.Conv2d(3, stem, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.conv2 = nn.Conv2d(stem, stem, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(*(Bottleneck(stem if i == 0 else 4 * stem, stem, 1) for i in range(4)))
        channels = [4 * stem]
        for stage, modules in MODULES_PER_STAGE.items():
            wide = [width * 2**branch for branch in range(stage)]
            setattr(self, f"transition{stage - 1}", transition(channels, wide))
            last = [1 if stage == 4 and index == modules - 1 else stage for index in range(modules)]
            setattr(self, f"stage{stage}", nn.Sequential(*(Exchange(wide, outputs) for outputs in last)))
            channels = wide
        self.final_layer = HeatmapHead(width, joints)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.001)
        nn.init.zeros_(self.final_layer.bias)  # type: ignore[arg-type]

    def forward(self, image_B3HW: Tensor) -> Tensor:
        stem = self.relu(self.bn1(self.conv1(image_B3HW)))
        stem = self.relu(self.bn2(self.conv2(stem)))
        features: list[Tensor] = [self.layer1(stem)]
        for stage in MODULES_PER_STAGE:
            features = getattr(self, f"stage{stage}")(self._widened(features, stage))
        heatmap: Tensor = self.final_layer(features[0])
        return heatmap

    def _widened(self, features: list[Tensor], stage: int) -> list[Tensor]:
        """A stage's input: a branch with a transition of its own is made from the coarsest branch there is."""
        layers: nn.ModuleDict = getattr(self, f"transition{stage - 1}")
        return [
            layers[str(branch)](features[-1]) if str(branch) in layers else features[branch] for branch in range(stage)
        ]


def transition(before: list[int], after: list[int]) -> nn.ModuleDict:
    """What makes the branches of the next stage where they are new or change their channels."""
    layers: dict[str, nn.Module] = {}
    for branch, channels in enumerate(after):
        if branch >= len(before):
            layers[str(branch)] = nn.Sequential(convolution(before[-1], channels, 2))
        elif before[branch] != channels:
            layers[str(branch)] = convolution(before[branch], channels, 1)
    return nn.ModuleDict(layers)
