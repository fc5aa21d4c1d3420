"""The augmentation has SimpleBaseline's distributions and depends on (seed, epoch, person) alone."""

from __future__ import annotations

import numpy as np
import pytest

from heatmark.datasets.augment import Augmentation, CropSettings, Purpose, random_stream, sample_augmentation

DRAWS = 20_000


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return np.array([sample_augmentation(CropSettings(), 7, 3, person) for person in range(DRAWS)], dtype=float)


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
