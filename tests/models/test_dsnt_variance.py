"""DSNT's variance regulariser: values worked out by hand, dsntnn's own among them, and its gradient."""

from __future__ import annotations

import math

import pytest
import torch

from heatmark.models.losses import normal_map, variance_error
from heatmark.models.methods.dsnt_var import DsntVariance


def test_a_map_whose_variances_are_known() -> None:
    """Variances of 0.2 pixels^2, 3.8 short of 2^2, on a map of 4 x 4: 28.88 in pixels, as in dsntnn's own tests."""
    share_HW = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.1, 0.0], [0.0, 0.1, 0.6, 0.1], [0.0, 0.0, 0.1, 0.0]])
    heatmap_BKHW = torch.log(share_HW.clamp(min=1e-30)).double()[None, None]
    joint_BK2, labelled_BK = torch.tensor([[[2.0, 2.0]]]).double(), torch.ones(1, 1).double()
    error = variance_error(heatmap_BKHW, 1.0, joint_BK2, labelled_BK, 2.0)
    assert error.item() == pytest.approx(28.88 * (2 / 4) ** 4)
    wide = torch.cat([heatmap_BKHW, torch.full((1, 1, 4, 4), math.log(1e-30)).double()], dim=-1)
    expected = 3.8**2 * ((2 / 4) ** 4 + (2 / 8) ** 4)
    assert variance_error(wide, 1.0, joint_BK2, labelled_BK, 2.0).item() == pytest.approx(expected)


def test_a_gaussian_of_that_width_costs_nothing_wherever_it_is() -> None:
    joints_BK2 = torch.tensor([[[9.3, 11.8], [15.0, 6.5]]]).double()
    heatmap_BKHW = torch.log(normal_map(joints_BK2, (24, 28), 1.5))
    elsewhere_BK2 = torch.full((1, 2, 2), 3.0).double()
    assert variance_error(heatmap_BKHW, 1.0, elsewhere_BK2, torch.ones(1, 2), 1.5).item() < 1e-12
    assert variance_error(heatmap_BKHW / 2, 2.0, elsewhere_BK2, torch.ones(1, 2), 1.5).item() < 1e-12


def test_unlabelled_joints_and_those_outside_do_not_count() -> None:
    torch.manual_seed(0)
    heatmap_BKHW = torch.randn(1, 3, 6, 5).double()
    joints_BK2 = torch.tensor([[[2.0, 2.0], [2.0, 2.0], [7.0, 2.0]]]).double()
    alone = variance_error(heatmap_BKHW[:, :1], 1.0, joints_BK2[:, :1], torch.ones(1, 1), 1.0)
    assert variance_error(heatmap_BKHW, 1.0, joints_BK2, torch.tensor([[1.0, 0.0, 1.0]]), 1.0).item() == alone.item()


def test_the_loss_has_the_gradient_of_finite_differences() -> None:
    torch.manual_seed(0)
    method, labelled_BK = DsntVariance(sigma=1.3), torch.ones(1, 2).double()
    joints_BK2 = torch.tensor([[[2.2, 3.1], [1.0, 1.7]]]).double()
    heatmap_BKHW = torch.randn(1, 2, 5, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda heatmap: tuple(method.losses(heatmap, joints_BK2, labelled_BK, 0).values()), heatmap_BKHW
    )
