"""HRNet: branches of several resolutions side by side (Sun et al. 2019)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from heatmark.models.backbones.family import Family, register

if TYPE_CHECKING:
    from torch import nn

_NAME = re.compile(r"hrnet-w(?P<width>\d+)")


@dataclass(frozen=True)
class HRNetName:
    """HRNet: `hrnet-w32` and `hrnet-w48` are published, `hrnet-w8` is a slim one. width: of the finest branch."""

    width: int

    def build(self, joints: int) -> nn.Module:
        from heatmark.models.hrnet import HRNet

        return HRNet(self.width, joints)


@register
class HRNetFamily(Family):
    """`hrnet-w32` and its like."""

    name: ClassVar[str] = "hrnet"
    published = ("hrnet-w32", "hrnet-w48")
    smallest: ClassVar[str] = "hrnet-w4"
    others: ClassVar[str] = "hrnet-w8 (even, from 4 to 256)"
    order: ClassVar[int] = 1

    def parse(self, name: str) -> HRNetName | None:
        match = _NAME.fullmatch(name)
        return HRNetName(int(match["width"])) if match and int(match["width"]) in range(4, 257, 2) else None
