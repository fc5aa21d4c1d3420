"""What a family of backbones is, and the families by name. Imports no torch: a sweep file is checked without it."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Protocol, TypeVar

from pydantic import AfterValidator

from heatmark.foundation.known_names import KnownNames
from heatmark.foundation.registry import LAST, Registry

if TYPE_CHECKING:
    from torch import nn


class BackboneName(Protocol):
    """A parsed name."""

    def build(self, joints: int) -> nn.Module:
        """The net with random weights: image_B3HW -> heatmap_BKHW at a stride of 4."""


class Family(ABC):
    """Nets of one design.

    name: what the names of its nets begin with, before a hyphen. published: names of the nets that papers have, which
    `heatmark models` lists. smallest: a net that a test trains in no time. others: which names there are besides, in
    words. spellings: what people write instead, and which net they mean. order: families are listed in ascending order.
    """

    name: ClassVar[str]
    published: ClassVar[tuple[str, ...]] = ()
    smallest: ClassVar[str]
    others: ClassVar[str] = ""
    spellings: ClassVar[Mapping[str, str]] = {}
    order: ClassVar[int] = LAST

    @abstractmethod
    def parse(self, name: str) -> BackboneName | None:
        """None where it is no name of a net of this family."""


FamilyT = TypeVar("FamilyT", bound=Family)
FAMILIES: Registry[Family] = Registry("family of backbones", "heatmark.models.backbones", "heatmark.backbones")


def register(kind: type[FamilyT]) -> type[FamilyT]:
    """Decorator of a family's class: its nets are in the grid from then on. Raises TypeError for one without a name."""
    for need in ("name", "smallest"):
        if not getattr(kind, need, ""):
            raise TypeError(f'{kind.__qualname__} has no {need}; write `{need} = "..."` into the class')
    FAMILIES.add(kind.name, kind(), kind.order)
    return kind


def published() -> tuple[str, ...]:
    """The names of the nets that papers have, family by family."""
    return tuple(name for family in FAMILIES.values() for name in family.published)


def parse_backbone(name: str) -> BackboneName:
    """Read a backbone's name. Raises ValueError with the nearest valid name."""
    found = next((found for family in FAMILIES.values() if (found := family.parse(name)) is not None), None)
    if found is not None:
        return found
    meant: dict[str, str] = {}
    for family in FAMILIES.values():
        meant |= {each: each for each in family.published or (family.smallest,)} | dict(family.spellings)
    nearest = meant[difflib.get_close_matches(name, meant, n=1, cutoff=0.0)[0]]
    others = "; ".join(family.others for family in FAMILIES.values() if family.others)
    raise ValueError(f"unknown backbone {name!r}; did you mean {nearest!r}? Valid: {', '.join(published())}; {others}")


def family_of(name: str) -> str | None:
    """The name of the family that a net's name is of; None where it is of none."""
    return next((family.name for family in FAMILIES.values() if family.parse(name) is not None), None)


def _known(name: str) -> str:
    parse_backbone(name)
    return name


# A backbone's name as a field of pydantic's.
BACKBONE_NAMES = KnownNames(published, lambda: (f"{name}-" for name in FAMILIES))
KnownBackbone = Annotated[str, AfterValidator(_known), BACKBONE_NAMES]
