"""Descriptions of heatmaps, against hand values, scipy and the closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from torch import Tensor

from heatmark.models.decoding import bias_compensated_argmax, soft_argmax
from heatmark.models.density import positive_map
from heatmark.models.diagnostics import (
    activation_sum,
    best_sigma,
    bhattacharyya,
    chi_square,
    fitted_sigma,
    log_mass_ratio,
)
from tests.made_up import gaussian_HW

SIGMAS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)


def gaussian(joint: tuple[float, float], sigma: float) -> Tensor:
    return positive_map(torch.from_numpy(gaussian_HW((64, 48), joint, sigma))[None, None])


def test_a_flat_map_has_as_much_around_a_joint_as_the_square_has_pixels() -> None:
    joints = torch.tensor([[[20.0, 30.0], [0.0, 0.0]]])
    found = activation_sum(positive_map(torch.zeros(1, 2, 64, 48)), joints, [0, 2, 9, 100])
    assert found[0, 0].tolist() == pytest.approx([1 / 3072, 25 / 3072, 361 / 3072, 1])
    assert found[0, 1].tolist() == pytest.approx([1 / 3072, 9 / 3072, 100 / 3072, 1])


def test_the_activation_sum_of_a_gaussian_is_that_of_its_axes() -> None:
    density, joints = gaussian((20, 30), 2.0), torch.tensor([[[20.2, 29.7]]])
    for reach in (1, 2, 4, 8):
        pixels = np.arange(-40, 41)
        bell = stats.norm.pdf(pixels, scale=2.0)
        axis = bell[np.abs(pixels) <= reach].sum() / bell.sum()
        assert activation_sum(density, joints, [reach]).item() == pytest.approx(axis**2, rel=1e-4)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_sigma_of_a_gaussian_is_found_again(sigma: float) -> None:
    joints = torch.tensor([[[20.3, 30.6]]])
    assert fitted_sigma(gaussian((20.3, 30.6), sigma), joints, 4, SIGMAS).item() == sigma


def test_the_statistic_is_pearsons() -> None:
    density, joints = gaussian((20, 30), 1.5), torch.tensor([[[20.0, 30.0]]])
    found, expected = (gaussian((20, 30), sigma)[0, 0, 26:35, 16:25].numpy().ravel() for sigma in (1.5, 2.0))
    pearson = stats.chisquare(found / found.sum(), expected / expected.sum()).statistic
    assert chi_square(density, joints, 4, [2.0]).item() == pytest.approx(pearson)
    assert chi_square(density, joints, 4, [0.2]).item() > 1000


def test_the_bias_is_the_share_of_the_background() -> None:
    """J_r - J_o = n / C (centre - J_o), from Eq. 37."""
    heatmap = torch.from_numpy(gaussian_HW((64, 48), (10, 15)))[None, None]
    for beta, ratio in ((1, 1.011), (10, 21.4), (20, 2.3e5)):
        found = log_mass_ratio(heatmap, beta).exp().item()
        assert found == pytest.approx(ratio, rel=0.02)
        biased, free = soft_argmax(heatmap, beta)[0, 0], bias_compensated_argmax(heatmap, beta)[0, 0]
        torch.testing.assert_close(biased - free, (torch.tensor([23.5, 31.5]) - free) / found)


def test_the_mass_ratio_is_finite_and_signed() -> None:
    assert log_mass_ratio(torch.zeros(1, 1, 64, 48), 10).item() == pytest.approx(0, abs=1e-6)
    assert log_mass_ratio(torch.full((1, 1, 64, 48), -0.1), 10).item() == pytest.approx(-1, abs=1e-5)
    assert log_mass_ratio(torch.full((1, 1, 64, 48), 1e4), 50).item() == pytest.approx(5e5)


@pytest.mark.parametrize(("sigma", "true_sigma", "offset"), [(1.0, 2.0, 0.0), (2.0, 2.0, 3.0), (3.0, 0.5, 1.0)])
def test_the_bhattacharyya_distance_is_minus_the_logarithm_of_the_overlap(
    sigma: float, true_sigma: float, offset: float
) -> None:
    x = np.linspace(-60, 60, 200_001)
    overlap = np.sqrt(stats.norm.pdf(x, offset, sigma) * stats.norm.pdf(x, 0, true_sigma)).sum() * (x[1] - x[0])
    assert bhattacharyya(sigma, true_sigma, offset) == pytest.approx(-math.log(overlap), abs=1e-9)


@pytest.mark.parametrize("true_sigma", [0.5, 2.0])
@pytest.mark.parametrize("offset", [0.0, 0.5, 2.0, 10.0])
def test_the_best_sigma_is_the_minimum_and_never_below_the_true_one(true_sigma: float, offset: float) -> None:
    found = best_sigma(true_sigma, offset)
    minimum = optimize.minimize_scalar(
        lambda sigma: bhattacharyya(sigma, true_sigma, offset), bounds=(0.01, 50), options={"xatol": 1e-9}
    ).x
    assert found == pytest.approx(minimum, rel=1e-4)
    assert found >= true_sigma
    assert (found == true_sigma) is (offset == 0)
