"""What holds for every family of backbones there is, whoever wrote it."""

from __future__ import annotations

import pytest
import torch

from heatmark.models.backbones import FAMILIES, family_of, parse_backbone, published
from heatmark.models.cost import cost_of

every_family = pytest.mark.parametrize("name", FAMILIES)


@every_family
def test_names_are_read_by_their_own_family_alone(name: str) -> None:
    family = FAMILIES[name]
    for net in (*family.published, family.smallest):
        assert net.startswith(f"{name}-") and family_of(net) == name
        assert [each.name for each in FAMILIES.values() if each.parse(net) is not None] == [name]
    assert family.parse("") is None and family.parse(f"{name}-nonsense") is None
    assert all(parse_backbone(meant) for meant in family.spellings.values())


@every_family
def test_the_smallest_net_gives_maps_at_a_stride_of_four_and_all_of_it_learns(name: str) -> None:
    torch.manual_seed(0)
    net = parse_backbone(FAMILIES[name].smallest).build(5)
    image_B3HW = torch.randn(2, 3, 64, 96)
    heatmap_BKHW = net(image_B3HW)
    assert heatmap_BKHW.shape == (2, 5, 16, 24) and heatmap_BKHW.dtype == torch.float32
    heatmap_BKHW.square().sum().backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in net.parameters())
    assert not hasattr(net, "learned"), "the name of what a method's loss learns"


@every_family
def test_the_smallest_net_has_a_cost(name: str) -> None:
    cost = cost_of(FAMILIES[name].smallest, 5, (64, 96))
    built = parse_backbone(FAMILIES[name].smallest).build(5)
    assert cost.parameters == sum(each.numel() for each in built.parameters())
    assert cost.gmac > 0 and cost.paper_gflops > 0


def test_no_net_is_listed_twice() -> None:
    assert len(set(published())) == len(published())
