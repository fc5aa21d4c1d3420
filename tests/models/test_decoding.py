"""Every decoder against the paper's equations, hand-worked maps and properties that hold for all maps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from heatmark.datasets.geometry import heatmap_to_input, input_to_heatmap, mirror_points
from heatmark.models.decoding import (
    argmax,
    average_mirrored,
    bias_compensated_argmax,
    clamp_to_map,
    confidence,
    mass_is_short,
    peak_probability,
    quarter_offset,
    shift_right,
    soft_argmax,
)
from tests.made_up import gaussian_HW

BETAS = (0.5, 1.0, 5.0, 10.0, 20.0, 50.0)
# (rows, columns), and a joint at least 5 sigma inside its upper left quadrant.
MAPS = [((64, 48), (10.0, 15.0)), ((48, 64), (10.0, 15.0)), ((40, 96), (11.0, 13.0)), ((33, 21), (10.0, 10.0))]


def gaussian(size: tuple[int, int], mean: tuple[float, float], peak: float = 1.0, sigma: float = 2.0) -> Tensor:
    """heatmap_11HW in float64, over the full plane."""
    return torch.from_numpy(peak * gaussian_HW(size, mean, sigma))[None, None]


def quadrants(size: tuple[int, int], joint: tuple[float, float]) -> list[tuple[float, float]]:
    """The joint and its mirror images about the middle of the map."""
    (height, width), (x, y) = size, joint
    return [(a, b) for a in (x, width - 1 - x) for b in (y, height - 1 - y)]


def pixels(size: tuple[int, int]) -> Tensor:
    """pixel_HW2 as (x, y)."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return torch.from_numpy(np.stack([columns, rows], axis=-1).astype(np.float64))


def plain_bias_compensated(heatmap_HW: Tensor, beta: float) -> Tensor:
    """sum expm1(z) p / sum expm1(z), as it is written."""
    weight_HW = torch.expm1(beta * heatmap_HW)
    return (weight_HW[..., None] * pixels((heatmap_HW.shape[0], heatmap_HW.shape[1]))).sum((0, 1)) / weight_HW.sum()


def plain_soft_argmax(heatmap_HW: Tensor, beta: float) -> Tensor:
    weight_HW = torch.exp(beta * heatmap_HW)
    return (weight_HW[..., None] * pixels((heatmap_HW.shape[0], heatmap_HW.shape[1]))).sum((0, 1)) / weight_HW.sum()


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize(("size", "joint"), MAPS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bias_compensation_finds_a_gaussian_in_every_quadrant(size: Any, joint: Any, beta: float, dtype: Any) -> None:
    for each in quadrants(size, joint):
        found = bias_compensated_argmax(gaussian(size, each).to(dtype), beta)
        assert found.squeeze().tolist() == pytest.approx(each, abs=0.01)


@pytest.mark.parametrize(
    ("beta", "least", "most"), [(1, 0, 1e-5), (10, 0.001, 0.005), (20, 0.03, 0.06), (50, 0.1, 0.3)]
)
def test_between_pixels_a_large_beta_is_coarse(beta: float, least: float, most: float) -> None:
    """exp(beta h) narrows the peak to sigma / sqrt(beta): at beta 20 less than half a pixel, sampled too rarely."""
    joints = [(10 + step / 8, 15 + 0.3) for step in range(8)]
    found = [bias_compensated_argmax(gaussian((64, 48), joint), beta)[0, 0, 0].item() for joint in joints]
    worst = max(abs(x - joint[0]) for x, joint in zip(found, joints, strict=True))
    assert least <= worst < most


@pytest.mark.parametrize(
    ("beta", "expected"), [(1, (23.36, 31.32)), (10, (10.63, 15.77)), (20, (10.0001, 15.0001)), (50, (10, 15))]
)
def test_integral_regression_is_pulled_to_the_centre_of_the_map(beta: float, expected: tuple[float, float]) -> None:
    found = soft_argmax(gaussian((64, 48), (10, 15)), beta).squeeze().tolist()
    assert found == pytest.approx(expected, abs=0.006 if beta < 20 else 5e-5)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("size", [(64, 48), (7, 31)])
def test_the_expm1_form_is_equation_18(size: tuple[int, int], beta: float) -> None:
    heatmap_11HW = torch.rand(1, 1, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    height, width = size
    count = height * width
    mass = torch.exp(beta * heatmap_11HW).sum()
    centre_2 = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
    expected_2 = (mass * plain_soft_argmax(heatmap_11HW[0, 0], beta) - count * centre_2) / (mass - count)
    torch.testing.assert_close(bias_compensated_argmax(heatmap_11HW, beta)[0, 0], expected_2, rtol=0, atol=1e-9)


@pytest.mark.parametrize("beta", BETAS)
def test_as_many_pseudo_counts_as_pixels_give_integral_regression(beta: float) -> None:
    heatmap_BKHW = torch.randn(2, 3, 16, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = bias_compensated_argmax(heatmap_BKHW, beta, eps=16 * 12)
    torch.testing.assert_close(found, soft_argmax(heatmap_BKHW, beta), rtol=0, atol=1e-9)


def test_pseudo_counts_lead_from_one_family_to_the_other() -> None:
    heatmap = gaussian((64, 48), (10, 15))
    x = [bias_compensated_argmax(heatmap, 10, eps=part * 3072)[0, 0, 0].item() for part in (0, 0.01, 1)]
    assert x == pytest.approx([10.0, 10.0066, 10.63], abs=0.005)


@pytest.mark.parametrize("beta", [0.5, 1.0, 10.0])
def test_the_gradient_of_integral_regression_is_equation_23(beta: float) -> None:
    heatmap_HW = gaussian((64, 48), (10, 15))[0, 0].requires_grad_()
    joint_2, true_2 = soft_argmax(heatmap_HW[None, None], beta)[0, 0], torch.tensor([30.0, 5.0], dtype=torch.float64)
    (gradient_HW,) = torch.autograd.grad((joint_2 - true_2).abs().sum(), heatmap_HW)
    softmax_HW = torch.softmax(beta * heatmap_HW.detach().flatten(), 0).view(64, 48)
    location_HW = ((joint_2 - true_2).sign() * (pixels((64, 48)) - joint_2)).sum(-1)
    torch.testing.assert_close(gradient_HW, (beta * softmax_HW * location_HW).detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("beta", BETAS)
def test_the_bias_compensated_gradient_is_equation_23_about_its_own_joint(beta: float) -> None:
    """J becomes J_o, and the normaliser C becomes C - n."""
    heatmap_HW = gaussian((64, 48), (10, 15))[0, 0].requires_grad_()
    joint_2, true_2 = bias_compensated_argmax(heatmap_HW[None, None], beta)[0, 0], torch.tensor([30.0, 5.0])
    (gradient_HW,) = torch.autograd.grad((joint_2 - true_2).abs().sum(), heatmap_HW)
    exponential_HW = torch.exp(beta * heatmap_HW.detach())
    location_HW = ((joint_2 - true_2).sign() * (pixels((64, 48)) - joint_2)).sum(-1)
    expected_HW = beta * exponential_HW / (exponential_HW.sum() - 64 * 48) * location_HW
    torch.testing.assert_close(gradient_HW, expected_HW.detach(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("decode", ["soft", "bcir"])
def test_gradients_are_those_of_the_plain_formula(decode: str, beta: float) -> None:
    ours, plain = {"soft": (soft_argmax, plain_soft_argmax), "bcir": (bias_compensated_argmax, plain_bias_compensated)}[
        decode
    ]
    generator = torch.Generator().manual_seed(5)
    heatmap_HW = (torch.rand(20, 14, dtype=torch.float64, generator=generator) * 0.8).requires_grad_()
    pull_2 = torch.tensor([1.0, -0.7], dtype=torch.float64)
    (found,) = torch.autograd.grad((ours(heatmap_HW[None, None], beta)[0, 0] * pull_2).sum(), heatmap_HW)
    (expected,) = torch.autograd.grad((plain(heatmap_HW, beta) * pull_2).sum(), heatmap_HW)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("read", [soft_argmax, bias_compensated_argmax])
def test_a_large_beta_is_the_argmax(read: Any) -> None:
    generator = torch.Generator().manual_seed(2)
    order = torch.stack([torch.randperm(12 * 9, generator=generator) for _ in range(8)])
    heatmap_BKHW = (order.view(4, 2, 12, 9) + 1) / 108
    torch.testing.assert_close(read(heatmap_BKHW, 1e5), argmax(heatmap_BKHW), rtol=0, atol=1e-4)


EXTREMES = {
    "empty": torch.zeros(1, 1, 16, 12),
    "constant": torch.full((1, 1, 16, 12), 0.3),
    "negative": torch.full((1, 1, 16, 12), -0.3),
    "very negative": torch.full((1, 1, 16, 12), -1e4),
    "very large": torch.full((1, 1, 16, 12), 1e4),
    "one spike": torch.zeros(1, 1, 16, 12).index_put((torch.tensor(0),) * 4, torch.tensor(1e4)),
    "one hole": torch.zeros(1, 1, 16, 12).index_put((torch.tensor(0),) * 4, torch.tensor(-1e4)),
    "wide": torch.linspace(-1e4, 1e4, 16 * 12).view(1, 1, 16, 12),
    "half precision": torch.linspace(-1e4, 1e4, 16 * 12).view(1, 1, 16, 12).half(),
    "noise": 1e-3 * torch.randn(1, 1, 16, 12, generator=torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("kind", EXTREMES)
@pytest.mark.parametrize("beta", [0.5, 10.0, 50.0])
@pytest.mark.parametrize("least_mass", [0.0, 10.0])
def test_extreme_maps_give_finite_joints_and_gradients(kind: str, beta: float, least_mass: float) -> None:
    readers: tuple[Callable[[Tensor], Tensor], ...] = (
        lambda maps: soft_argmax(maps, beta),
        lambda maps: bias_compensated_argmax(maps, beta, least_mass=least_mass),
    )
    for read in readers:
        heatmap = EXTREMES[kind].clone().requires_grad_()
        joints = read(heatmap)
        (gradient,) = torch.autograd.grad(joints.sum(), heatmap)
        assert joints.dtype == torch.float32
        assert joints.isfinite().all()
        assert gradient.isfinite().all()


@pytest.mark.parametrize("kind", ["empty", "constant", "negative"])
def test_a_map_without_a_place_gives_its_centre(kind: str) -> None:
    for found in (soft_argmax(EXTREMES[kind], 10), bias_compensated_argmax(EXTREMES[kind], 10)):
        assert found.squeeze().tolist() == pytest.approx([5.5, 7.5], abs=1e-4)


def test_a_guard_leaves_a_normal_map_alone_and_steadies_an_untrained_one() -> None:
    normal = gaussian((64, 48), (10, 15))
    torch.testing.assert_close(
        bias_compensated_argmax(normal, 10, least_mass=10), bias_compensated_argmax(normal, 10), rtol=0, atol=0
    )
    untrained = 1e-3 * torch.randn(100, 17, 64, 48, generator=torch.Generator().manual_seed(0))
    assert (bias_compensated_argmax(untrained, 10) - torch.tensor([23.5, 31.5])).abs().max() > 100
    assert (bias_compensated_argmax(untrained, 10, least_mass=10) - torch.tensor([23.5, 31.5])).abs().max() < 10


def test_argmax_is_the_pixel_of_the_largest_value_and_zero_without_one() -> None:
    heatmap = torch.tensor([[[[0.0, 0, 0], [0, 0, 0.5]], [[-1, -2, -3], [-4, -5, -6]], [[0, 0, 0], [0, 0, 0]]]])
    assert argmax(heatmap).tolist() == [[[2, 1], [0, 0], [0, 0]]]


@pytest.mark.parametrize(
    ("peak", "neighbour", "expected"),
    [
        ((3, 3), (4, 3), (3.25, 3)),
        ((3, 3), (2, 3), (2.75, 3)),
        ((3, 3), (3, 2), (3, 2.75)),
        ((3, 3), (3, 4), (3, 3.25)),
        ((2, 2), (3, 2), (2.25, 2)),
        ((1, 3), (2, 3), (1, 3)),  # index 1 is excluded: the published bound is strict
        ((3, 1), (4, 1), (3, 1)),  # and it is one condition for both axes
        ((4, 3), (5, 3), (4.25, 3)),
        ((5, 3), (4, 3), (5, 3)),  # the last column
        ((3, 6), (4, 6), (3, 6)),  # the last row
    ],
)
def test_the_quarter_offset_worked_by_hand(peak: Any, neighbour: Any, expected: Any) -> None:
    heatmap = torch.zeros(1, 1, 7, 6)
    heatmap[0, 0, neighbour[1], neighbour[0]] = 0.4
    heatmap[0, 0, peak[1], peak[0]] = 1.0
    assert quarter_offset(heatmap).squeeze().tolist() == list(expected)


def test_the_quarter_offset_moves_both_axes_at_once() -> None:
    assert quarter_offset(gaussian((9, 8), (4.3, 3.8))).squeeze().tolist() == [4.25, 3.75]


@pytest.mark.parametrize(
    ("level", "short"), [(0.0, True), (-0.01, True), (0.01, False), (-1e4, True), (1e4, False), (1e-6, False)]
)
def test_mass_is_short_where_the_exponentials_sum_to_no_more_than_the_pixels(level: float, short: bool) -> None:
    assert mass_is_short(torch.full((1, 1, 64, 48), level), 10).item() is short


def test_joints_are_clamped_to_pixel_centres_of_the_map() -> None:
    joints = torch.tensor([[[-3.0, 5.0], [100.0, 63.4], [47.0, 63.0]]])
    assert clamp_to_map(joints, (64, 48)).tolist() == [[[0, 5], [47, 63], [47, 63]]]


def test_confidences_worked_by_hand() -> None:
    heatmap = torch.tensor([[[[0.0, math.log(3.0)], [0.0, 0.0]]]])
    assert confidence(heatmap).item() == pytest.approx(math.log(3.0))
    assert peak_probability(heatmap, 1.0).item() == pytest.approx(3 / 6)
    assert peak_probability(heatmap, 2.0).item() == pytest.approx(9 / 12)


def test_merging_a_mirrored_crop_is_exact_for_coordinates() -> None:
    """A joint in the crop, and in the mirrored crop, whose map is mirrored back by reversing its columns."""
    joint_in_crop = np.array([[61.3, 102.9]])
    here = tuple(input_to_heatmap(joint_in_crop, 4)[0])
    there = tuple(input_to_heatmap(mirror_points(joint_in_crop, 192), 4)[0])
    plain, mirrored_back = gaussian((64, 48), here), gaussian((64, 48), there).flip(-1)
    joints = average_mirrored(bias_compensated_argmax(plain, 1), bias_compensated_argmax(mirrored_back, 1))
    assert heatmap_to_input(joints[0].numpy(), 4)[0] == pytest.approx(joint_in_crop[0], abs=1e-4)


def test_merging_shifted_maps_leaves_an_eighth_of_a_pixel() -> None:
    """HRNet's shift of one pixel overdoes the displacement of 0.75; the mean of the two maps keeps half of the rest."""
    joint_in_crop = np.array([[61.3, 102.9]])
    here = tuple(input_to_heatmap(joint_in_crop, 4)[0])
    there = tuple(input_to_heatmap(mirror_points(joint_in_crop, 192), 4)[0])
    mirrored_back = gaussian((64, 48), there).flip(-1)
    merged = (gaussian((64, 48), here) + shift_right(mirrored_back)) / 2
    total = merged.sum()
    centre_x = (merged.sum((0, 1, 2)) * torch.arange(48)).sum() / total
    assert centre_x.item() == pytest.approx(here[0] + 0.125, abs=1e-6)


def test_shifting_right_repeats_the_first_column() -> None:
    assert shift_right(torch.tensor([[[[1.0, 2.0, 3.0]]]])).tolist() == [[[[1, 1, 2]]]]


BLOBS = st.lists(st.floats(0.05, 1.0), min_size=25, max_size=25)


@given(BLOBS, st.integers(0, 15), st.integers(0, 27), st.integers(0, 15), st.integers(0, 27), st.floats(0.5, 50))
@settings(deadline=None, max_examples=60)
def test_a_moved_blob_moves_the_bias_compensated_joint_with_it(
    blob: list[float], x: int, y: int, moved_x: int, moved_y: int, beta: float
) -> None:
    """Anywhere in the map, touching the border or not: the empty background has no weight."""
    patch = torch.tensor(blob, dtype=torch.float64).view(5, 5)
    joints = []
    for left, top in ((x, y), (moved_x, moved_y)):
        heatmap = torch.zeros(1, 1, 32, 20, dtype=torch.float64)
        heatmap[0, 0, top : top + 5, left : left + 5] = patch
        joints.append(bias_compensated_argmax(heatmap, beta).squeeze())
    travelled = torch.tensor([moved_x - x, moved_y - y], dtype=torch.float64)
    torch.testing.assert_close(joints[1] - joints[0], travelled, rtol=0, atol=1e-7)


READERS: dict[str, Callable[[Tensor], Tensor]] = {
    "argmax": argmax,
    "quarter": quarter_offset,
    "soft": lambda maps: soft_argmax(maps, 10),
    "bcir": lambda maps: bias_compensated_argmax(maps, 10, least_mass=1),
}


@given(st.integers(0, 2**31), st.sampled_from(sorted(READERS)), st.floats(-3, 3))
@settings(deadline=None, max_examples=40)
def test_a_map_is_read_alike_alone_and_in_a_batch(seed: int, name: str, magnitude: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    # In float64, because a quotient of noise magnifies what the order of a sum rounds away.
    heatmap_BKHW = 10**magnitude * torch.randn(5, 3, 16, 12, dtype=torch.float64, generator=generator)
    read = READERS[name]
    alone = torch.cat([read(heatmap_BKHW[row : row + 1, joint : joint + 1]) for row in range(5) for joint in range(3)])
    torch.testing.assert_close(read(heatmap_BKHW).view(15, 1, 2), alone, rtol=1e-9, atol=1e-9)


@given(st.integers(0, 2**31), st.floats(0.5, 50), st.floats(-100, 100))
@settings(deadline=None, max_examples=40)
def test_a_constant_added_to_a_map_changes_nothing_for_a_softmax(seed: int, beta: float, constant: float) -> None:
    heatmap = torch.randn(1, 2, 8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(soft_argmax(heatmap + constant, beta), soft_argmax(heatmap, beta), rtol=0, atol=1e-8)
