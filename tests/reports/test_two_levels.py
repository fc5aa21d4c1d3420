"""A difference between cells is tested against both images and seeds: false alarms and power by simulation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats

from heatmark.reports.statistics.bootstrap import draw_resampling, ratio_of_sums
from heatmark.reports.statistics.intervals import Resampled, log_rank_p
from heatmark.reports.statistics.two_levels import Difference, difference, superiority

EXPERIMENTS = 200
# Two and a half standard deviations of a binomial.
ABOVE_LEVEL = 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / EXPERIMENTS)


def trained_twice(
    draw: np.random.Generator, images: int, seeds: int, spread: float, gap: float = 0.0
) -> tuple[list[Resampled], list[Resampled]]:
    """EPE of two methods. Errors of an image's people go together, and every net has its own luck with every image.

    spread: the standard deviation over seeds, as a share of EPE. gap: how much worse the second is.
    """
    people_I = draw.integers(1, 5, images)
    hard_I = people_I * draw.lognormal(0, 0.8, images)
    resampling = draw_resampling(np.arange(images), 300, seed=int(draw.integers(1 << 30)))

    def net(level: float, method_I: np.ndarray) -> Resampled:
        error_I = level * (1 + spread * draw.normal()) * hard_I * method_I * draw.lognormal(0, 0.3, images)
        return resampling.apply(ratio_of_sums(error_I, people_I))

    likings = (draw.lognormal(0, 0.2, images) for _ in range(2))
    first, second = (
        [net(level, liked_I) for _ in range(seeds)] for level, liked_I in zip((1, 1 + gap), likings, strict=True)
    )
    return first, second


def alarms(images: int, seeds: int, spread: float, gap: float = 0.0) -> tuple[float, float]:
    """Shares of experiments with p below 0.05: over images and seeds, and over images alone."""
    draw = np.random.default_rng([images, seeds, int(1000 * spread), int(1000 * gap)])
    both = alone = 0
    for _ in range(EXPERIMENTS):
        found = difference(*trained_twice(draw, images, seeds, spread, gap), images)
        both += found.p < 0.05
        only = Difference(found.value, found.image_variance, (None, None), images, (1, 1), 0.5)
        alone += only.p < 0.05
    return both / EXPERIMENTS, alone / EXPERIMENTS


@pytest.mark.parametrize(("images", "seeds"), [(10, 3), (20, 5), (50, 10), (200, 3), (1000, 5)])
@pytest.mark.parametrize("spread", [0.0, 0.02])
def test_equal_methods_are_told_apart_no_oftener_than_one_time_in_twenty(
    images: int, seeds: int, spread: float
) -> None:
    assert alarms(images, seeds, spread)[0] <= ABOVE_LEVEL


def test_images_alone_mistake_a_seed_for_a_method() -> None:
    both, alone = alarms(images=1000, seeds=3, spread=0.03)
    assert both <= ABOVE_LEVEL < 0.15 < alone


def test_five_seeds_find_a_gap_of_four_percent() -> None:
    assert alarms(images=2600, seeds=5, spread=0.01, gap=0.04)[0] > 0.7


def found_from(first: list[float], second: list[float], image_spread: float = 0.0, images: int = 1000) -> Difference:
    """image_spread: the chance of images, all of it in the second."""
    shared_B = np.random.default_rng(0).normal(0, image_spread, 4000)
    still = [Resampled(value, np.full(4000, value)) for value in first]
    moving = [Resampled(value, value + shared_B) for value in second]
    return difference(still, moving, images)


def test_without_chance_of_images_it_is_welchs_test() -> None:
    first, second = [4.0, 4.2, 4.1], [4.4, 4.9, 4.3, 4.6]
    theirs = scipy.stats.ttest_ind(first, second, equal_var=False)
    found = found_from(first, second)
    assert found.p == pytest.approx(theirs.pvalue)
    assert found.degrees_of_freedom == pytest.approx(theirs.df)
    assert found.interval() == pytest.approx(tuple(theirs.confidence_interval(0.95)))


def test_both_kinds_of_chance_are_added() -> None:
    found = found_from([4.0, 4.2, 4.1], [4.4, 4.9, 4.3], image_spread=0.5)
    seeds = found_from([4.0, 4.2, 4.1], [4.4, 4.9, 4.3])
    assert found.standard_error == pytest.approx(math.hypot(0.5, seeds.standard_error), rel=0.03)
    assert found.degrees_of_freedom > 50


def test_two_seeds_judge_nothing() -> None:
    found = found_from([4.0, 4.1], [4.4, 4.5, 4.6], image_spread=0.1)
    assert not found.judges_seeds
    assert found.standard_error == pytest.approx(0.1, rel=0.03)
    assert found_from([4.0], [4.4]).seeds_to_settle is None


def test_how_many_seeds_would_settle_it() -> None:
    """A gap as large as the spread over seeds takes about 17 a side (Cohen's table for d = 1, power .8)."""
    draw = np.random.default_rng(4)
    unit_S = scipy.stats.zscore(draw.normal(size=5), ddof=1)
    found = found_from(list(unit_S), list(unit_S + 1.0))
    assert found.seeds_to_settle in (17, 18)
    assert found.resolvable(17) == pytest.approx(1.0, abs=0.03)
    assert found_from(list(unit_S), list(unit_S + 0.01)).seeds_to_settle is None


def test_the_chance_that_a_new_seed_is_better() -> None:
    first_S, second_S = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.5, 0.0])
    u = scipy.stats.mannwhitneyu(first_S, second_S).statistic
    assert superiority(first_S, second_S) == pytest.approx(u / 9)


def test_no_chance_at_all() -> None:
    assert found_from([4.0] * 3, [4.0] * 3).p == 1.0
    assert found_from([4.0] * 3, [5.0] * 3).p == 0.0


def test_runs_that_never_arrived_are_counted() -> None:
    """Slow in epochs 1, 2 and 3 of five, of which two never arrived, is not faster than 4, 5, 6, 7 and 8."""
    slow = [(1.0, True), (2.0, True), (3.0, True), (20.0, False), (20.0, False)]
    fast = [(time, True) for time in (4.0, 5.0, 6.0, 7.0, 8.0)]
    assert log_rank_p(slow, fast) > 0.3


def test_three_runs_a_side_decide_nothing_and_five_do() -> None:
    early, late = [(time, True) for time in (1.0, 2.0, 3.0)], [(time, True) for time in (7.0, 8.0, 9.0)]
    assert log_rank_p(early, late) == pytest.approx(0.1)
    assert log_rank_p([*early, (2.5, True), (1.5, True)], [*late, (7.5, True), (8.5, True)]) == pytest.approx(2 / 252)
    assert log_rank_p(early, early) == 1.0


def test_the_statistic_is_that_of_the_log_rank_test() -> None:
    """Its sign and order are scipy's: over many splits, exact and asymptotic p-values go together."""
    draw = np.random.default_rng(8)
    pairs = []
    for _ in range(40):
        times = draw.exponential(5, 12).round(1) + 0.1
        seen = draw.random(12) < 0.8
        first, second = ([(float(t), bool(s)) for t, s in zip(times[k::2], seen[k::2], strict=True)] for k in range(2))
        groups: list[Any] = [
            scipy.stats.CensoredData(uncensored=[t for t, s in each if s], right=[t for t, s in each if not s])
            for each in (first, second)
        ]
        pairs.append((log_rank_p(first, second), scipy.stats.logrank(groups[0], groups[1]).pvalue))
    ours, theirs = np.array(pairs).T
    assert np.corrcoef(ours, theirs)[0, 1] > 0.98
    assert np.abs(ours - theirs).max() < 0.12
