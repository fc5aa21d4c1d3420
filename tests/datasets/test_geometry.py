"""The crop's geometry against SimpleBaseline's definition, worked out another way."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatmark.datasets.geometry import (
    apply_affine,
    crop_affine,
    crop_size,
    heatmap_pitch,
    heatmap_to_input,
    input_to_heatmap,
    invert_affine,
    mirror_lag,
    mirror_points,
)

SIZES = [(192, 256), (256, 256), (288, 384)]
BOX = (30.0, 40.0, 60.0, 100.0)

boxes = st.tuples(st.floats(-500, 2000), st.floats(-500, 2000), st.floats(1, 3000), st.floats(1, 3000))
points = st.lists(st.tuples(st.floats(-1000, 4000), st.floats(-1000, 4000)), min_size=1, max_size=17)
angles = st.floats(-180, 180)
factors = st.floats(0.5, 1.5)


def three_point_affine(
    box_xywh: tuple[float, float, float, float], size: tuple[int, int], padding: float, degrees: float, factor: float
) -> np.ndarray:
    """SimpleBaseline's text: centre, half a side up, and the perpendicular go to W/2, H/2 and their like."""
    x, y, width, height = box_xywh
    aspect = size[0] / size[1]
    width = max(width, aspect * height) * padding * factor
    centre = np.array([x + box_xywh[2] / 2, y + box_xywh[3] / 2])
    angle = math.radians(degrees)
    up = width / 2 * np.array([math.sin(angle), -math.cos(angle)])
    target, target_up = np.array(size) / 2, np.array([0, -size[0] / 2])

    def corners(middle: np.ndarray, arm: np.ndarray) -> np.ndarray:
        # The third point stands off the second by the arm turned a quarter.
        return np.array([middle, middle + arm, middle + arm + [arm[1], -arm[0]]], np.float32)

    return cv2.getAffineTransform(corners(centre, up), corners(target, target_up))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("degrees", "factor"), [(0, 1), (30, 1), (-75, 1.3), (180, 0.7)])
@pytest.mark.parametrize("box", [BOX, (3.0, 5.0, 300.0, 20.0), (-10.0, 0.0, 1.0, 500.0)])
def test_the_crop_is_the_three_point_affine(
    box: tuple[float, float, float, float], size: tuple[int, int], degrees: float, factor: float
) -> None:
    expected_23 = three_point_affine(box, size, 1.25, degrees, factor)
    affine_23 = crop_affine(box, size, 1.25, degrees, factor)
    corners_42 = np.array([[0, 0], [640, 0], [0, 480], [640, 480.0]])
    # OpenCV takes the three points in float32.
    assert apply_affine(affine_23, corners_42) == pytest.approx(apply_affine(expected_23, corners_42), abs=0.02)


def test_by_hand() -> None:
    # Height 100 asks for width 75; with padding 93.75 x 125 about (60, 90), so one image pixel is 2.048 input pixels.
    affine_23 = crop_affine(BOX, (192, 256), 1.25)
    assert affine_23 == pytest.approx(np.array([[2.048, 0, 96 - 60 * 2.048], [0, 2.048, 128 - 90 * 2.048]]))
    assert apply_affine(affine_23, np.array([[60.0, 90.0], [60 - 46.875, 90 - 62.5]])) == pytest.approx(
        np.array([[96.0, 128.0], [0.0, 0.0]])
    )


def test_a_wide_box_grows_in_height() -> None:
    affine_23 = crop_affine((0, 0, 150, 100), (192, 256), 1.0)
    assert affine_23[0, 0] == pytest.approx(192 / 150)
    assert apply_affine(affine_23, np.array([[75.0, 50.0]])) == pytest.approx(np.array([[96.0, 128.0]]))


def test_a_quarter_turn_clockwise_brings_the_right_side_up() -> None:
    affine_23 = crop_affine((0, 0, 100, 100), (256, 256), 1.0, rotation_deg=90)
    assert apply_affine(affine_23, np.array([[100.0, 50.0]])) == pytest.approx(np.array([[128.0, 0.0]]))


@pytest.mark.parametrize("degrees", [0.0, 25.0])
def test_a_mirrored_crop_is_the_crop_of_the_mirrored_image(degrees: float) -> None:
    width = 640
    points_N2 = np.array([[10.0, 20.0], [61.5, 90.25], [639.0, 0.0]])
    x, y, box_width, box_height = BOX
    # The centre x + w/2 of the box goes to width - 1 - (x + w/2).
    mirrored_box = (width - 1 - x - box_width, y, box_width, box_height)
    of_mirrored_image = apply_affine(
        crop_affine(mirrored_box, (192, 256), 1.25, degrees), mirror_points(points_N2, width)
    )
    at_once = apply_affine(crop_affine(BOX, (192, 256), 1.25, degrees, mirrored=True), points_N2)
    assert at_once == pytest.approx(of_mirrored_image, abs=1e-9)


@given(boxes, points, angles, factors, st.booleans(), st.sampled_from(SIZES))
def test_there_and_back(
    box: tuple[float, float, float, float],
    some: list[tuple[float, float]],
    degrees: float,
    factor: float,
    mirrored: bool,
    size: tuple[int, int],
) -> None:
    points_N2 = np.array(some)
    affine_23 = crop_affine(box, size, 1.25, degrees, factor, mirrored=mirrored)
    back_N2 = apply_affine(invert_affine(affine_23), apply_affine(affine_23, points_N2))
    assert back_N2 == pytest.approx(points_N2, abs=1e-9)
    in_crop_N2 = points_N2 % size[0]
    returned_N2 = apply_affine(affine_23, apply_affine(invert_affine(affine_23), in_crop_N2))
    assert returned_N2 == pytest.approx(in_crop_N2, abs=1e-9)


@given(boxes, angles, factors, st.booleans(), st.sampled_from(SIZES))
def test_a_crop_is_a_similarity_with_the_box_in_its_middle(
    box: tuple[float, float, float, float], degrees: float, factor: float, mirrored: bool, size: tuple[int, int]
) -> None:
    affine_23 = crop_affine(box, size, 1.25, degrees, factor, mirrored=mirrored)
    linear_22 = affine_23[:, :2]
    zoom = size[0] / (max(box[2], box[3] * size[0] / size[1]) * 1.25 * factor)
    assert linear_22 @ linear_22.T == pytest.approx(zoom**2 * np.eye(2), rel=1e-9, abs=1e-9 * zoom**2)
    assert np.sign(np.linalg.det(linear_22)) == (-1 if mirrored else 1)
    centre_12 = np.array([[box[0] + box[2] / 2, box[1] + box[3] / 2]])
    assert apply_affine(affine_23, centre_12) == pytest.approx(np.array([size]) / 2, abs=1e-6)


@given(points)
def test_heatmap_pixels_and_mirrors_return(some: list[tuple[float, float]]) -> None:
    points_N2 = np.array(some)
    assert input_to_heatmap(heatmap_to_input(points_N2, 4), 4) == pytest.approx(points_N2, abs=1e-9)
    assert mirror_points(mirror_points(points_N2, 192), 192) == pytest.approx(points_N2, abs=1e-9)


def test_the_heatmap_is_the_crop_at_its_own_size() -> None:
    # SBL maps back with the affine of the heatmap's size: the same as stride times the pixel, without a half.
    at_heatmap_size_23 = crop_affine(BOX, (48, 64), 1.25)
    at_input_size_23 = crop_affine(BOX, (192, 256), 1.25)
    pixels_N2 = np.array([[0.0, 0.0], [47.0, 63.0], [10.25, 3.5]])
    expected_N2 = apply_affine(invert_affine(at_heatmap_size_23), pixels_N2)
    assert apply_affine(invert_affine(at_input_size_23), heatmap_to_input(pixels_N2, 4)) == pytest.approx(expected_N2)


def test_one_affine_for_each_person() -> None:
    affines_B23 = np.stack([crop_affine(BOX, size, 1.25, 10) for size in SIZES])
    points_BN2 = np.random.default_rng(0).uniform(0, 500, (3, 17, 2))
    expected = [apply_affine(affine, points) for affine, points in zip(affines_B23, points_BN2, strict=True)]
    assert apply_affine(affines_B23, points_BN2) == pytest.approx(np.stack(expected))


def test_mirroring_swaps_the_border_pixels() -> None:
    assert mirror_points(np.array([[0.0, 5.0], [191.0, 7.0]]), 192).tolist() == [[191.0, 5.0], [0.0, 7.0]]


@pytest.mark.parametrize("size", SIZES)
def test_udp_counts_in_intervals(size: tuple[int, int]) -> None:
    """The corners of the padded box are the centres of the crop's outermost pixels, and those of the heatmap's."""
    width, height = size
    source_width, source_height = crop_size(BOX, size, 1.25)
    x, y = BOX[0] + BOX[2] / 2 - source_width / 2, BOX[1] + BOX[3] / 2 - source_height / 2
    corners_22 = np.array([[x, y], [x + source_width, y + source_height]])
    crop_22 = apply_affine(crop_affine(BOX, size, 1.25, geometry="udp"), corners_22)
    assert crop_22 == pytest.approx(np.array([[0, 0], [width - 1, height - 1]]), abs=1e-9)
    heatmap_22 = input_to_heatmap(crop_22, heatmap_pitch(size, 4, "udp"))
    assert heatmap_22 == pytest.approx(np.array([[0, 0], [width // 4 - 1, height // 4 - 1]]), abs=1e-9)


@pytest.mark.parametrize("geometry", ["biased", "udp"])
def test_image_to_heatmap_and_back(geometry: Any) -> None:
    affine_23 = crop_affine(BOX, (192, 256), 1.25, 33, 1.2, mirrored=True, shift=(0.1, -0.05), geometry=geometry)
    points_N2, pitch = np.random.default_rng(0).uniform(-100, 500, (100, 2)), heatmap_pitch((192, 256), 4, geometry)
    heatmap_N2 = input_to_heatmap(apply_affine(affine_23, points_N2), pitch)
    back_N2 = apply_affine(invert_affine(affine_23), heatmap_to_input(heatmap_N2, pitch))
    assert back_N2 == pytest.approx(points_N2, abs=1e-6)


@pytest.mark.parametrize("geometry", ["biased", "udp"])
def test_a_mirrored_back_map_lags_by_what_is_said(geometry: Any) -> None:
    """A point seen in the mirrored crop, at its place in the mirrored-back map, against its place in the map."""
    pitch = heatmap_pitch((192, 256), 4, geometry)
    in_crop_N2 = np.array([[70.0, 20.0], [101.5, 200.0]])
    here_N2 = input_to_heatmap(in_crop_N2, pitch)
    back_N2 = mirror_points(input_to_heatmap(mirror_points(in_crop_N2, 192), pitch), 48)
    assert here_N2 - back_N2 == pytest.approx(np.array([[mirror_lag(4, geometry), 0]] * 2), abs=1e-12)


def test_under_udp_a_mirrored_crop_is_the_mirrored_crop() -> None:
    points_N2 = np.array([[33.0, 60.0], [90.0, 10.0]])
    plain_N2 = apply_affine(crop_affine(BOX, (192, 256), 1.25, geometry="udp"), points_N2)
    mirrored_N2 = apply_affine(crop_affine(BOX, (192, 256), 1.25, mirrored=True, geometry="udp"), points_N2)
    assert mirrored_N2 == pytest.approx(mirror_points(plain_N2, 192), abs=1e-9)


def test_a_shift_is_in_sides_of_the_padded_box() -> None:
    """As mmpose draws it: before the box grows to the aspect of the crop, and before its random scale."""
    plain_23, shifted_23 = (
        crop_affine(BOX, (192, 256), 1.25, scale_factor=1.2, shift=shift) for shift in ((0.0, 0.0), (0.25, 0.1))
    )
    moved_2 = invert_affine(shifted_23)[:, 2] - invert_affine(plain_23)[:, 2]
    assert moved_2 == pytest.approx(np.array([0.25 * 1.25 * 60, 0.1 * 1.25 * 100]))
