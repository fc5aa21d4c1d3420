"""The names of backbones, and what each stands for. Imports no torch, so that a sweep file is checked without it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import nn

FULL_WIDTH = 64
DEPTHS = (18, 34, 50, 101, 152)
BOTTLENECK_DEPTHS = (50, 101, 152)
# What was published, and what `heatmark models` lists.
PUBLISHED = (*(f"sbl-r{depth}" for depth in DEPTHS), "hrnet-w32", "hrnet-w48")
# What people write, and which net they mean.
_SPELLINGS = {name: name for name in PUBLISHED} | {f"resnet{depth}": f"sbl-r{depth}" for depth in DEPTHS}
_SIMPLE_BASELINE = re.compile(r"sbl-r(?P<depth>\d+)(?P<caffe>-caffe)?(?:-w(?P<width>\d+))?")
_HRNET = re.compile(r"hrnet-w(?P<width>\d+)")


class BackboneName(Protocol):
    """A parsed name."""

    def build(self, joints: int) -> nn.Module:
        """The net with random weights: image_B3HW -> heatmap_BKHW at a stride of 4."""


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


@dataclass(frozen=True)
class HRNetName:
    """HRNet: `hrnet-w32` and `hrnet-w48` are published, `hrnet-w8` is a slim one. width: of the finest branch."""

    width: int

    def build(self, joints: int) -> nn.Module:
        from heatmark.models.hrnet import HRNet

        return HRNet(self.width, joints)


def parse_backbone(name: str) -> BackboneName:
    """Read a backbone's name. Raises ValueError with the nearest valid name."""
    found = _simple_baseline(name) or _hrnet(name)
    if found:
        return found
    nearest = _SPELLINGS[difflib.get_close_matches(name, _SPELLINGS, n=1, cutoff=0.0)[0]]
    raise ValueError(
        f"unknown backbone {name!r}; did you mean {nearest!r}? Valid: {', '.join(PUBLISHED)}; "
        f"slim ones as in sbl-r18-w16 (a width from 4 to 256, divisible by 4) and hrnet-w8 (even, from 4 to 256); "
        f"Caffe's strides as in sbl-r50-caffe (50 layers or more)"
    )


def _simple_baseline(name: str) -> SimpleBaselineName | None:
    match = _SIMPLE_BASELINE.fullmatch(name)
    if not match:
        return None
    depth, width, caffe = int(match["depth"]), int(match["width"] or FULL_WIDTH), bool(match["caffe"])
    known = depth in (BOTTLENECK_DEPTHS if caffe else DEPTHS) and width in range(4, 257, 4)
    return SimpleBaselineName(depth, width, caffe) if known else None


def _hrnet(name: str) -> HRNetName | None:
    match = _HRNET.fullmatch(name)
    return HRNetName(int(match["width"])) if match and int(match["width"]) in range(4, 257, 2) else None
