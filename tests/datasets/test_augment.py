"""The augmentation has SimpleBaseline's distributions and depends on (seed, epoch, person) alone."""

from __future__ import annotations

import numpy as np
import pytest

from heatmark.datasets.augment import RECIPES, Augmentation, Purpose, half_body_box, random_stream, sample_augmentation
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.skeletons import COCO_PERSON, MPII_PERSON

DRAWS = 20_000


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return numbers(CropSettings())


def numbers(settings: CropSettings) -> np.ndarray:
    """Scale factor, degrees, mirrored: a row per draw."""
    return np.array([sample_augmentation(settings, 7, 3, person)[:3] for person in range(DRAWS)], dtype=float)


def test_scale_is_a_normal_clipped_at_one_deviation(drawn: np.ndarray) -> None:
    factor = drawn[:, 0]
    assert (factor.min(), factor.max()) == pytest.approx((0.7, 1.3))
    # 15.87 % of a normal lies beyond one deviation on each side.
    assert np.mean(np.isclose(factor, 0.7)) == pytest.approx(0.1587, abs=0.01)
    assert np.mean(np.isclose(factor, 1.3)) == pytest.approx(0.1587, abs=0.01)
    assert factor.mean() == pytest.approx(1, abs=0.005)


def test_rotation_is_a_normal_clipped_at_two_deviations_on_six_of_ten(drawn: np.ndarray) -> None:
    degrees = drawn[:, 1]
    assert np.mean(degrees != 0) == pytest.approx(0.6, abs=0.015)
    assert np.abs(degrees).max() == pytest.approx(80)
    turned = degrees[degrees != 0]
    assert np.mean(np.isclose(np.abs(turned), 80)) == pytest.approx(0.0455, abs=0.008)
    # Standard deviation of a normal clipped at 2: 0.9596.
    assert turned.std() == pytest.approx(40 * 0.9596, rel=0.02)


def test_half_are_mirrored(drawn: np.ndarray) -> None:
    assert drawn[:, 2].mean() == pytest.approx(0.5, abs=0.015)


def test_the_three_are_independent(drawn: np.ndarray) -> None:
    correlation = np.corrcoef(drawn.T) - np.eye(3)
    assert np.abs(correlation).max() < 0.03


def test_the_same_arguments_give_the_same_draw() -> None:
    assert sample_augmentation(CropSettings(), 1, 2, 3) == sample_augmentation(CropSettings(), 1, 2, 3)


def test_seed_epoch_and_person_each_change_it() -> None:
    some = {
        sample_augmentation(CropSettings(), *key) for key in [(1, 2, 3), (0, 2, 3), (1, 0, 3), (1, 2, 0), (3, 2, 1)]
    }
    assert len(some) == 5


def test_switching_one_off_leaves_the_others() -> None:
    with_all = sample_augmentation(CropSettings(), 0, 0, 5)
    without_scale = sample_augmentation(CropSettings(scale=0), 0, 0, 5)
    assert without_scale == with_all._replace(scale_factor=1.0)
    assert sample_augmentation(CropSettings(scale=0, rotation=0, flip=0), 0, 0, 5) == Augmentation()


def test_order_and_augmentation_never_share_numbers() -> None:
    draws = [random_stream(0, 0, purpose).random(1000) for purpose in Purpose]
    assert not np.isin(draws[0], draws[1]).any()


def test_rle_draws_evenly() -> None:
    factor, degrees, _ = numbers(CropSettings(scale=0.25, rotation=45, augmentation="rle")).T
    turned = degrees[degrees != 0]
    assert len(turned) / DRAWS == pytest.approx(0.5, abs=0.015)
    for drawn, low, high in ((factor, 0.75, 1.25), (turned, -45, 45)):
        assert low <= drawn.min() and drawn.max() <= high
        # Standard deviation of a uniform distribution: its width over the root of 12.
        assert drawn.std() == pytest.approx((high - low) / 12**0.5, rel=0.02)


def test_mmpose_draws_a_normal_without_its_tails() -> None:
    factor, degrees, _ = numbers(CropSettings(scale=0.5, rotation=80, augmentation="mmpose")).T
    turned = degrees[degrees != 0]
    assert len(turned) / DRAWS == pytest.approx(0.6, abs=0.015)
    for drawn, middle, reach in ((factor, 1.0, 0.5), (turned, 0.0, 80.0)):
        assert abs(drawn - middle).max() <= reach
        # Standard deviation of N(0, 1) truncated at 1: 0.5396.
        assert drawn.std() == pytest.approx(0.5396 * reach, rel=0.02)


def test_a_recipes_half_bodies_and_shifts_have_its_probabilities() -> None:
    settings = CropSettings(half_body=0.3, shift=0.16, augmentation="mmpose")
    drawn = [sample_augmentation(settings, 7, 3, person) for person in range(DRAWS)]
    halves = [each.half for each in drawn if each.half]
    assert len(halves) / DRAWS == pytest.approx(0.3, abs=0.015)
    assert halves.count("upper") / len(halves) == pytest.approx(0.7, abs=0.02)
    shifts = np.array([each.shift for each in drawn if each.shift != (0.0, 0.0)])
    assert len(shifts) / DRAWS == pytest.approx(0.3, abs=0.015)
    assert abs(shifts).max() <= 0.16 and shifts.std() == pytest.approx(0.16 * 0.5396, rel=0.03)
    hrnet = CropSettings(half_body=1.0, augmentation="hrnet")
    upper = [sample_augmentation(hrnet, 7, 3, person).half == "upper" for person in range(DRAWS)]
    # P(randn() < 0.5), HRNet's own way of choosing.
    assert np.mean(upper) == pytest.approx(0.6915, abs=0.015)


JOINTS = np.column_stack([np.arange(17.0) * 10, np.arange(17.0) ** 2])


def test_half_a_body_is_the_extent_of_its_joints_about_their_mean() -> None:
    recipe, everything = RECIPES["hrnet"], np.ones(17)
    x, y, width, height = half_body_box(JOINTS, everything, COCO_PERSON, "upper", recipe)  # type: ignore[misc]
    assert (width, height) == (100, 100)
    assert (x + width / 2, y + height / 2) == pytest.approx(JOINTS[:11].mean(axis=0))
    x, y, width, height = half_body_box(JOINTS, everything, COCO_PERSON, "lower", recipe)  # type: ignore[misc]
    assert (width, height) == (50, 16**2 - 11**2)


def test_half_a_body_needs_joints() -> None:
    recipe = RECIPES["hrnet"]
    eight, legless = np.arange(17) < 8, np.arange(17) < 11
    assert half_body_box(JOINTS, eight, COCO_PERSON, "upper", recipe) is None
    upper = half_body_box(JOINTS, np.ones(17), COCO_PERSON, "upper", recipe)
    assert half_body_box(JOINTS, legless, COCO_PERSON, "lower", recipe) == upper
    assert half_body_box(JOINTS[:16], np.ones(16), MPII_PERSON, "upper", recipe) is None
