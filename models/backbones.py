"""The names of backbones, and what each stands for. Imports no torch, so that a sweep file is checked without it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

FULL_WIDTH = 64
DEPTHS = (18, 34, 50, 101, 152)
_NAME = re.compile(r"sbl-r(?P<depth>\d+)(?:-w(?P<width>\d+))?")


@dataclass(frozen=True)
class BackboneName:
    """SimpleBaseline on a ResNet: `sbl-r50` is the published net, `sbl-r18-w16` a slim one.

    width: channels of the stem, 64 in the published nets; all others grow in proportion (256 deconvolution channels
    become 4 * width).
    """

    depth: int
    width: int = FULL_WIDTH

    def build(self, joints: int) -> nn.Module:
        """The net with random weights: image_B3HW -> heatmap_BKHW at a stride of 4."""
        from heatmark.models.simple_baseline import SimpleBaseline

        return SimpleBaseline(self.depth, joints, self.width)


def parse_backbone(name: str) -> BackboneName:
    """Read a backbone's name. Raises ValueError with the nearest valid name."""
    match = _NAME.fullmatch(name)
    if match and int(match["depth"]) in DEPTHS and (match["width"] is None or int(match["width"]) in range(4, 257, 4)):
        return BackboneName(int(match["depth"]), int(match["width"] or FULL_WIDTH))
    known = [f"sbl-r{depth}" for depth in DEPTHS]
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    raise ValueError(
        f"unknown backbone {name!r}; did you mean {nearest!r}? "
        f"Valid: {', '.join(known)}, each also slim as in sbl-r18-w16 (a width from 4 to 256, divisible by 4)"
    )
