"""A drawn joint lies where the network's crop has it."""

from __future__ import annotations

import numpy as np

from heatmark.datasets.geometry import apply_affine, crop_affine
from heatmark.datasets.people import Skeleton
from heatmark.datasets.pose_drawing import OUTSIDE, Pen, crop_around, draw_pose

SKELETON = Skeleton("wrists", ("left_wrist", "right_wrist"), swaps=((0, 1),), bones=((0, 1),))
BOX = (20.0, 10.0, 40.0, 80.0)


def test_the_crop_is_the_networks_own() -> None:
    """geometry's affine, its centre too: the box's middle at half of the width, not half a pixel before it."""
    crop_HW3, affine_23 = crop_around(np.full((120, 100, 3), 200, np.uint8), BOX, (96, 128), 1.25)
    assert np.array_equal(affine_23, crop_affine(BOX, (96, 128), 1.25))
    assert apply_affine(affine_23, np.array([[40.0, 50.0]]))[0].tolist() == [48.0, 64.0]
    assert crop_HW3.shape == (128, 96, 3) and crop_HW3[64, 48].tolist() == [200, 200, 200]
    far, _ = crop_around(np.full((20, 20, 3), 200, np.uint8), BOX, (96, 128), 1.25)
    assert far[120, 90].tolist() == list(OUTSIDE)


def test_only_labelled_joints_are_drawn_each_where_the_affine_takes_it() -> None:
    canvas_HW3, affine_23 = crop_around(np.zeros((120, 100, 3), np.uint8), BOX, (96, 128), 1.25)
    joints_K2 = np.array([[40.0, 50.0], [50.0, 50.0]])
    draw_pose(canvas_HW3, affine_23, joints_K2, np.array([2, 0]), SKELETON, Pen(bone=1, joint=1, color=(255, 0, 0)))
    red = np.argwhere((canvas_HW3 == (255, 0, 0)).all(-1))
    assert np.abs(red.mean(0) - (64, 48)).max() < 0.5 and len(red) < 10
