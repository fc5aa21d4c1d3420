"""Depth from latent depth maps: values worked out by hand, for every method, and gradients that stay finite."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from heatmark.models.depth import depth_at_peak, depth_error, expected_depth
from heatmark.models.maps import Maps, split_maps
from heatmark.models.methods import METHODS

JOINTS = torch.tensor([[[3.0, 2.0], [5.4, 1.2]]])


def method_of(name: str, **fields: Any) -> Any:
    return METHODS[name](**fields).resolved(10)


def test_depth_is_the_mean_under_the_weights() -> None:
    density = torch.tensor([[[[0.5, 0.25], [0.25, 0.0]]]])
    depth = torch.tensor([[[[1.0, -2.0], [4.0, 100.0]]]])
    assert expected_depth(density, depth).item() == 0.5 - 0.5 + 1.0


def test_each_method_weighs_as_it_reads() -> None:
    heatmap = torch.tensor([[[[0.0, math.log(3) / 2], [math.log(2) / 2, 0.0]]]])
    depth = torch.tensor([[[[1.0, -2.0], [4.0, 10.0]]]])
    # softmax(2 h) has weights 1, 3, 2, 1 over 7; exp(2 h) - 1 has 0, 2, 1, 0 over 3.
    ipr, bcir = method_of("ipr", beta=2.0), method_of("bcir", beta=2.0, guard=1e-9)
    assert ipr.read_depth(heatmap, depth).item() == pytest.approx((1 - 6 + 8 + 10) / 7)
    assert bcir.read_depth(heatmap, depth).item() == pytest.approx((-4 + 4) / 3, abs=1e-6)
    assert method_of("detection").read_depth(heatmap, depth).item() == -2.0


def test_a_map_without_a_peak_is_read_at_its_first_pixel_as_its_joint_is() -> None:
    depth = torch.arange(6.0).view(1, 1, 2, 3)
    assert depth_at_peak(torch.zeros(1, 1, 2, 3), depth).item() == 0
    assert depth_at_peak(torch.eye(3)[None, None, 1:], depth).item() == 1


@pytest.mark.parametrize("name", METHODS)
def test_a_flat_depth_map_has_its_depth_whatever_the_heatmap(name: str) -> None:
    torch.manual_seed(0)
    heatmap, depth = torch.randn(1, 2, 16, 12).double(), torch.full((1, 2, 16, 12), -1.25).double()
    true, labelled = torch.full((1, 2), -1.25).double(), torch.ones(1, 2).double()
    method = method_of(name)
    torch.testing.assert_close(method.read_depth(heatmap, depth), true)
    assert method.depth_loss(heatmap, depth, JOINTS.double(), true, labelled).item() == pytest.approx(0, abs=1e-9)


def test_only_labelled_joints_inside_the_map_count() -> None:
    found, true = torch.tensor([[1.0, 5.0, 9.0]]), torch.tensor([[1.5, 0.0, 0.0]])
    joints = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [8.0, 0.0]]])
    assert depth_error(found, true, joints, torch.tensor([[1.0, 0.0, 1.0]]), (4, 4)).item() == 0.5
    assert depth_error(found, true, joints, torch.zeros(1, 3), (4, 4)).item() == 0


def test_a_bone_of_depth_costs_what_a_bone_across_the_view_does() -> None:
    """0.45 of the side of the crop is a bone; the error here is one bone."""
    heatmap, depth, labelled = torch.zeros(1, 2, 64, 64), torch.zeros(1, 2, 64, 64), torch.ones(1, 2)
    for name, fields, cost in (
        ("ipr", {}, 0.45 * 64),
        ("ipr", {"l_re_units": "input_px"}, 0.45 * 256),
        ("ipr", {"l_re_units": "normalised"}, 0.45),
        ("dsnt", {}, 0.9),
        ("bcir", {}, 0.45 * 64),
    ):
        loss = method_of(name, **fields).depth_loss(heatmap, depth, JOINTS, torch.ones(1, 2), labelled)
        assert loss.item() == pytest.approx(cost), (name, fields)


def test_the_depth_map_of_detection_learns_under_the_gaussian() -> None:
    """sigma 0.3 reaches its own pixel alone, where the Gaussian is 1: one pixel of each map counts."""
    heatmap, depth = torch.zeros(1, 2, 4, 8), torch.full((1, 2, 4, 8), 50.0)
    joints, true = torch.tensor([[[3.0, 2.0], [6.0, 1.0]]]), torch.tensor([[0.5, -1.0]])
    depth[0, 0, 2, 3], depth[0, 1, 1, 6] = 0.75, -3.0
    for reduction, expected in (("sum_pixels", (0.25 + 2) / 2), ("half_mean", 0.5 * (0.25 + 2) / 64)):
        method = method_of("detection", sigma=0.3, l_de_reduction=reduction)
        assert method.depth_loss(heatmap, depth, joints, true, torch.ones(1, 2)).item() == pytest.approx(expected)
        alone = method.depth_loss(heatmap, depth, joints, true, torch.tensor([[1.0, 0.0]])).item()
        assert alone == pytest.approx(0.25 if reduction == "sum_pixels" else 0.5 * 0.25 / 64)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 1e3])
def test_gradients_are_finite_for_untrained_and_for_wild_maps(name: str, scale: float) -> None:
    torch.manual_seed(1)
    maps = (scale * torch.randn(2, 4, 16, 12)).requires_grad_()
    heatmap, _, depth, _ = split_maps(maps, 2)
    assert depth is not None
    joints, true, labelled = JOINTS.expand(2, 2, 2), torch.randn(2, 2), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    method_of(name).depth_loss(heatmap, depth, joints, true, labelled).backward()
    assert maps.grad is not None and maps.grad.isfinite().all() and maps.grad[:, 2:].abs().sum() > 0


def test_the_gradient_of_an_expected_depth_is_the_weight_of_each_pixel() -> None:
    torch.manual_seed(2)
    heatmap = torch.randn(1, 1, 5, 4).double().requires_grad_()
    depth = torch.randn(1, 1, 5, 4).double().requires_grad_()
    for name in ("ipr", "bcir"):
        method = method_of(name, beta=1.0)
        assert torch.autograd.gradcheck(method.read_depth, (heatmap, depth))
        (gradient,) = torch.autograd.grad(method.read_depth(heatmap, depth).sum(), depth)
        torch.testing.assert_close(gradient, method.density(heatmap))


@pytest.mark.parametrize("name", METHODS)
def test_half_precision_is_read_in_single(name: str) -> None:
    maps = torch.randn(1, 4, 16, 12).to(torch.bfloat16)
    heatmap, _, depth, _ = split_maps(maps, 2)
    assert method_of(name).read_depth(heatmap, depth).dtype == torch.float32


def test_maps_are_split_and_mirrored_back_with_their_depths_as_they_were() -> None:
    maps = torch.arange(2 * 4 * 3.0).view(1, 4, 2, 3)
    assert split_maps(maps[:, :2], 2).depth_BKHW is None
    both = split_maps(maps, 2)
    back = both.mirrored_back((1, 0))
    assert back.depth_BKHW is not None and both.depth_BKHW is not None
    assert back.heatmap_BKHW[0, 0].tolist() == maps[0, 1].flip(-1).tolist()
    assert back.depth_BKHW[0, 1].tolist() == maps[0, 2].flip(-1).tolist()
    assert Maps(maps, None).mirrored_back((0, 1, 2, 3)).depth_BKHW is None


def test_latent_maps_stand_between_the_heatmaps_and_the_depths() -> None:
    """Two joints, two latent maps each and a depth: 0 1 are heatmaps, 2 3 and 4 5 latent, 6 7 depths."""
    maps = torch.arange(8.0).view(1, 8, 1, 1) + torch.tensor([0.0, 0.5])
    for joint_order, columns, found in (
        ((0, 1), [0, 1], split_maps(maps, 2, 2)),
        ((1, 0), [1, 0], split_maps(maps, 2, 2).mirrored_back((1, 0))),
    ):
        assert found.latent_BLKHW is not None and found.depth_BKHW is not None
        assert found.heatmap_BKHW[0, :, 0, columns[0]].tolist() == list(joint_order)
        assert (found.latent_BLKHW[0, :, :, 0, columns[0]] - 2).tolist() == [
            [k + 2 * latent for k in joint_order] for latent in (0, 1)
        ]
        assert (found.depth_BKHW[0, :, 0, columns[0]] - 6).tolist() == list(joint_order)
    assert split_maps(maps[:, :6], 2, 2).depth_BKHW is None
    assert split_maps(maps[:, :4], 2).latent_BLKHW is None
