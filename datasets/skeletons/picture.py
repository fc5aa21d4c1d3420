"""A skeleton drawn: joints with their numbers, limbs, the left side orange and the right side blue."""

from __future__ import annotations

import math

import cv2
import numpy as np

from heatmark.datasets.images import ImageArray
from heatmark.datasets.people import Skeleton
from heatmark.datasets.pose_drawing import MIDDLE, OUTSIDE, Pen, draw_pose
from heatmark.datasets.skeletons.layout import layout

# Pixels: around the joints, from joint to joint where a limb is, and how much all joints may take up.
MARGIN = 50.0
STEP = 60.0
SMALLEST, LARGEST = 400.0, 2400.0
LETTERS = 0.42


def skeleton_picture(skeleton: Skeleton) -> ImageArray:
    """An RGB picture, as large as its joints need."""
    places_K2 = layout(skeleton)
    lowest_2, highest_2 = places_K2.min(axis=0), places_K2.max(axis=0)
    extent_2 = np.maximum(highest_2 - lowest_2, 1.0)
    pixels = float(np.clip(STEP, *(side / extent_2.max() for side in (SMALLEST, LARGEST))))
    width, height = (math.ceil(side) for side in extent_2 * pixels + 2 * MARGIN)
    joints_K2 = (places_K2 - (lowest_2 + highest_2) / 2.0) * pixels + [width / 2, height / 2]
    canvas_HW3 = np.full((height, width, 3), OUTSIDE, np.uint8)
    same_23 = np.eye(2, 3)
    draw_pose(canvas_HW3, same_23, joints_K2, np.ones(len(joints_K2)), skeleton, Pen(bone=3, joint=6, rim=1.5))
    for joint, (x, y) in enumerate(joints_K2.tolist()):
        place = (round(x) + 9, round(y) - 7)
        cv2.putText(canvas_HW3, str(joint), place, cv2.FONT_HERSHEY_SIMPLEX, LETTERS, MIDDLE, 1, cv2.LINE_AA)
    return canvas_HW3
