"""Targets and losses, by values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from heatmark.models.losses import coordinate_loss, gaussian_targets, heatmap_loss

JOINTS = torch.tensor([[[10.0, 15.0], [20.4, 30.6], [-7.0, 3.0], [2.0, -1.0]]])
LABELLED = torch.tensor([[1.0, 1.0, 1.0, 0.0]])


def test_a_target_is_a_gaussian_of_peak_one_cut_at_three_sigma() -> None:
    target, weight = gaussian_targets(JOINTS, LABELLED, (64, 48), sigma=2.0)
    first = target[0, 0]
    assert first[15, 10] == 1.0
    assert first[15, 12].item() == pytest.approx(math.exp(-0.5))
    assert first[16, 11].item() == pytest.approx(math.exp(-0.25))
    assert first[21, 4].item() == pytest.approx(math.exp(-9))
    assert first[15, 17] == first[22, 10] == 0
    assert (first > 0).sum() == 13 * 13
    assert weight.tolist() == [[1, 1, 0, 0]]


def test_an_exact_centre_lies_between_pixels_and_a_rounded_one_does_not() -> None:
    exact, _ = gaussian_targets(JOINTS, LABELLED, (64, 48), sigma=2.0, center="exact")
    rounded, _ = gaussian_targets(JOINTS, LABELLED, (64, 48), sigma=2.0, center="rounded")
    assert exact[0, 1, 31, 20].item() == pytest.approx(math.exp(-(0.4**2 + 0.4**2) / 8))
    assert rounded[0, 1, 31, 20] == 1.0
    assert rounded[0, 1, 31, 21].item() == pytest.approx(math.exp(-1 / 8))


@pytest.mark.parametrize(("x", "weight"), [(-5.9, 1), (-6.1, 0), (52.9, 1), (53.1, 0)])
def test_a_map_is_weightless_once_its_whole_window_is_outside(x: float, weight: int) -> None:
    joints = torch.tensor([[[x, 5.0]]])
    assert gaussian_targets(joints, torch.ones(1, 1), (64, 48), sigma=2.0)[1].item() == weight


def test_the_heatmap_loss_in_both_reductions() -> None:
    """Errors 0.5 at two pixels of a labelled map, 1 everywhere in an unlabelled one."""
    heatmap, target = torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 2, 3)
    heatmap[0, 0, 0, 0], heatmap[0, 0, 1, 2], heatmap[0, 1] = 0.5, -0.5, 1.0
    weight = torch.tensor([[1.0, 0.0]])
    assert heatmap_loss(heatmap, target, weight, "half_mean").item() == pytest.approx(0.5 * 0.5 / 12)
    assert heatmap_loss(heatmap, target, weight, "sum_pixels").item() == pytest.approx(0.5)


def test_the_gradient_of_the_summed_heatmap_loss_is_equation_22() -> None:
    heatmap = torch.randn(1, 1, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    target = torch.rand(1, 1, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad(heatmap_loss(heatmap, target, torch.ones(1, 1), "sum_pixels"), heatmap)
    torch.testing.assert_close(gradient, 2 * (heatmap.detach() - target))


def test_the_coordinate_loss_averages_labelled_joints_inside_the_map() -> None:
    """|3| + |4| for the first; the second unlabelled, the third outside, the fourth at an edge with |1|."""
    truth = torch.tensor([[[10.0, 15.0], [5.0, 5.0], [47.5, 5.0], [0.0, 63.0]]])
    predicted = torch.tensor([[[13.0, 11.0], [9.0, 9.0], [20.0, 5.0], [1.0, 63.0]]])
    labelled = torch.tensor([[1.0, 0.0, 1.0, 1.0]])
    assert coordinate_loss(predicted, truth, labelled, (64, 48)).item() == pytest.approx((7 + 1) / 2)


def test_a_batch_without_labels_costs_nothing_and_teaches_nothing() -> None:
    heatmap = torch.randn(1, 2, 4, 3).requires_grad_()
    nothing = torch.zeros(1, 2)
    target, weight = gaussian_targets(torch.full((1, 2, 2), math.inf), nothing, (4, 3), 2.0)
    for reduction in ("half_mean", "sum_pixels"):
        assert heatmap_loss(heatmap, target, weight, reduction).item() == 0  # type: ignore[arg-type]
    loss = coordinate_loss(heatmap.mean((-2, -1))[..., None].expand(1, 2, 2), torch.zeros(1, 2, 2), nothing, (4, 3))
    assert loss.item() == 0
    assert torch.autograd.grad(loss, heatmap)[0].abs().max() == 0


def test_an_infinite_unlabelled_prediction_does_not_spoil_the_loss() -> None:
    predicted = torch.tensor([[[math.inf, 0.0], [2.0, 2.0]]])
    loss = coordinate_loss(predicted, torch.ones(1, 2, 2), torch.tensor([[0.0, 1.0]]), (4, 3))
    assert loss.item() == pytest.approx(2.0)
