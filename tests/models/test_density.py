"""The weight of each pixel in a read-out, against the read-out itself and hand values."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from heatmark.models.decoding import expectation
from heatmark.models.density import compensated_map, positive_map
from heatmark.models.method import CoordinateRegression
from heatmark.models.methods import METHODS


def maps() -> torch.Tensor:
    """Trained, noise of an untrained net, and empty."""
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(21.0), indexing="ij")
    peak = torch.exp(-((columns - 8.3) ** 2 + (rows - 5.6) ** 2) / 8)
    return torch.stack([peak, 1e-3 * torch.randn(24, 21), torch.zeros(24, 21)])[None].double()


@pytest.mark.parametrize("name", METHODS)
def test_weights_sum_to_one(name: str) -> None:
    method: Any = METHODS[name]().resolved(10)
    torch.testing.assert_close(method.density(maps()).sum((-2, -1)), torch.ones(1, 3, dtype=torch.float64))
    assert method.density(maps().half()).dtype == torch.float32


@pytest.mark.parametrize("name", [name for name, each in METHODS.items() if issubclass(each, CoordinateRegression)])
def test_a_joint_is_the_expectation_under_the_weights(name: str) -> None:
    method: Any = METHODS[name]().resolved(10)
    torch.testing.assert_close(expectation(method.density(maps())), method.decode(maps()))


def test_weights_of_three_pixels() -> None:
    heatmap = torch.tensor([[[[0.0, 3.0, -1.0, 1.0]]]])
    assert positive_map(heatmap).flatten().tolist() == [0, 0.75, 0, 0.25]
    e = torch.e
    total = (e**3 - 1) + (1 / e - 1) + (e - 1)
    wanted = [0, (e**3 - 1) / total, (1 / e - 1) / total, (e - 1) / total]
    assert compensated_map(heatmap, 1.0).flatten().tolist() == pytest.approx(wanted)


def test_what_is_missing_of_the_least_mass_stands_at_the_centre() -> None:
    assert compensated_map(torch.zeros(1, 1, 2, 4), 1.0, 5.0)[0, 0].tolist() == [[0, 0.25, 0.25, 0]] * 2
    assert compensated_map(torch.zeros(1, 1, 3, 3), 1.0, 5.0)[0, 0, 1].tolist() == [0, 1, 0]


def test_nothing_overflows() -> None:
    for found in (compensated_map(1e4 * maps(), 50), positive_map(1e4 * maps())):
        assert found.isfinite().all()
