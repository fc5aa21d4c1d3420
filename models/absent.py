"""In the place of a method or a backbone whose plug-in is not there: it can be named, listed and shown, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, create_model

from heatmark.foundation.errors import InputError
from heatmark.foundation.registry import LAST
from heatmark.models.backbones.family import FAMILIES, BackboneName, Family
from heatmark.models.method import Method
from heatmark.models.methods.registry import METHODS

if TYPE_CHECKING:
    from torch import Tensor, nn


class AbsentMethod(Method):
    """Of any fields. reason: why the method itself is not there."""

    model_config = ConfigDict(extra="allow")
    reason: ClassVar[str]

    def learned(self) -> nn.Module | None:
        """Asked of every net that is built: raises InputError."""
        raise InputError(self.reason)

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        """Raises InputError."""
        raise InputError(self.reason)

    def density(self, heatmap_BKHW: Tensor) -> Tensor:
        """Raises InputError."""
        raise InputError(self.reason)


def stand_in_for_method(name: str, label: str, reason: str) -> None:
    """From now on the name is a method's, until its plug-in is read."""
    parts: dict[str, Any] = {"name": (Literal[name], name)}
    kind = create_model(f"Absent {name}", __base__=AbsentMethod, **parts)
    kind.label, kind.reason = label or name, reason
    METHODS.add(name, kind)


class _AbsentName:
    def __init__(self, reason: str) -> None:
        self.reason = reason

    def build(self, joints: int) -> nn.Module:
        raise InputError(self.reason)


class AbsentFamily(Family):
    """The one net of a name."""

    smallest = ""

    def __init__(self, net: str, reason: str) -> None:
        self.net, self.reason = net, reason

    def parse(self, name: str) -> BackboneName | None:
        return _AbsentName(self.reason) if name == self.net else None


def stand_in_for_backbone(net: str, reason: str) -> None:
    """From now on the name is a backbone's."""
    FAMILIES.add(f"absent {net}", AbsentFamily(net, reason), LAST + 1)
