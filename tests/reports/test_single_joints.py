"""What the report says of single joints, kinds of error, other read-outs and confidences, on made-up evaluations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from heatmark.datasets.metrics.error_kinds import KINDS, MENDABLE
from heatmark.models.methods import BiasCompensated, Detection
from heatmark.reports.build import build_report
from heatmark.reports.statistics.bootstrap import average_precision
from heatmark.reports.statistics.calibration import auroc, reliability, sparsification_error
from tests.reports.recorded import Arrays, made_up_people, with_errors, with_kinds, write_records

Replay = dict[str, Callable[..., Any]]
PEOPLE = made_up_people(150)
READINGS = ("exact", "argmax", "dark", "bcir@10")


def evaluated(seed: int) -> Arrays:
    return with_kinds(with_errors(PEOPLE, 4.0, seed), READINGS, seed)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, replay: Replay) -> Path:
    """Detection with two seeds and other read-outs, BCIR from before there were any."""
    sweep = tmp_path_factory.mktemp("kinds")
    for method, seed in ((Detection(), 0), (Detection(), 1), (BiasCompensated(t_o=10), 0)):
        run = replay["write_spec"](sweep, replay["trial_spec"](method, sweep / "gone", seed))
        replay["write_result"](run, replay["write_epochs"](run, 0))
        write_records(run.path, evaluated(seed) if isinstance(method, Detection) else with_errors(PEOPLE, 4.0, seed))
    build_report(sweep)
    return sweep / "report" / "tables"


def test_shares_of_kinds_and_what_mending_them_is_worth(tables: Path) -> None:
    table = pd.read_csv(tables / "error_kinds.csv").set_index("cell")
    assert list(table.index) == ["Detection"]
    found_NK = np.vstack([evaluated(seed)["kind"] for seed in (0, 1)])
    for place, kind in enumerate(KINDS):
        assert table.loc["Detection", kind] == pytest.approx((found_NK == place + 1).sum() / (found_NK > 0).sum())
    gains = np.zeros((2, 4))
    for seed in (0, 1):
        columns = evaluated(seed)
        place_N = np.arange(150) // 2
        once = np.ones((1, 75), np.float32)

        def ap(oks_N: Any, place_N: Any = place_N, columns: Arrays = columns, once: Any = once) -> float:
            return float(average_precision(place_N, columns["score"], oks_N)(once)[0])

        gains[seed] = [ap(columns["oks_mended"][:, kind]) - ap(columns["oks"]) for kind in range(4)]
    for kind, gain in zip(MENDABLE, gains.mean(axis=0), strict=True):
        assert table.loc["Detection", f"{kind}_ap_gain"] == pytest.approx(gain, abs=1e-6)


def test_kinds_by_joint_size_and_occlusion_add_up(tables: Path) -> None:
    table = pd.read_csv(tables / "error_kinds_by_part.csv")
    found_NK = np.vstack([evaluated(seed)["kind"] for seed in (0, 1)])
    by_joint = table[table["factor"] == "joint"]
    assert by_joint["joints"].tolist() == (found_NK > 0).sum(axis=0).tolist()
    assert by_joint[list(KINDS)].to_numpy().sum() == (found_NK > 0).sum()
    assert set(table["factor"]) == {"joint", "size", "occlusion"}


def test_every_joint_has_its_error_and_its_direction(tables: Path) -> None:
    table = pd.read_csv(tables / "joints.csv")
    detection = table[table["cell"] == "Detection"]
    columns = [evaluated(seed) for seed in (0, 1)]
    error_K = np.mean([np.nanmean(each["error"], axis=0) for each in columns], axis=0)
    towards_K = np.mean([np.nanmean(each["towards"], axis=0) for each in columns], axis=0)
    right_K = np.mean(
        [np.isin(each["kind"], (1, 2)).sum(axis=0) / (each["kind"] > 0).sum(axis=0) for each in columns], axis=0
    )
    assert detection["epe"].to_numpy(float) == pytest.approx(error_K, rel=1e-5)
    assert detection["towards_centre"].to_numpy(float) == pytest.approx(towards_K, rel=1e-4)
    assert detection["right"].to_numpy(float) == pytest.approx(right_K)
    # Records of the first version know errors alone.
    assert table[table["cell"] != "Detection"]["towards_centre"].isna().all()
    assert table[table["cell"] != "Detection"]["epe"].notna().all()


def test_one_net_under_every_read_out(tables: Path) -> None:
    table = pd.read_csv(tables / "readings.csv").set_index("readout")
    assert list(table.index) == ["own", "exact", "argmax", "dark", "bcir"]
    error = np.mean([np.nanmean(evaluated(seed)["error"]) for seed in (0, 1)])
    for place, epe in enumerate(table["epe"].astype(float)):
        assert epe == pytest.approx(error * 0.9**place, rel=1e-4)
    assert table["headline"].astype(float).is_monotonic_increasing


def test_methods_are_compared_as_the_exact_mirror_has_them(tables: Path) -> None:
    """The exact reading errs a tenth less than the published one."""
    pairs = pd.read_csv(tables / "comparisons.csv").query("metric == 'EPE' and subset == 'all'")
    error = np.mean([np.nanmean(evaluated(seed)["error"]) for seed in (0, 1)])
    assert pairs["first"].tolist() == ["Detection"]
    assert pairs["first_value"].astype(float).tolist() == pytest.approx([0.9 * error], rel=1e-4)


def test_folds_are_on_the_page_alone(tables: Path) -> None:
    page = (tables.parents[1] / "report.html").read_text()
    assert page.count("<details><summary>") == 3
    assert "<summary>Kinds of error by joint, size and occlusion</summary>" in page


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    # Right .9, .5, .5; wrong .5, .1: of six pairs four in order and two ties.
    assert auroc([0.9, 0.5, 0.5, 0.5, 0.1], [1, 1, 1, 0, 0]) == pytest.approx((4 + 2 * 0.5) / 6)
    assert auroc([0.9, 0.5], [1, 1]) is None


def test_reliability_of_a_forecaster_who_is_always_half_too_sure() -> None:
    found = reliability([0.5] * 10 + [1.0] * 10, [1, 0, 0, 0] * 2 + [0, 1] + [1, 0] * 5, bins=2)
    assert found.confidence_B.tolist() == [0.5, 1.0] and found.count_B.tolist() == [10, 10]
    assert found.right_B.tolist() == pytest.approx([0.3, 0.5])
    assert found.expected_error == pytest.approx((0.2 + 0.5) / 2)
    # A peak above 1 counts as 1.
    assert reliability([7.0], [1]).expected_error == 0
    with pytest.raises(ValueError, match="no joint"):
        reliability([], [])


def test_sparsification_is_without_error_in_the_order_of_the_errors() -> None:
    error_N = np.arange(1.0, 41.0)
    assert sparsification_error(-error_N, error_N) == pytest.approx(0)
    assert sparsification_error([1.0, 2.0], [0.0, 0.0]) is None
    # Two joints, errors 0 and 2, the wrong one more certain: with up to a quarter left out both stay (mean 1 either
    # way), in the 14 further steps of 20 one stays: error 2 instead of 0, of a mean of 1.
    assert sparsification_error([1.0, 2.0], [0.0, 2.0]) == pytest.approx(14 * 2 / 20)
