"""Heatmap and offsets: losses written out, votes counted one by one, joints that come back as they went in."""

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
from heatmark.models import offsets
from heatmark.models.maps import Maps
from heatmark.models.methods.offset import HeatmapOffset

HEIGHT, WIDTH = 24, 20
ORDER = (1, 0)


def perfect(joints_BK2: Tensor, method: HeatmapOffset) -> Maps:
    """What a perfect network gives: sure of the disk, and with its offsets right there; elsewhere they are noise."""
    way_B2KHW = offsets.way_to(joints_BK2, (HEIGHT, WIDTH))
    disk_BKHW = offsets.disk(way_B2KHW, method.reach((HEIGHT, WIDTH)))
    noise = torch.randn(way_B2KHW.shape, generator=torch.Generator().manual_seed(0), dtype=way_B2KHW.dtype)
    return Maps(20 * disk_BKHW - 10, torch.where(disk_BKHW[:, None] > 0, way_B2KHW, 3 * noise))


def places(count: int = 100) -> Tensor:
    unit_BK2 = torch.rand(count, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return 1 + unit_BK2 * torch.tensor([WIDTH - 3.0, HEIGHT - 3.0], dtype=torch.float64)


@pytest.mark.parametrize("radius", [1.0, None, 4.5])
def test_a_joint_comes_back(radius: float | None) -> None:
    method, joints_BK2 = HeatmapOffset(radius=radius), places()
    error_BK2 = method.read(perfect(joints_BK2, method)) - joints_BK2
    assert error_BK2.abs().max() < 0.02 and error_BK2.mean((0, 1)).abs().max() < 0.002


@pytest.mark.parametrize("geometry", ["biased", "udp"])
def test_so_does_one_of_an_image_and_its_mirror(geometry: Convention) -> None:
    method, joints_BK2, lag = HeatmapOffset(radius=3.0), places(), mirror_lag(4, geometry)
    pitch_2 = heatmap_pitch((4 * WIDTH, 4 * HEIGHT), 4, geometry)
    crop_BK2 = mirror_points(heatmap_to_input(joints_BK2.numpy(), pitch_2), 4 * WIDTH)
    mirrored_BK2 = torch.from_numpy(input_to_heatmap(crop_BK2, pitch_2))[:, list(ORDER)]
    there = perfect(mirrored_BK2, method).mirrored_back(ORDER)
    found_BK2 = method.read_flipped(perfect(joints_BK2, method), there, lag)
    assert (found_BK2 - joints_BK2).abs().max() < 0.02
    sure_BK = method.certainty_flipped(perfect(joints_BK2, method), there, lag)
    assert sure_BK.min() > 0.2, "both see most of the disk's votes"


def test_losses_are_those_of_the_formula() -> None:
    torch.manual_seed(0)
    maps = Maps(torch.randn(2, 2, 6, 5).double(), 2 * torch.randn(2, 2, 2, 6, 5).double())
    joints_BK2 = torch.tensor([[[1.3, 2.6], [-9.0, 2.0]], [[3.9, 4.2], [2.0, 2.0]]]).double()
    labelled_BK = torch.tensor([[1.0, 1.0], [1.0, 0.0]]).double()
    logistic, huber, prior = 0.0, 0.0, math.pi * 1.5**2 / 30
    assert maps.latent_BLKHW is not None
    for person in (0, 1):
        x, y = joints_BK2[person, 0].tolist()
        for row in range(6):
            for column in range(5):
                score, inside = (
                    maps.heatmap_BKHW[person, 0, row, column].item(),
                    math.dist((x, y), (column, row)) <= 1.5,
                )
                score += math.log(prior / (1 - prior))
                logistic += math.log(1 + math.exp(-score if inside else score))
                for axis, wanted in enumerate((x - column, y - row)):
                    error = abs(maps.latent_BLKHW[person, axis, 0, row, column].item() - wanted)
                    huber += inside * (0.5 * error**2 if error <= 1 else error - 0.5)
    terms = HeatmapOffset(radius=1.5).terms(maps, joints_BK2, labelled_BK, 0, None)
    assert terms["l_disk"].item() == pytest.approx(4 * logistic / 2)
    assert terms["l_offset"].item() == pytest.approx(huber / 2)
    assert HeatmapOffset(radius=1.5).counts(joints_BK2, labelled_BK, (6, 5), 0)["l_disk"].item() == 2


def test_votes_are_counted_one_by_one() -> None:
    torch.manual_seed(1)
    share_HW, offset_2HW = torch.rand(6, 5).double(), 2 * torch.randn(2, 6, 5).double()
    expected_HW = np.zeros((6, 5))
    for row in range(6):
        for column in range(5):
            for other_row in range(6):
                for other_column in range(5):
                    x = other_column + offset_2HW[0, other_row, other_column].item() - column
                    y = other_row + offset_2HW[1, other_row, other_column].item() - row
                    kernel = max(0.0, 1 - abs(x)) * max(0.0, 1 - abs(y))
                    expected_HW[row, column] += share_HW[other_row, other_column].item() * kernel
    found_HW = offsets.vote_map(share_HW[None, None], offset_2HW[None, :, None], 2.0)[0, 0].numpy()
    np.testing.assert_allclose(found_HW, expected_HW / (4 * math.pi), atol=1e-12)


def test_the_disk_is_the_published_share_of_the_map() -> None:
    assert HeatmapOffset().reach((353, 257)) == pytest.approx(25)
    assert HeatmapOffset().reach((8, 8)) == 1.0
    assert HeatmapOffset(radius=2.5).reach((353, 257)) == 2.5


def test_an_empty_map_is_as_likely_as_the_disk_is_large() -> None:
    method, empty_BKHW = HeatmapOffset(radius=2.0), torch.zeros(1, 1, HEIGHT, WIDTH)
    assert method.confidence(empty_BKHW).item() == pytest.approx(4 * math.pi / (HEIGHT * WIDTH), rel=1e-5)


def test_the_losses_have_the_gradient_of_finite_differences() -> None:
    torch.manual_seed(2)
    joints_BK2, labelled_BK = torch.tensor([[[2.2, 3.1], [1.0, 1.7]]]).double(), torch.ones(1, 2).double()
    heatmap = torch.randn(1, 2, 5, 4).double().requires_grad_()
    latent = torch.randn(1, 2, 2, 5, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda *maps: tuple(HeatmapOffset(radius=1.7).terms(Maps(*maps), joints_BK2, labelled_BK, 0, None).values()),
        (heatmap, latent),
    )
