"""SimCC: labels and losses worked out one by one, joints that come back as they went in, mirrored too."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from heatmark.datasets.geometry import (
    Convention,
    heatmap_pitch,
    heatmap_to_input,
    input_to_heatmap,
    mirror_lag,
    mirror_points,
)
from heatmark.models import axis_classes
from heatmark.models.decoding import expectation
from heatmark.models.maps import Axes, Maps
from heatmark.models.methods.simcc import SimCC

HEIGHT, WIDTH = 24, 20
ORDER = (1, 0)


def seen(axes: Axes) -> Maps:
    return Maps(axis_classes.heatmap_of(axes, (HEIGHT, WIDTH)), axes=axes)


def encoded(joints_BK2: Tensor, method: SimCC) -> Axes:
    """Scores whose softmax is the label: what a perfect network would give."""
    bin_BK2 = axis_classes.nearest_bins(joints_BK2, method.bins_per_pixel)
    across_BK, down_BK = bin_BK2.unbind(-1)
    labels = [
        method._label(bin_BK, pixels * method.bins_per_pixel)
        for bin_BK, pixels in ((across_BK, WIDTH), (down_BK, HEIGHT))
    ]
    return Axes(*(torch.log(label.clamp(min=1e-30)) for label in labels))


def places(count: int = 400) -> Tensor:
    """Joints anywhere on the map, two of each person."""
    unit_BK2 = torch.rand(count, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return unit_BK2 * torch.tensor([WIDTH - 1.0, HEIGHT - 1.0], dtype=torch.float64)


@pytest.mark.parametrize("labels", ["gaussian", "smoothed"])
@pytest.mark.parametrize("split_ratio", [1, 2, 3])
def test_a_joint_comes_back_to_within_half_a_bin_and_without_bias(labels: str, split_ratio: int) -> None:
    method = SimCC.model_validate({"labels": labels, "split_ratio": split_ratio})
    joints_BK2 = places()
    error_BK2 = method.read(seen(encoded(joints_BK2, method))) - joints_BK2
    half = 0.5 / method.bins_per_pixel
    assert error_BK2.abs().max() <= half + 1e-9
    assert error_BK2.mean((0, 1)).abs().max() < 4 * half / math.sqrt(3 * 800)


@pytest.mark.parametrize("geometry", ["biased", "udp"])
@pytest.mark.parametrize("split_ratio", [1, 2, 3])
def test_so_does_one_of_an_image_and_its_mirror(geometry: Convention, split_ratio: int) -> None:
    """The mirrored crop's joints are those of geometry.py, encoded, and mirrored back as an evaluation does."""
    method, lag = SimCC(split_ratio=split_ratio), mirror_lag(4, geometry)
    joints_BK2 = places()
    pitch_2 = heatmap_pitch((4 * WIDTH, 4 * HEIGHT), 4, geometry)
    crop_BK2 = mirror_points(heatmap_to_input(joints_BK2.numpy(), pitch_2), 4 * WIDTH)
    mirrored_BK2 = torch.from_numpy(input_to_heatmap(crop_BK2, pitch_2))[:, list(ORDER)]
    there = seen(encoded(mirrored_BK2, method)).mirrored_back(ORDER)
    here = seen(encoded(joints_BK2, method))
    silent = seen(Axes(*(torch.zeros_like(axis) for axis in there.axes or ())))
    half = 0.5 / method.bins_per_pixel
    for image in (here, silent):
        error_BK2 = method.read_flipped(image, there, lag) - joints_BK2
        assert error_BK2.abs().max() <= half + 1e-9
        assert error_BK2.mean((0, 1)).abs().max() < 4 * half / math.sqrt(3 * 800)


def test_the_published_average_lies_half_a_bin_to_the_right() -> None:
    """Scores that know the joint's very place; a lag of 7/8 leaves the mirror's bins where they are."""
    joints_BK2 = places()
    crop_BK2 = mirror_points(4 * joints_BK2.numpy(), 4 * WIDTH) / 4
    mirrored_BK2 = torch.from_numpy(crop_BK2)[:, list(ORDER)]
    here, back = (seen(_exact(each)) for each in (joints_BK2, mirrored_BK2))
    there = back.mirrored_back(ORDER)
    errors = [(SimCC().read_flipped(here, there, lag) - joints_BK2).mean((0, 1)) * 8 for lag in (7 / 8, 3 / 4)]
    noise = 4 * 0.5 / math.sqrt(3 * 800)
    assert errors[0].tolist() == pytest.approx([0.5, 0.0], abs=noise)
    assert errors[1].tolist() == pytest.approx([0.0, 0.0], abs=noise)


def _exact(joints_BK2: Tensor) -> Axes:
    across_BKX, down_BKY = (
        -((torch.arange(8 * pixels) - 8 * joints_BK2[..., axis, None]) ** 2) / 50
        for axis, pixels in ((0, WIDTH), (1, HEIGHT))
    )
    return Axes(across_BKX, down_BKY)


def test_labels_and_losses_are_those_of_the_formula() -> None:
    method = SimCC()
    joints_BK2 = torch.tensor([[[3.3, 7.9], [25.0, 1.0]], [[19.4, 22.9], [5.0, 5.0]]])
    labelled_BK = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    torch.manual_seed(0)
    axes = Axes(torch.randn(2, 2, WIDTH * 8), torch.randn(2, 2, HEIGHT * 8))
    terms = method.terms(seen(axes), joints_BK2, labelled_BK, 0, None)
    for name, axis, place in (("l_x", axes.across_BKX, 0), ("l_y", axes.down_BKY, 1)):
        total = 0.0
        # The second joint lies 40 bins beyond the last, more than three sigmas of 3.2; one has no label.
        for person, joint in ((0, 0), (1, 0)):
            scores = axis[person, joint].double().numpy()
            share = np.exp(scores) / np.exp(scores).sum()
            sigma, middle = math.sqrt(len(scores) / 16), round(8 * joints_BK2[person, joint, place].item())
            for number, probability in enumerate(share):
                label = math.exp(-((number - middle) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
                total += label * (math.log(label) - math.log(probability)) if label > 1e-45 else 0.0
        assert terms[name].item() == pytest.approx(total / 2, rel=1e-5)
    assert method.counts(joints_BK2, labelled_BK, (HEIGHT, WIDTH), 0)["l_x"].item() == 2


def test_sigma_is_rtmposes_at_the_published_sizes() -> None:
    found = [SimCC()._sigma(2 * side) for side in (192, 256, 288, 384)]
    assert found == pytest.approx([4.9, 5.66, 6.0, 6.93], abs=0.005)
    assert SimCC(sigma=6.0)._sigma(384) == 6.0


def test_smoothed_labels_are_spread_over_the_other_bins() -> None:
    label = axis_classes.smoothed_label(torch.tensor([[2.0]]), 5, 0.1).flatten()
    assert label.tolist() == pytest.approx([0.025, 0.025, 0.9, 0.025, 0.025])


def test_the_loss_has_the_gradient_of_finite_differences() -> None:
    torch.manual_seed(1)
    label = axis_classes.gaussian_label(torch.tensor([[9.0, 30.0]], dtype=torch.float64), 24, 2.0)
    scores = torch.randn(1, 2, 24, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda axis: axis_classes.relative_entropy(axis, label), scores)


def test_the_heatmap_is_the_product_of_both_axes_about_each_pixel() -> None:
    torch.manual_seed(2)
    axes = Axes(torch.randn(1, 1, WIDTH * 8).double(), torch.randn(1, 1, HEIGHT * 8).double())
    density_HW = SimCC().density(seen(axes).heatmap_BKHW)[0, 0].numpy()
    expected_HW = np.zeros((HEIGHT, WIDTH))
    across, down = (torch.softmax(axis[0, 0], -1).numpy() for axis in axes)
    for row, one in enumerate(down):
        for column, other in enumerate(across):
            place = min((row + 4) // 8, HEIGHT - 1), min((column + 4) // 8, WIDTH - 1)
            expected_HW[place] += one * other
    np.testing.assert_allclose(density_HW, expected_HW, atol=1e-12)


def test_the_heatmap_stands_where_the_joint_is() -> None:
    joints_BK2 = torch.tensor([[[9.0, 12.0]]], dtype=torch.float64)
    maps = seen(encoded(joints_BK2, SimCC()))
    found_BK2 = expectation(SimCC().density(maps.heatmap_BKHW))
    # Bins half-way between pixels, here 4 to the left, are the right-hand one's: a sixteenth of a pixel.
    assert (found_BK2 - joints_BK2).abs().max() < 1 / 16
    assert SimCC().decode(maps.heatmap_BKHW).tolist() == [[[9.0, 12.0]]]


def test_a_joint_is_as_sure_as_its_less_certain_axis() -> None:
    axes = Axes(torch.tensor([[[0.0, math.log(3.0)]]]), torch.tensor([[[0.0, math.log(9.0)]]]))
    assert axis_classes.confidence(axes).item() == pytest.approx(0.75)


def test_axes_are_mirrored_back_with_left_and_right_swapped() -> None:
    axes = Axes(torch.arange(8.0).view(1, 2, 4), torch.arange(6.0).view(1, 2, 3))
    back = axes.mirrored_back(ORDER)
    assert back.across_BKX.tolist() == [[[7, 6, 5, 4], [3, 2, 1, 0]]]
    assert back.down_BKY.tolist() == [[[3, 4, 5], [0, 1, 2]]]


def test_the_layers_are_mmposes_in_number_and_in_size() -> None:
    layers = SimCC().reader(17, (64, 48))
    assert sum(each.numel() for each in layers.parameters()) == (64 * 48 + 1) * 2 * (192 + 256)
