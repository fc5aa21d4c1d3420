"""Targets and losses, by values worked out by hand."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch

from heatmark.models.losses import (
    coordinate_loss,
    gaussian_targets,
    heatmap_loss,
    jensen_shannon,
    normalised_distance,
    shrinkage_loss,
)
from heatmark.models.methods.ipr_l_reg import RegularizedIntegral

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


def test_the_heatmap_loss_in_all_reductions() -> None:
    """Errors 0.5 at two pixels of a labelled map, 1 everywhere in an unlabelled one."""
    heatmap, target = torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 2, 3)
    heatmap[0, 0, 0, 0], heatmap[0, 0, 1, 2], heatmap[0, 1] = 0.5, -0.5, 1.0
    weight = torch.tensor([[1.0, 0.0]])
    assert heatmap_loss(heatmap, target, weight, "half_mean").item() == pytest.approx(0.5 * 0.5 / 12)
    assert heatmap_loss(heatmap, target, weight, "mean").item() == pytest.approx(0.5 / 12)
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
    for reduction in ("half_mean", "mean", "sum_pixels"):
        assert heatmap_loss(heatmap, target, weight, reduction).item() == 0
    loss = coordinate_loss(heatmap.mean((-2, -1))[..., None].expand(1, 2, 2), torch.zeros(1, 2, 2), nothing, (4, 3))
    assert loss.item() == 0
    assert torch.autograd.grad(loss, heatmap)[0].abs().max() == 0


def test_an_infinite_unlabelled_prediction_does_not_spoil_the_loss() -> None:
    predicted = torch.tensor([[[math.inf, 0.0], [2.0, 2.0]]])
    loss = coordinate_loss(predicted, torch.ones(1, 2, 2), torch.tensor([[0.0, 1.0]]), (4, 3))
    assert loss.item() == pytest.approx(2.0)


def concentrated(value: float = 1e3) -> torch.Tensor:
    """A map whose softmax is 1 at one pixel and 0 elsewhere."""
    heatmap = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    heatmap[0, 0, 2, 2] = value
    return heatmap


@pytest.mark.parametrize(("tau", "expected"), [(0.0, 8.0), (0.25, 6.0), (1.0, 0.0)])
def test_the_shrinkage_loss_of_a_single_pixel(tau: float, expected: float) -> None:
    """Four neighbours have a Laplacian of 1: each costs 2 (1 - tau); the pixel itself, at -4, is free."""
    assert shrinkage_loss(concentrated(), 1.0, tau, torch.ones(1, 1)).item() == pytest.approx(expected)


def test_the_shrinkage_loss_is_equation_15() -> None:
    heatmap = torch.randn(1, 1, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    probability = torch.softmax(3 * heatmap.flatten(), 0).view(6, 7).numpy()
    laplacian = cv2.filter2D(
        probability, -1, np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float), borderType=cv2.BORDER_REPLICATE
    )
    expected = (np.abs(laplacian - 0.01) + laplacian - 0.01).sum()
    assert shrinkage_loss(heatmap, 3.0, 0.01, torch.ones(1, 1)).item() == pytest.approx(expected)


@pytest.mark.parametrize(("sigma", "free"), [(1.0, False), (1.8, False), (2.1, True), (3.0, True)])
def test_at_the_default_tau_only_maps_narrower_than_sigma_two_pay(sigma: float, free: bool) -> None:
    """1 / (pi e^2 sigma^4) is the largest Laplacian of a normalised Gaussian, at two sigma."""
    tau = RegularizedIntegral().tau
    assert tau == pytest.approx(1 / (math.pi * math.e**2 * 2**4), abs=5e-5)
    rows, columns = np.mgrid[:64, :48]
    logarithm = -((columns - 20.0) ** 2 + (rows - 30.0) ** 2) / (2 * sigma**2)
    loss = shrinkage_loss(torch.from_numpy(logarithm)[None, None], 1.0, tau, torch.ones(1, 1)).item()
    assert (loss < 1e-6) is free


def test_a_flat_map_and_an_unlabelled_one_do_not_shrink() -> None:
    assert shrinkage_loss(torch.full((1, 1, 5, 5), 7.0), 10.0, 0.0, torch.ones(1, 1)).item() == pytest.approx(0)
    assert shrinkage_loss(concentrated(), 1.0, 0.0, torch.zeros(1, 1)).item() == 0


def test_the_normalised_distance_worked_by_hand() -> None:
    """6 of 48 columns and 4 of 64 rows are 0.25 and 0.125 of a map that is 2 wide; a joint outside does not count."""
    predicted = torch.tensor([[[16.0, 19.0], [0.0, 0.0]]])
    truth = torch.tensor([[[10.0, 15.0], [-1.0, 0.0]]])
    found = normalised_distance(predicted, truth, torch.ones(1, 2), (64, 48)).item()
    assert found == pytest.approx(math.hypot(0.25, 0.125))


def test_a_distance_of_nothing_has_a_finite_gradient() -> None:
    predicted = torch.tensor([[[10.0, 15.0]]], requires_grad=True)
    loss = normalised_distance(predicted, predicted.detach(), torch.ones(1, 1), (64, 48))
    assert torch.autograd.grad(loss, predicted)[0].isfinite().all()


def test_the_divergence_is_nothing_for_the_gaussian_itself_and_ln_2_for_what_is_elsewhere() -> None:
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(20.0), indexing="ij")
    alike = (-((columns - 5) ** 2 + (rows - 6) ** 2) / 2)[None, None]
    joints, labelled = torch.tensor([[[5.0, 6.0]]]), torch.ones(1, 1)
    assert jensen_shannon(alike, 1.0, joints, labelled, 1.0).item() == pytest.approx(0, abs=1e-6)
    elsewhere = torch.zeros(1, 1, 24, 20)
    elsewhere[0, 0, 20, 15] = 1e4
    elsewhere.requires_grad_()
    loss = jensen_shannon(elsewhere, 1.0, joints, labelled, 1.0)
    assert loss.item() == pytest.approx(math.log(2))
    assert torch.autograd.grad(loss, elsewhere)[0].isfinite().all()


def test_the_divergence_worked_by_hand() -> None:
    """Two pixels: half and half against a Gaussian of sigma 1 at the first, e^0 : e^-1/2."""
    wanted = np.array([1, math.exp(-0.5)]) / (1 + math.exp(-0.5))
    found, middle = np.array([0.5, 0.5]), (wanted + 0.5) / 2
    expected = ((wanted * np.log(wanted / middle)).sum() + (found * np.log(found / middle)).sum()) / 2
    loss = jensen_shannon(torch.zeros(1, 1, 1, 2), 1.0, torch.zeros(1, 1, 2), torch.ones(1, 1), 1.0)
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_the_divergence_knows_how_far_away_a_map_is_beyond_three_sigma() -> None:
    """Three pixels, all of the map on the last, four sigma from the joint: DSNT's Gaussian is 1 : e^-2 : e^-8.

    With w the Gaussian's share there, (1 - w) ln 2 + w ln(2 w / (1 + w)) + ln(2 / (1 + w)), halved; cut, it is ln 2.
    """
    share = math.exp(-8) / (1 + math.exp(-2) + math.exp(-8))
    expected = (1 - share) * math.log(2) + share * math.log(2 * share / (1 + share)) + math.log(2 / (1 + share))
    loss = jensen_shannon(torch.tensor([[[[0.0, 0.0, 200.0]]]]), 1.0, torch.zeros(1, 1, 2), torch.ones(1, 1), 0.5)
    assert loss.item() == pytest.approx(expected / 2, rel=1e-6)
    assert math.log(2) - expected / 2 == pytest.approx(1.35e-3, rel=0.02)
