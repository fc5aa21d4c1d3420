"""Networks against the published parameter counts and state-dict keys."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from heatmark.models.backbones import parse_backbone

# Counted on the published nets for 17 (COCO), 16 (MPII) and 21 (hand) joints.
PARAMETERS = {
    "sbl-r50": {17: 33_999_697, 16: 33_999_440, 21: 34_000_725},
    "sbl-r101": {17: 52_991_825, 16: 52_991_568, 21: 52_992_853},
    "sbl-r152": {17: 68_635_473, 16: 68_635_216, 21: 68_636_501},
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


def test_a_slim_net_maps_an_image_to_heatmaps_at_a_stride_of_four_near_zero() -> None:
    heatmap = parse_backbone("sbl-r18-w8").build(5)(torch.randn(2, 3, 64, 96))
    assert heatmap.shape == (2, 5, 16, 24)
    assert heatmap.dtype == torch.float32
    assert heatmap.abs().max() < 0.1


def test_the_last_convolution_stays_in_full_precision_under_autocast() -> None:
    net = parse_backbone("sbl-r18-w8").build(5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net(torch.randn(1, 3, 64, 64)).dtype == torch.float32


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("sbl-r51", "sbl-r50"), ("sbl-r18-w7", "sbl-r18"), ("resnet50", "sbl-r50"), ("sbl-r18-w260", "sbl-r18"), ("", "")],
)
def test_an_unknown_name_is_refused_with_the_nearest_valid_one(wrong: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"unknown backbone '{wrong}'; did you mean '{nearest}"):
        parse_backbone(wrong)
