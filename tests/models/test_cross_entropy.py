"""The pixel as a class: the loss written out, and the place between pixels as OpenCV's enlarged map has it."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch

from heatmark.models import pixel_classes
from heatmark.models.methods.cross_entropy import CrossEntropy
from tests.made_up import gaussian_HW


def test_the_loss_is_the_logarithm_at_the_nearest_pixel() -> None:
    torch.manual_seed(0)
    heatmap_BKHW = torch.randn(2, 2, 5, 4)
    joints_BK2 = torch.tensor([[[1.4, 2.5], [3.0, 4.0]], [[0.6, 0.4], [3.2, 1.0]]])
    labelled_BK = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    total = 0.0
    # The last one is beyond the map.
    for person, joint, column, row in ((0, 0, 1, 3), (0, 1, 3, 4), (1, 0, 1, 0)):
        scores = heatmap_BKHW[person, joint].double().numpy()
        total -= math.log(math.exp(scores[row, column]) / np.exp(scores).sum())
    found = CrossEntropy().losses(heatmap_BKHW, joints_BK2, labelled_BK, 0)
    assert found["l_ce"].item() == pytest.approx(total / 3, rel=1e-6)


def test_a_joint_between_pixels_is_where_opencvs_enlarged_map_is_highest() -> None:
    """Pixel n of its map, four times as large, is at n / 4 of ours."""
    random = np.random.default_rng(0)
    maps = [
        gaussian_HW((16, 12), tuple(random.uniform(3, 8, 2)), sigma) for sigma in (0.8, 1.5, 2.5) for _ in range(20)
    ]
    heatmap_BKHW = torch.from_numpy(np.array(maps))[None]
    found_K2 = pixel_classes.cubic_peak(heatmap_BKHW)[0].numpy()
    for heatmap_HW, joint_2 in zip(maps, found_K2, strict=True):
        affine_23 = np.array([[0.25, 0, 0], [0, 0.25, 0]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        fine_HW = cv2.warpAffine(heatmap_HW, affine_23, (48, 64), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        row, column = np.unravel_index(fine_HW.argmax(), fine_HW.shape)
        place = round(4 * joint_2[1]), round(4 * joint_2[0])
        assert fine_HW[place] == pytest.approx(fine_HW[row, column], abs=1e-4)


def test_a_joint_comes_back_to_a_fifth_of_a_pixel_and_without_bias() -> None:
    random = np.random.default_rng(1)
    places = random.uniform(5, 15, (400, 2))
    heatmap_BKHW = torch.from_numpy(np.array([gaussian_HW((24, 20), tuple(place), 2.0) for place in places]))[None]
    error_K2 = pixel_classes.cubic_peak(heatmap_BKHW)[0].numpy() - places
    assert np.abs(error_K2).max() < 0.2
    assert np.abs(error_K2.mean(0)).max() < 0.02


def test_values_below_nought_have_a_largest_too() -> None:
    heatmap_BKHW = torch.full((1, 1, 4, 4), -3.0)
    heatmap_BKHW[0, 0, 2, 1] = -1.0
    assert CrossEntropy(decoder="argmax").decode(heatmap_BKHW).tolist() == [[[1.0, 2.0]]]
    assert CrossEntropy().decode(heatmap_BKHW).tolist() == [[[1.0, 2.0]]]


def test_the_loss_has_the_gradient_of_finite_differences() -> None:
    torch.manual_seed(0)
    heatmap_BKHW = torch.randn(1, 2, 5, 4).double().requires_grad_()
    joints_BK2 = torch.tensor([[[2.2, 3.1], [1.0, 1.7]]]).double()
    assert torch.autograd.gradcheck(
        lambda heatmap: pixel_classes.cross_entropy(heatmap, joints_BK2, torch.ones(1, 2).double()), heatmap_BKHW
    )
