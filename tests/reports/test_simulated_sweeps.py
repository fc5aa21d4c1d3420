"""Sweeps of equal methods, read from their run folders, end in no verdict; those of unequal ones in the right one.

The full table of settings: python -m tests.reports.simulated_sweeps
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.reports.simulated_sweeps import Simulated

DRAWS = 30

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("images", "seeds", "methods"), [(10, 3, 2), (50, 3, 3)])
def test_equal_methods_are_seldom_told_apart(images: int, seeds: int, methods: int) -> None:
    """A seed moves EPE by 2 %: alarms at the level at most, with two and a half standard errors of so few sweeps."""
    told = list(Simulated(images, seeds, methods).tell(DRAWS))
    most = 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / DRAWS)
    assert np.mean([each.apart for each in told]) <= most
    assert np.mean([each.clear for each in told]) <= most
    assert np.mean([each.decided for each in told]) <= most


def test_a_gap_of_several_seeds_is_found() -> None:
    """A tenth between methods whose seeds differ by 2 %, liked by images as methods of the same kind are."""
    told = list(Simulated(200, 5, 2, gap=0.1, data_format="mpii").tell(10))
    assert np.mean([each.apart for each in told]) > 0.8
