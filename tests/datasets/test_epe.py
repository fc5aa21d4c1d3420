"""End-point error by hand."""

from __future__ import annotations

import numpy as np
import pytest

from heatmark.datasets.metrics.epe import end_point_error, end_point_error_by_joint

TRUE_NK2 = np.array([[[0, 0], [10, 10], [5, 5]], [[1, 1], [2, 2], [3, 3]]], dtype=float)
# Distances 5, 0, 13 and 1, 2, 100.
OFF_NK2 = np.array([[[3, 4], [0, 0], [5, 12]], [[1, 0], [0, 2], [100, 0]]], dtype=float)


def test_the_mean_is_over_labelled_joints() -> None:
    visibility_NK = np.array([[2, 1, 2], [1, 2, 0]])
    assert end_point_error(TRUE_NK2 + OFF_NK2, TRUE_NK2, visibility_NK) == pytest.approx((5 + 0 + 13 + 1 + 2) / 5)
    assert end_point_error_by_joint(TRUE_NK2 + OFF_NK2, TRUE_NK2, visibility_NK) == pytest.approx([3, 1, 13])


def test_nothing_labelled_is_none() -> None:
    assert end_point_error(OFF_NK2, TRUE_NK2, np.zeros((2, 3))) is None
    assert end_point_error_by_joint(OFF_NK2, TRUE_NK2, np.array([[1, 0, 1], [1, 0, 1]]))[1] is None
    assert end_point_error(np.zeros((0, 3, 2)), np.zeros((0, 3, 2)), np.zeros((0, 3))) is None
