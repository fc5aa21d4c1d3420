"""SimpleBaseline: a ResNet and three deconvolutions (Xiao et al. 2018)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from heatmark.models.backbones.family import Family, register

if TYPE_CHECKING:
    from torch import nn

FULL_WIDTH = 64
DEPTHS = (18, 34, 50, 101, 152)
BOTTLENECK_DEPTHS = (50, 101, 152)
_NAME = re.compile(r"sbl-r(?P<depth>\d+)(?P<caffe>-caffe)?(?:-w(?P<width>\d+))?")


@dataclass(frozen=True)
class SimpleBaselineName:
    """SimpleBaseline on a ResNet: `sbl-r50` is the published net, `sbl-r18-w16` a slim one.

    width: channels of the stem, 64 in the published nets; all others grow in proportion (256 deconvolution channels
    become 4 * width). caffe: `sbl-r50-caffe` has its strides where Caffe's ResNets have them.
    """

    depth: int
    width: int = FULL_WIDTH
    caffe: bool = False

    def build(self, joints: int) -> nn.Module:
        from heatmark.models.simple_baseline import SimpleBaseline

        return SimpleBaseline(self.depth, joints, self.width, caffe_stride=self.caffe)


@register
class SimpleBaselineFamily(Family):
    """`sbl-r50` and its like."""

    name: ClassVar[str] = "sbl"
    published = tuple(f"sbl-r{depth}" for depth in DEPTHS)
    smallest: ClassVar[str] = "sbl-r18-w4"
    others: ClassVar[str] = (
        "slim ones as in sbl-r18-w16 (a width from 4 to 256, divisible by 4); "
        "Caffe's strides as in sbl-r50-caffe (50 layers or more)"
    )
    spellings: ClassVar[dict[str, str]] = {f"resnet{depth}": f"sbl-r{depth}" for depth in DEPTHS}
    order: ClassVar[int] = 0

    def parse(self, name: str) -> SimpleBaselineName | None:
        match = _NAME.fullmatch(name)
        if not match:
            return None
        depth, width, caffe = int(match["depth"]), int(match["width"] or FULL_WIDTH), bool(match["caffe"])
        known = depth in (BOTTLENECK_DEPTHS if caffe else DEPTHS) and width in range(4, 257, 4)
        return SimpleBaselineName(depth, width, caffe) if known else None
