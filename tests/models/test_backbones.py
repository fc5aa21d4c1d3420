"""Networks against the published parameter counts and state-dict keys."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from heatmark.models.backbones import parse_backbone
from heatmark.models.cost import cost_of, multiply_adds

# Counted on the published nets for 17 (COCO), 16 (MPII) and 21 (hand) joints.
PARAMETERS = {
    "sbl-r50": {17: 33_999_697, 16: 33_999_440, 21: 34_000_725},
    "sbl-r101": {17: 52_991_825, 16: 52_991_568, 21: 52_992_853},
    "sbl-r50-caffe": {17: 33_999_697, 16: 33_999_440, 21: 34_000_725},
    "sbl-r152": {17: 68_635_473, 16: 68_635_216, 21: 68_636_501},
    "hrnet-w32": {17: 28_536_113, 16: 28_536_080, 21: 28_536_245},
    "hrnet-w48": {17: 63_595_745, 16: 63_595_696, 21: 63_595_941},
}


def on_meta(name: str, joints: int) -> nn.Module:
    """The net without memory for its weights."""
    with torch.device("meta"):
        return parse_backbone(name).build(joints)


@pytest.mark.parametrize(("name", "joints"), [(name, joints) for name in PARAMETERS for joints in PARAMETERS[name]])
def test_parameter_counts_are_the_published_ones(name: str, joints: int) -> None:
    assert sum(each.numel() for each in on_meta(name, joints).parameters()) == PARAMETERS[name][joints]


def resnet_keys(blocks: tuple[int, ...], convolutions: int) -> set[str]:
    """torchvision's layout: conv1, bn1, layer1-4 with a projection in the first block where shapes change."""
    layers = {"conv1", "bn1"}
    for stage, count in enumerate(blocks, start=1):
        for block in range(count):
            for number in range(1, convolutions + 1):
                layers |= {f"layer{stage}.{block}.conv{number}", f"layer{stage}.{block}.bn{number}"}
        if stage > 1 or convolutions == 3:
            layers |= {f"layer{stage}.0.downsample.0", f"layer{stage}.0.downsample.1"}
    return layers


@pytest.mark.parametrize(
    ("name", "blocks", "convolutions"),
    [("sbl-r18", (2, 2, 2, 2), 2), ("sbl-r34", (3, 4, 6, 3), 2), ("sbl-r50", (3, 4, 6, 3), 3)],
)
def test_simple_baseline_has_the_published_keys(name: str, blocks: tuple[int, ...], convolutions: int) -> None:
    state = on_meta(name, 17).state_dict()
    heads = {f"deconv_layers.{number}" for number in (0, 1, 3, 4, 6, 7)} | {"final_layer"}
    assert {key.rpartition(".")[0] for key in state} == resnet_keys(blocks, convolutions) | heads
    assert {key for key in state if key.startswith("final_layer")} == {"final_layer.weight", "final_layer.bias"}
    assert {key for key in state if key.startswith("bn1.")} == {
        f"bn1.{part}" for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }
    assert "deconv_layers.0.bias" not in state
    assert state["deconv_layers.3.weight"].shape == (256, 256, 4, 4)
    assert state["final_layer.weight"].shape == (17, 256, 1, 1)


def hrnet_layers() -> set[str]:
    """The published layout of HRNet-W32, layer by layer; a sum passes its own branch on without a layer."""
    layers = {"conv1", "bn1", "conv2", "bn2", "final_layer", "layer1.0.downsample.0", "layer1.0.downsample.1"}
    layers |= {f"layer1.{block}.{kind}{n}" for block in range(4) for kind in ("conv", "bn") for n in (1, 2, 3)}
    layers |= {f"{each}.{n}" for each in ("transition1.0", "transition1.1.0", "transition2.2.0") for n in (0, 1)}
    layers |= {f"transition3.3.0.{n}" for n in (0, 1)}
    for stage, modules in ((2, 1), (3, 4), (4, 3)):
        for module in range(modules):
            here = f"stage{stage}.{module}"
            for branch in range(stage):
                blocks = [f"{here}.branches.{branch}.{block}" for block in range(4)]
                layers |= {f"{block}.{kind}{n}" for block in blocks for kind in ("conv", "bn") for n in (1, 2)}
            for i in range(1 if (stage, module) == (4, 2) else stage):
                for j in range(stage):
                    fuse = f"{here}.fuse_layers.{i}.{j}"
                    layers |= {f"{fuse}.{n}" for n in (0, 1)} if j > i else set()
                    layers |= {f"{fuse}.{step}.{n}" for step in range(i - j) for n in (0, 1)}
    return layers


def test_hrnet_has_the_published_keys() -> None:
    state = on_meta("hrnet-w32", 17).state_dict()
    assert {key.rpartition(".")[0] for key in state} == hrnet_layers()
    assert state["stage4.2.fuse_layers.0.3.0.weight"].shape == (32, 256, 1, 1)
    assert state["stage4.0.fuse_layers.3.0.2.0.weight"].shape == (256, 32, 3, 3)
    assert state["stage4.0.fuse_layers.3.0.1.0.weight"].shape == (32, 32, 3, 3)
    assert state["final_layer.bias"].shape == (17,)


@pytest.mark.parametrize(
    ("name", "gmac", "gflops"),
    [
        ("sbl-r50", (5.426, 12.209), (8.99, 20.23)),
        ("sbl-r101", (9.063, 20.391), (12.38, 27.85)),
        ("sbl-r152", (12.699, 28.573), (15.76, 35.47)),
        ("hrnet-w32", (7.645, 17.201), (7.12, 16.02)),
        ("hrnet-w48", (15.692, 35.307), (14.61, 32.88)),
    ],
)
def test_costs_are_the_true_ones_and_the_printed_ones(name: str, gmac: Any, gflops: Any) -> None:
    """At 256x192 and 384x288. Papers print 8.9, 15.7, 35.3, 7.1, 14.6 and 32.9."""
    net = on_meta(name, 17)
    for size, true, printed in zip([(192, 256), (288, 384)], gmac, gflops, strict=True):
        found, counted = multiply_adds(net, size)
        assert (found / 1e9, counted / 1024**3) == pytest.approx((true, printed), rel=1e-3)


def test_the_cost_of_a_net_by_its_name() -> None:
    cost = cost_of("sbl-r50", 17, (192, 256))
    assert cost.parameters == 33_999_697
    assert (cost.gmac, cost.paper_gflops) == pytest.approx((5.426, 8.99), rel=1e-3)


@pytest.mark.parametrize("name", ["sbl-r18-w8", "sbl-r50-caffe-w8", "hrnet-w8"])
def test_a_slim_net_maps_an_image_to_heatmaps_at_a_stride_of_four_near_zero(name: str) -> None:
    torch.manual_seed(0)
    heatmap = parse_backbone(name).build(5)(torch.randn(2, 3, 64, 96))
    assert heatmap.shape == (2, 5, 16, 24)
    assert heatmap.dtype == torch.float32
    assert heatmap.abs().max() < 0.1


@pytest.mark.parametrize("name", ["sbl-r18-w8", "hrnet-w8"])
def test_the_last_convolution_stays_in_full_precision_under_autocast(name: str) -> None:
    net = parse_backbone(name).build(5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net(torch.randn(1, 3, 64, 64)).dtype == torch.float32


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("sbl-r51", "sbl-r50"),
        ("sbl-r18-w7", "sbl-r18"),
        ("resnet50", "sbl-r50"),
        ("sbl-r18-w260", "sbl-r18"),
        ("", ""),
        ("sbl-r18-caffe", "sbl-r18"),
        ("hrnet-w33", "hrnet-w32"),
        ("hrnet_w48", "hrnet-w48"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_valid_one(wrong: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"unknown backbone '{wrong}'; did you mean '{nearest}"):
        parse_backbone(wrong)
