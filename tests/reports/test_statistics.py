"""Intervals, p-values and survival against scipy, statsmodels, COCO's own evaluator, and simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.multitest import multipletests

from heatmark.datasets.metrics.oks import oks_metrics
from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.reports.statistics.bootstrap import average_precision, draw_resampling, ratio_of_sums
from heatmark.reports.statistics.intervals import Resampled, holm, kaplan_meier, mean_over_seeds
from heatmark.reports.statistics.two_levels import difference


def test_our_resamples_vary_as_scipys_do() -> None:
    values = np.random.default_rng(4).gamma(2, 3, 80)
    found = draw_resampling(np.arange(80), 6000).apply(ratio_of_sums(values, np.ones(80)))
    theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=6000, rng=np.random.default_rng(6))
    assert found.value == pytest.approx(values.mean())
    assert found.resamples_B.std(ddof=1) == pytest.approx(theirs.standard_error, rel=0.03)


def test_coverage_of_a_difference_of_means_over_joints() -> None:
    """Images of unlike numbers of joints whose errors go together: 95 % intervals hold the truth in 95 % of 300 sets.

    With 600 images, and one seed of each.
    """
    draw = np.random.default_rng(11)
    held = false_alarms = 0
    for _ in range(300):
        joints_I = draw.integers(1, 30, 600)
        easy_I = draw.gamma(4, 0.25, 600)
        first_I, second_I, third_I = (joints_I * easy_I * draw.gamma(9, scale / 9, 600) for scale in (5.0, 4.0, 4.0))
        resampling = draw_resampling(np.arange(600), 400, seed=int(draw.integers(1 << 30)))
        sums = (first_I, second_I, third_I)
        first, second, third = (resampling.apply(ratio_of_sums(each_I, joints_I)) for each_I in sums)
        low, high = difference([first], [second], 600).interval()
        held += low <= 1.0 <= high
        false_alarms += difference([second], [third], 600).p < 0.05
    # Two and a half standard deviations of a binomial.
    assert 0.918 <= held / 300 <= 0.982
    assert 0.018 <= false_alarms / 300 <= 0.082


def test_what_is_not_finite_is_of_no_use() -> None:
    assert Resampled(1.0, np.array([1.0] * 9 + [np.nan])).usable
    assert not Resampled(float("nan"), np.zeros(100)).usable
    assert not Resampled(1.0, np.full(100, np.nan)).usable


def test_seeds_are_averaged_resample_by_resample() -> None:
    draw = np.random.default_rng(1)
    parts = [Resampled(float(v), draw.normal(v, 1, 20)) for v in (1, 2, 6)]
    mean = mean_over_seeds(parts)
    assert mean.value == 3
    assert mean.resamples_B[7] == pytest.approx(np.mean([part.resamples_B[7] for part in parts]))


def test_every_image_is_drawn_as_often_as_there_are_images() -> None:
    resampling = draw_resampling([5, 9, 9, 7], 50)
    assert resampling.image_I.tolist() == [5, 7, 9]
    assert (resampling.counts_BI.sum(1) == 3).all()
    assert np.array_equal(resampling.counts_BI, draw_resampling([5, 7, 9], 50).counts_BI)


def coco_task(people: int = 37, per_image: int = 3, copies: int = 1) -> tuple[Any, Any, Any]:
    """People far from each other and predictions of each: ground truth, results, OKS by COCO's formula."""
    draw = np.random.default_rng(8)
    sigmas = np.array(COCO_PERSON.sigmas)
    truth: Any = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person"}]}
    results, rows = [], []
    for person in range(people):
        # Always the same number of draws.
        joints_K2 = draw.uniform(0, 60, (17, 2)) + 1000 * (person % per_image)
        noise_K2 = draw.normal(0, draw.choice([1.0, 3.0, 6.0]), (17, 2))
        score, area = float(draw.random()), float(draw.uniform(2000, 6000))
        distance_K = (noise_K2**2).sum(1)
        oks = float(np.exp(-distance_K / (2 * sigmas) ** 2 / (area + np.spacing(1)) / 2).mean())
        rows.append((person // per_image, score, oks))
        for copy in range(copies if person // per_image == 2 else 1):
            image_id = 100 * copy + person // per_image + 1
            keypoints = np.column_stack([joints_K2, np.full(17, 2)]).ravel().tolist()
            predicted = np.column_stack([joints_K2 + noise_K2, np.full(17, 0.9)]).ravel().tolist()
            box = [1000.0 * (person % per_image), 0.0, 60.0, 60.0]
            annotation: dict[str, Any] = {
                "id": len(truth["annotations"]) + 1,
                "image_id": image_id,
                "category_id": 1,
                "iscrowd": 0,
            }
            annotation |= {"bbox": box, "area": area, "num_keypoints": 17, "keypoints": keypoints}
            truth["annotations"].append(annotation)
            results.append({"image_id": image_id, "category_id": 1, "keypoints": predicted, "score": score})
    truth["images"] = [{"id": image} for image in sorted({each["image_id"] for each in truth["annotations"]})]
    return truth, results, np.array(rows)


def test_ap_of_own_matches_is_cocos_where_people_stand_apart() -> None:
    truth, results, rows = coco_task()
    statistic = average_precision(rows[:, 0].astype(int), rows[:, 1], rows[:, 2])
    (ours,) = statistic(np.ones((1, 13), np.float32))
    theirs = oks_metrics(truth, results)["AP"]
    assert 0.2 < ours < 0.95
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_a_weight_of_three_is_an_image_that_is_there_three_times() -> None:
    truth, results, _ = coco_task(copies=3)
    _, _, rows = coco_task()
    statistic = average_precision(rows[:, 0].astype(int), rows[:, 1], rows[:, 2])
    weights = np.ones((1, 13), np.float32)
    weights[0, 2] = 3
    assert statistic(weights)[0] == pytest.approx(oks_metrics(truth, results)["AP"], abs=1e-5)


def test_more_than_twenty_people_of_an_image_are_not_all_predicted() -> None:
    image_N, score_N = np.zeros(25, int), np.linspace(1, 0, 25)
    (ap,) = average_precision(image_N, score_N, np.ones(25))(np.ones((1, 1), np.float32))
    assert ap == pytest.approx(81 / 101)


def test_holm_agrees_with_statsmodels() -> None:
    p_values = [0.011, 0.2, 0.0004, 0.03, 0.011, 0.9]
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert holm([]) == [] and holm([0.3]) == [0.3]


@pytest.mark.parametrize(
    ("times", "arrived"),
    [
        ([3, 5, 5, 8, 10, 12], [True, True, False, True, False, True]),
        ([1, 2, 3, 4, 5], [True] * 5),
        ([6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9], [True] * 9 + [False] * 2),
    ],
)
def test_survival_agrees_with_statsmodels(times: list[float], arrived: list[bool]) -> None:
    ours, theirs = kaplan_meier(times, arrived), SurvfuncRight(np.array(times), np.array(arrived, int))
    events = theirs.n_events > 0
    assert ours.times_T == tuple(theirs.surv_times[events])
    assert ours.share_T == pytest.approx(theirs.surv_prob[events])
    assert ours.median == theirs.quantile(0.5)


def test_a_median_that_was_not_reached_is_none() -> None:
    survival = kaplan_meier([4, 9, 9], [True, False, False])
    assert (survival.median, survival.arrived, survival.censored) == (None, 1, 2)
    assert kaplan_meier([], []).median is None
