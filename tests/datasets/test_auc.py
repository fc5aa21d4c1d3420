"""AUC and EPE: the identity that ties them, values by hand, and the ways of computing it against one another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatmark.datasets.metrics.auc import exact_auc, hand3d_auc, mean_of_joint_means, mmpose_auc

ERRORS = st.lists(st.floats(0, 100), min_size=1, max_size=30)


@given(ERRORS, st.floats(0, 20), st.floats(25, 50))
def test_the_exact_area_is_the_integral_of_pck(errors: list[float], lowest: float, highest: float) -> None:
    # PCK is a step function: sum it up between its steps.
    edges = sorted({lowest, highest, *(error for error in errors if lowest < error < highest)})
    area = sum(np.mean(np.array(errors) <= a) * (b - a) for a, b in itertools.pairwise(edges))
    assert exact_auc(errors, highest, lowest) == pytest.approx(area / (highest - lowest), abs=1e-9)


@given(ERRORS)
def test_from_zero_it_is_one_minus_the_mean_clipped_error(errors: list[float]) -> None:
    assert exact_auc(errors, 30) == pytest.approx(1 - np.mean(np.minimum(errors, 30)) / 30)


def test_the_sampled_areas_are_within_their_step_of_the_exact_one() -> None:
    errors_NK = np.random.default_rng(0).gamma(2, 4, (2000, 21))
    labelled_NK = np.ones_like(errors_NK)
    exact = exact_auc(errors_NK, 30)
    assert exact is not None
    assert hand3d_auc(errors_NK, labelled_NK, 30) == pytest.approx(exact, abs=1e-3)
    # Half a step of 1 / 20 lower.
    assert mmpose_auc(errors_NK, labelled_NK, 30) == pytest.approx(exact - 0.025, abs=5e-3)


def test_by_hand() -> None:
    # Joint 0: errors 0 and 100. Joint 1: 100, and one that is not labelled. Joint 2: not labelled at all.
    errors_NK = np.array([[0.0, 100, 5], [100, 0, 5]])
    labelled_NK = np.array([[1.0, 1, 0], [1, 0, 0]])
    assert hand3d_auc(errors_NK, labelled_NK, 30) == pytest.approx((0.5 + 0) / 2)
    # Strictly below: at threshold 0 not even the exact one counts.
    assert mmpose_auc(errors_NK, labelled_NK, 30) == pytest.approx(1 / 3 * 19 / 20)
    assert mean_of_joint_means(errors_NK, labelled_NK) == pytest.approx((50 + 100) / 2)


def test_20_to_50_mm_is_kinder_than_0_to_50() -> None:
    errors_NK = np.full((5, 21), 14.3)
    assert exact_auc(errors_NK, 50) == pytest.approx(1 - 14.3 / 50) and exact_auc(errors_NK, 50, 20) == 1
    assert hand3d_auc(errors_NK, np.ones((5, 21)), 50, 20) == pytest.approx(1)


def test_nothing_gives_nothing() -> None:
    nothing = np.zeros((3, 21))
    assert hand3d_auc(nothing, nothing, 30) is mmpose_auc(nothing, nothing, 30) is None
    assert mean_of_joint_means(nothing, nothing) is exact_auc([], 30) is None
