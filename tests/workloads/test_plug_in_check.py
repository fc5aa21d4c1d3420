"""What is asked of a method or backbone of somebody else's holds of all that are built in, and each fault is told."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import Tensor, nn

from heatmark.foundation.errors import InputError
from heatmark.models.adapter import Adapted
from heatmark.models.backbones import FAMILIES, Family
from heatmark.models.method import Method, SoftmaxRegression
from heatmark.models.methods import METHODS
from heatmark.workloads.plug_in_check import check_backbone, check_method


@pytest.mark.parametrize("name", METHODS)
def test_a_method_of_heatmarks_own_passes(name: str) -> None:
    state = torch.get_rng_state()
    check_method(METHODS[name]().resolved(10))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_backbone_of_heatmarks_own_passes(family: str) -> None:
    check_backbone(FAMILIES[family].smallest, (64, 96))


class Sound(SoftmaxRegression):
    """Right, until a part of it is replaced."""

    label: ClassVar[str] = "Sound"
    name: Literal["sound"] = "sound"

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        return {"l": (self.decode(heatmap_BKHW) - joints_BK2).abs().mean()}


class Flat(Sound):
    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        return super().decode(heatmap_BKHW).flatten(1)


class PerJoint(Sound):
    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        return {"l": (self.decode(heatmap_BKHW) - joints_BK2).abs().mean(-1)}


class Bare(Sound):
    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> Any:
        return (self.decode(heatmap_BKHW) - joints_BK2).abs().mean()


class Detached(Sound):
    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        return {"l": (self.decode(heatmap_BKHW).detach() - joints_BK2).abs().mean()}


class Rooted(Sound):
    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        return {"l": (heatmap_BKHW - heatmap_BKHW.detach()).abs().sqrt().sum()}


class Miscounted(Sound):
    def counts(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Any, epoch: int) -> dict[str, Tensor]:
        return {"other": labelled_BK.sum()}


class Failing(Sound):
    def density(self, heatmap_BKHW: Tensor) -> Tensor:
        raise RuntimeError("no weights today")


class Without(Method):
    label: ClassVar[str] = "Without"
    name: Literal["without"] = "without"


@pytest.mark.parametrize(
    ("kind", "part", "words"),
    [
        (Flat, "decode", r"gives a tensor of 2 x 6; expected a tensor of 2 x 3 x 2: joints_BK2, \(x, y\) in heatmap"),
        (PerJoint, "losses", "l is a tensor of 2 x 3; expected a scalar"),
        (Bare, "losses", "returns a tensor of one number; expected the terms by name"),
        (Detached, "losses", "no gradient arrives at the heatmaps"),
        (Rooted, "losses", "its gradient is not finite everywhere"),
        (Miscounted, "counts", "names other, which `losses` does not; it has l"),
        (Failing, "density", "RuntimeError: no weights today"),
        (Without, "decode", "is missing; every method has one"),
    ],
)
def test_a_methods_fault_is_told_with_file_and_line(kind: type[Method], part: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as told:
        check_method(kind())
    line = inspect.getsourcelines(vars(kind).get(part, kind))[1]
    assert str(told.value).startswith(f"{__file__}:{line}: {kind.__name__}.{part} ")


@dataclass(frozen=True)
class Strided:
    stride: int

    def build(self, joints: int) -> nn.Module:
        return nn.Conv2d(3, joints, 1, self.stride)


class Coarse(Family):
    name = "coarse"
    smallest = "coarse"

    def parse(self, name: str) -> Strided | None:
        return Strided(8) if name == self.name else None


def test_a_backbone_of_another_stride_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**FAMILIES, "coarse": Coarse()}
    for module in ("heatmark.models.backbones.family", "heatmark.workloads.plug_in_check"):
        monkeypatch.setattr(f"{module}.FAMILIES", known)
    with pytest.raises(InputError, match=r"gives a tensor of 1 x 3 x 12 x 8; expected a tensor of 1 x 3 x 24 x 16"):
        check_backbone("coarse", (64, 96))


@pytest.mark.parametrize("stride", [4, 8, 32])
def test_any_network_is_a_backbone_by_the_adapter(stride: int) -> None:
    net = Adapted(nn.Conv2d(3, 6, stride, stride), 5, width=8)
    heatmap_BKHW = net(torch.rand(2, 3, 64, 128))
    assert heatmap_BKHW.shape == (2, 5, 16, 32) and net.trunk.training
    heatmap_BKHW.sum().backward()
    assert all(each.grad is not None for each in net.parameters())


def test_features_of_several_stages_are_those_of_the_last() -> None:
    class Stages(nn.Module):
        def forward(self, image_B3HW: Tensor) -> list[Tensor]:
            return [image_B3HW, image_B3HW[..., ::16, ::16]]

    assert Adapted(Stages(), 5, width=8)(torch.rand(1, 3, 64, 64)).shape == (1, 5, 16, 16)


@pytest.mark.parametrize(
    ("trunk", "words"),
    [(nn.Flatten(), "1 x 49152; it must give feature maps"), (nn.Conv2d(3, 6, 3, 3), "strides are 4, 8, 16, 32, 64")],
)
def test_a_trunk_without_maps_or_with_a_strange_stride_is_told(trunk: nn.Module, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Adapted(trunk, 5)
