"""Sampling-argmax: chance bit by bit, samples and loss written out, and what many samples are on average."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from heatmark.models import sampling
from heatmark.models.methods.sampling_argmax import SamplingArgmax

JOINTS_BK2 = torch.tensor([[[1.3, 2.25], [3.0, 0.5]], [[2.0, 2.0], [0.125, 3.75]]])
LABELLED_BK = torch.tensor([[1.0, 1.0], [1.0, 0.0]])


def mixed(state: int) -> int:
    state = (state ^ (state >> 16)) * 0x7FEB352D % 2**32
    state = (state ^ (state >> 15)) * 0x846CA68B % 2**32
    return state ^ (state >> 16)


def drawn(joint: tuple[float, float], draw: int, number: int) -> float:
    x, y = (int(bits) for bits in np.array(joint, np.float32).view(np.uint32))
    key = mixed(mixed(x) ^ y)
    state = mixed(mixed((number * 0x9E3779B9 ^ draw * 0x85EBCA6B) % 2**32) ^ key)
    return ((state >> 9) + 0.5) / 2**23


def test_chance_is_that_of_whole_numbers() -> None:
    for draw in (0, 1, 139, 4711):
        found_BKN = sampling.chance(JOINTS_BK2, draw, 50)
        for person in (0, 1):
            for joint in (0, 1):
                place = tuple(JOINTS_BK2[person, joint].tolist())
                assert found_BKN[person, joint].tolist() == [drawn(place, draw, number) for number in range(50)]


def test_chance_is_even_and_one_draw_tells_nothing_of_another() -> None:
    joints_BK2 = torch.rand(40, 17, 2, generator=torch.Generator().manual_seed(0)) * 64
    first, second = (sampling.chance(joints_BK2, draw, 500).numpy().ravel() for draw in (0, 1))
    count = first.size
    for numbers in (first, second):
        assert numbers.min() > 0 and numbers.max() < 1
        shares = np.histogram(numbers, 64, (0, 1))[0] / count
        assert np.abs(shares - 1 / 64).max() < 5 * math.sqrt(1 / 64 / count)
        for lag in (1, 17, 500, 17 * 500):
            assert abs(np.corrcoef(numbers[lag:], numbers[:-lag])[0, 1]) < 5 / math.sqrt(count)
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / math.sqrt(count)
    close_BK2 = joints_BK2 + torch.tensor([1e-5, 0.0])
    near = sampling.chance(close_BK2, 0, 500).numpy().ravel()
    moved = np.repeat((close_BK2 != joints_BK2).any(-1).numpy().ravel(), 500)
    assert abs(np.corrcoef(first[moved], near[moved])[0, 1]) < 5 / math.sqrt(moved.sum())


@pytest.mark.parametrize("basis", ["triangular", "uniform"])
def test_samples_and_loss_are_those_of_the_formula(basis: str) -> None:
    height, width, samples, tau, epoch = 4, 3, 2, 0.8, 1
    torch.manual_seed(0)
    heatmap_BKHW = torch.randn(2, 2, height, width).double()
    total = 0.0
    for person, joint in ((0, 0), (1, 0)):
        x, y = JOINTS_BK2[person, joint].tolist()
        numbers = [drawn((x, y), epoch, number) for number in range(samples * (height * width + width + height))]
        for sample in range(samples):
            own = numbers[sample * len(numbers) // samples :]
            gumbel = -np.log(-np.log(np.array(own[:12])))
            weight_HW = np.exp((heatmap_BKHW[person, joint].numpy().ravel() + gumbel) / tau).reshape(4, 3)
            weight_HW /= weight_HW.sum()
            steps = [moved(number, basis) for number in own[12:19]]
            found_x = sum(weight_HW[:, column].sum() * (column + steps[column]) for column in range(3))
            found_y = sum(weight_HW[row].sum() * (row + steps[3 + row]) for row in range(4))
            total += abs(found_x - x) / width + abs(found_y - y) / height
    method = SamplingArgmax.model_validate(
        {"samples": samples, "basis": basis, "tau": tau, "least_tau": tau, "tau_epochs": 1}
    )
    # The second joint of the first stands beyond the map in x, as it is 3 wide; that of the second has no label.
    loss = method.losses(heatmap_BKHW, JOINTS_BK2.double(), LABELLED_BK.double(), epoch)["l_re"]
    assert loss.item() == pytest.approx(total / (2 * samples), rel=1e-6)


def moved(number: float, basis: str) -> float:
    """The inverse of the basis' distribution function."""
    if basis == "uniform":
        return number - 0.5
    return math.sqrt(2 * number) - 1 if number < 0.5 else 1 - math.sqrt(2 - 2 * number)


def test_cold_samples_are_drawn_from_the_softmax() -> None:
    """At a small tau each sample is one pixel and a step: their shares are the softmax', and so are mean and spread."""
    torch.manual_seed(1)
    heatmap_BKHW, joints_BK2 = torch.randn(1, 1, 3, 4), torch.tensor([[[1.2, 0.7]]])
    found_S2 = sampling.soft_samples(heatmap_BKHW, 1e-4, 40_000, "uniform", joints_BK2, 0)[0, 0]
    pixel_S = (found_S2[:, 1].round() * 4 + found_S2[:, 0].round()).long()
    shares_P = torch.bincount(pixel_S, minlength=12) / len(found_S2)
    torch.testing.assert_close(shares_P, torch.softmax(heatmap_BKHW.flatten(), 0), atol=0.012, rtol=0)


def test_more_spread_costs_more_though_the_expectation_is_right() -> None:
    """What soft-argmax does not see: two maps of the same mean, one of them with two peaks."""
    single, double = torch.full((1, 1, 9, 9), -9.0), torch.full((1, 1, 9, 9), -9.0)
    single[..., 4, 4], double[..., 4, 1], double[..., 4, 7] = 9.0, 9.0, 9.0
    joints_BK2, labelled_BK = torch.tensor([[[4.0, 4.0]]]), torch.ones(1, 1)
    method = SamplingArgmax(tau=0.5, samples=400, l_re_units="heatmap_px")
    narrow, wide = (method.losses(each, joints_BK2, labelled_BK, 0)["l_re"].item() for each in (single, double))
    assert wide > 2 and narrow < 0.8
    assert torch.allclose(method.decode(single), method.decode(double), atol=1e-3)


def test_the_temperature_falls_as_published() -> None:
    method = SamplingArgmax().resolved(140)
    published = [max(0.5, 2 - 3 * epoch / 50) for epoch in range(140)]
    assert [method.temperature(epoch) for epoch in range(140)] == pytest.approx(published)
    assert SamplingArgmax().resolved(14).tau_epochs == 2 and SamplingArgmax(tau_epochs=7).resolved(14).tau_epochs == 7


def test_a_joint_draws_the_same_in_any_batch() -> None:
    torch.manual_seed(2)
    heatmap_BKHW = torch.randn(2, 2, 4, 4)
    both = sampling.soft_samples(heatmap_BKHW, 1.0, 5, "triangular", JOINTS_BK2, 3)
    alone = sampling.soft_samples(heatmap_BKHW[1:], 1.0, 5, "triangular", JOINTS_BK2[1:], 3)
    assert torch.equal(both[1:], alone)
    assert not torch.equal(both, sampling.soft_samples(heatmap_BKHW, 1.0, 5, "triangular", JOINTS_BK2, 4))


def test_the_loss_has_the_gradient_of_finite_differences() -> None:
    torch.manual_seed(3)
    method, heatmap = SamplingArgmax(samples=3), torch.randn(2, 2, 4, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda maps: method.losses(maps, JOINTS_BK2.double(), LABELLED_BK.double(), 0)["l_re"], heatmap
    )
