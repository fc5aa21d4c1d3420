"""How far this differs from the published code (docs/deviations.md). The published ways are written down anew."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from heatmark.datasets.augment import sample_augmentation
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.geometry import apply_affine, crop_affine
from heatmark.datasets.lspet import load_lspet
from heatmark.datasets.people import Person
from heatmark.datasets.synthetic.lspet_tree import SyntheticLspet
from heatmark.datasets.synthetic.recipe import write_tree
from heatmark.models.decoding_refined import udp
from heatmark.models.losses import gaussian_targets
from heatmark.models.simple_baseline import SimpleBaseline
from tests.made_up import gaussian_HW

SIZE = (64, 48)
SIGMA = 2


def published_target(joint: tuple[float, float], size: tuple[int, int] = SIZE) -> tuple[Any, int]:
    """SBL's and HRNet's `generate_target` of one labelled joint in heatmap pixels: target_HW and its weight."""
    centre = [int(each + 0.5) for each in joint]
    low, high = [each - 3 * SIGMA for each in centre], [each + 3 * SIGMA + 1 for each in centre]
    target_HW = np.zeros(size)
    if low[0] >= size[1] or low[1] >= size[0] or high[0] < 0 or high[1] < 0:
        return target_HW, 0
    rows, columns = (range(max(0, low[axis]), max(0, min(high[axis], size[1 - axis]))) for axis in (1, 0))
    for y in rows:
        for x in columns:
            target_HW[y, x] = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * SIGMA**2))
    return target_HW, 1


def our_target(joint: tuple[float, float]) -> tuple[Any, float]:
    target, weight = gaussian_targets(torch.tensor([[joint]]), torch.ones(1, 1), SIZE, SIGMA, "rounded")
    return target[0, 0].numpy(), weight.item()


@pytest.mark.parametrize("x", [-0.5, -0.49, 0.0, 0.5, 10.49, 10.5, 47.0, 47.49, 47.5, 52.4, 52.6, 60.0])
@pytest.mark.parametrize("y", [-0.5, 0.2, 31.5, 63.5, 69.0])
def test_a_rounded_target_is_the_published_one_from_half_a_pixel_before_the_map_on(x: float, y: float) -> None:
    (ours, weight), (theirs, published_weight) = our_target((x, y)), published_target((x, y))
    assert weight == published_weight
    assert ours * weight == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize(("x", "nearer"), [(-0.6, 0), (-1.2, 0), (-1.6, -1), (-5.6, -5), (-6.4, -5)])
def test_left_of_the_map_the_published_rounded_target_is_a_pixel_nearer(x: float, nearer: int) -> None:
    theirs = published_target((x, 20))[0]
    assert theirs == pytest.approx(our_target((float(nearer), 20))[0], abs=1e-6)
    assert our_target((x, 20))[0] == pytest.approx(our_target((nearer - 1.0, 20))[0], abs=1e-6)


@pytest.mark.parametrize(("x", "highest"), [(-7.2, np.exp(-(6**2) / 8)), (-7.7, 0)])
def test_two_pixels_further_out_the_published_code_still_learns_a_rim_or_nothing_and_ours_leaves_the_map_out(
    x: float, highest: float
) -> None:
    target, weight = published_target((x, 20))
    assert weight == 1
    assert target.max() == pytest.approx(highest)
    assert our_target((x, 20))[1] == 0


def centres_apart(people: Sequence[Person], side: int, epochs: int) -> tuple[float, float]:
    """Of the labelled joints in training crops, the shares rounded otherwise, and learned in the published code alone.

    side: of the crops in pixels.
    """
    settings = CropSettings(input_size=(side, side))
    joints, apart, left_out = 0, 0, 0
    for epoch, (index, person) in itertools.product(range(epochs), enumerate(people)):
        change = sample_augmentation(settings, 0, epoch, index)
        affine_23 = crop_affine(
            person.box_xywh,
            settings.input_size,
            settings.padding,
            change.rotation_deg,
            change.scale_factor,
            mirrored=change.mirrored,
        )
        joints_L2 = apply_affine(affine_23, person.joints_K2[person.visibility_K > 0]) / 4
        ours_L2, theirs_L2 = np.floor(joints_L2 + 0.5), np.trunc(joints_L2 + 0.5)
        learned_L = ((theirs_L2 >= -7) & (theirs_L2 < side / 4 + 6)).all(axis=1)
        apart_L = learned_L & (ours_L2 != theirs_L2).any(axis=1)
        assert not (apart_L & (joints_L2 >= -0.5).all(axis=1)).any()
        joints, apart = joints + len(joints_L2), apart + int(apart_L.sum())
        left_out += int((learned_L & (ours_L2 < -6).any(axis=1)).sum())
    print(f"{joints} joints, {apart / joints:.2%} of them a pixel elsewhere, {left_out / joints:.3%} left out here")
    return apart / joints, left_out / joints


@pytest.mark.parametrize(("side", "apart", "left_out"), [(96, 0.0234, 0.00004), (256, 0.0249, 0.0015)])
def test_how_many_joints_of_real_photographs_are_rounded_otherwise(
    side: int, apart: float, left_out: float, real: Callable[[str], Path]
) -> None:
    people = load_lspet(real("lspet"), "train").people
    assert centres_apart(people, side, 1) == pytest.approx((apart, left_out), abs=0.0002)


def test_how_many_joints_of_drawn_people_are_rounded_otherwise(tmp_path: Path) -> None:
    write_tree(tmp_path, SyntheticLspet(people_train=60, people_val=1, seed=0))
    people = load_lspet(tmp_path, "train").people
    assert centres_apart(people, 96, 20)[0] == pytest.approx(0.022, abs=0.001)


def published_udp(heatmap_HW: Any, kernel: int, from_minimum: bool) -> Any:
    """mmpose 0.x's `post_dark_udp`; from_minimum: that of the authors, who subtract the smoothed map's minimum.

    Both smooth a map that is mirrored at its border, which is OpenCV's way unless told otherwise.
    """
    y, x = np.unravel_index(heatmap_HW.argmax(), heatmap_HW.shape)
    smooth = cv2.GaussianBlur(heatmap_HW, (kernel, kernel), 0)
    if from_minimum:
        smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min()) * heatmap_HW.max()
    m = np.pad(np.log(np.clip(smooth, 1e-3, 50)), 1, mode="edge")[y : y + 3, x : x + 3]
    gradient = np.array([m[1, 2] - m[1, 0], m[2, 1] - m[0, 1]]) / 2
    xx, yy = m[1, 2] - 2 * m[1, 1] + m[1, 0], m[2, 1] - 2 * m[1, 1] + m[0, 1]
    xy = (m[2, 2] - m[1, 2] - m[2, 1] + 2 * m[1, 1] - m[1, 0] - m[0, 1] + m[0, 0]) / 2
    return np.array([x, y]) - np.linalg.inv(np.array([[xx, xy], [xy, yy]])) @ gradient


def across(kernel: int, from_minimum: bool) -> Any:
    """For joints at so many pixels from the left border: theirs less ours, their error and ours, each in x."""
    rows = []
    for x in np.arange(0, 12, 0.1):
        heatmap_HW = gaussian_HW(SIZE, (x, 30.3))
        ours = udp(torch.from_numpy(heatmap_HW)[None, None])[0, 0, 0].item()
        theirs = published_udp(heatmap_HW, kernel, from_minimum)[0]
        rows.append((x, abs(theirs - ours), abs(theirs - x), abs(ours - x)))
    return np.array(rows).T


@pytest.mark.parametrize(
    ("kernel", "from_minimum", "apart", "their_error"), [(11, False, 1.78, 0.65), (7, True, 1.57, 0.39)]
)
def test_near_the_border_udp_is_read_otherwise_and_nearer_the_truth(
    kernel: int, from_minimum: bool, apart: float, their_error: float
) -> None:
    """Of mmpose, then of the authors: the furthest apart, and the mean error within five pixels of the border."""
    x_N, apart_N, theirs_N, ours_N = across(kernel, from_minimum)
    near_N = x_N < 5
    print(f"kernel {kernel}: up to {apart_N.max():.2f} px apart, {apart_N[~near_N].max():.3f} px from 5 px on")
    print(f"mean error within 5 px: theirs {theirs_N[near_N].mean():.2f} px, ours {ours_N[near_N].mean():.2f} px")
    assert apart_N.max() == pytest.approx(apart, abs=0.015)
    assert theirs_N[near_N].mean() == pytest.approx(their_error, abs=0.01)
    assert ours_N[near_N].mean() == pytest.approx(0.19, abs=0.01)
    assert apart_N[~near_N].max() < 0.01


def test_a_trunk_from_scratch_starts_as_torchvisions_and_answers_on_the_published_scale() -> None:
    """A 3x3 convolution of 64 channels: deviation 0.059 against 0.001, for which the normalisation makes good."""
    torch.manual_seed(0)
    net = SimpleBaseline(18, joints=17)
    weight = net.get_parameter("layer1.0.conv1.weight")
    assert weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    images = torch.randn(2, 3, 64, 64)
    ours = net.features(images)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.001)
    theirs = net.features(images)
    print(f"features of the trunk: {ours.std():.2f} here, {theirs.std():.2f} as published")
    assert theirs.std().item() == pytest.approx(ours.std().item(), rel=0.3)
