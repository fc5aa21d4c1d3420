"""Methods over several settings: Demsar's own example, scipy, sums by hand, and a made-up sweep of two data sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from heatmark.models.methods import BiasCompensated, Detection, IntegralRegression
from heatmark.reports.build import build_report
from heatmark.reports.comparing.across import Across
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import collect
from heatmark.reports.rendering.document import Shown
from heatmark.reports.sections.across import AcrossSettings
from heatmark.reports.statistics.across import (
    critical_difference,
    friedman,
    improvement,
    interquartile_interval,
    interquartile_mean,
    performance_profile,
    ranks,
)
from heatmark.reports.statistics.ranked import trimmed_mean
from heatmark.workloads.spec import DataSpec
from tests.reports.recorded import made_up_people, with_errors, write_records

Replay = dict[str, Callable[..., Any]]
DETECTION, IPR, BCIR = Detection(), IntegralRegression(beta=10.0), BiasCompensated(beta=10.0, t_o=10)
# AUC of C4.5 and of it with m, cf and both tuned on 14 data sets (Demsar 2006, Table 6), per mille. On voting the last
# two print alike and rank apart.
DEMSAR_Nk = np.array(
    [
        *([763, 768, 771, 798], [599, 591, 590, 569], [954, 971, 968, 967], [628, 661, 654, 657]),
        *([882, 888, 886, 898], [936, 931, 916, 931], [661, 668, 609, 685], [583, 583, 563, 625]),
        *([775, 838, 866, 875], [1000, 1000, 1000, 1000], [940, 962, 965, 962], [619, 666, 614, 669]),
        *([972, 981, 975, 974.9], [957, 978, 946, 970]),
    ]
)


def test_demsars_example() -> None:
    rank_Nk = ranks(DEMSAR_Nk)
    assert rank_Nk[0].tolist() == [4, 3, 2, 1] and rank_Nk[5].tolist() == [1, 2.5, 4, 2.5]
    assert rank_Nk.mean(axis=0) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    found = friedman(rank_Nk)
    assert found.chi_square == pytest.approx(9.28, abs=0.01) and found.f == pytest.approx(3.69, abs=0.01)
    # He finds F above 2.85, which is F(3, 39) at 0.05.
    assert found.f_p == pytest.approx(scipy.stats.f.sf(found.f, 3, 39)) and found.f_p < 0.05
    # Dealt anew, equal ranks are equal again, which scipy's correction for ties is for.
    theirs = scipy.stats.friedmanchisquare(*DEMSAR_Nk.T)
    assert found.p == pytest.approx(theirs.pvalue, abs=0.005) and found.chi_square < theirs.statistic
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_nemenyis_q_is_that_of_demsars_table(methods: int, q: float) -> None:
    assert critical_difference(methods, 6) == pytest.approx(q * math.sqrt(methods * (methods + 1) / 36), abs=1e-3)


@pytest.mark.parametrize("methods", [2, 3, 7, 20])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.999])
def test_nemenyis_q_is_scipys(methods: int, level: float) -> None:
    q = float(scipy.stats.studentized_range.ppf(level, methods, np.inf))
    mine = critical_difference(methods, 6, level) / math.sqrt(methods * (methods + 1) / 36)
    assert mine == pytest.approx(q / math.sqrt(2), abs=1e-9)


def test_ranks_and_cut_means_are_scipys() -> None:
    draw = np.random.default_rng(0)
    for count in (1, 2, 5, 8, 100):
        value_XN = draw.integers(0, 9, (20, count)).astype(np.float64)
        assert trimmed_mean(value_XN, 0.25) == pytest.approx(scipy.stats.trim_mean(value_XN, 0.25, axis=1))
        np.testing.assert_array_equal(ranks(value_XN), scipy.stats.rankdata(-value_XN, axis=1))


@pytest.mark.parametrize(("settings", "methods"), [(5, 3), (12, 6), (40, 4)])
def test_friedmans_chi_square_is_scipys(settings: int, methods: int) -> None:
    score_Nk = np.random.default_rng(settings).random((settings, methods))
    theirs = scipy.stats.friedmanchisquare(*score_Nk.T)
    found = friedman(ranks(score_Nk))
    assert (found.chi_square, found.chi_square_p) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_two_settings_that_agree_prove_nothing() -> None:
    """Of two methods the same is ahead in both, as chance has it every other time; Iman and Davenport's p is 0."""
    found = friedman(np.array([[1.0, 2.0], [1.0, 2.0]]))
    assert (found.chi_square, found.f, found.f_p, found.p) == (2, math.inf, 0, 0.5)
    # Three settings, three methods: 6 of the 6^3 ways agree like this.
    assert friedman(np.array([[1.0, 2.0, 3.0]] * 3)).p == pytest.approx(1 / 36)
    assert friedman(np.full((4, 3), 2.0)).p == 1


def test_many_ways_to_deal_are_sampled() -> None:
    found = friedman(ranks(np.random.default_rng(2).random((30, 6))))
    assert found.p == pytest.approx(found.chi_square_p, abs=0.02)
    assert 0 < friedman(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]] * 9)).p <= 1e-4


def test_no_alarm_where_all_methods_are_alike() -> None:
    draw = np.random.default_rng(1)
    alarms = np.mean([friedman(ranks(draw.random((4, 4)))).p < 0.05 for _ in range(400)])
    assert alarms <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 400)


def test_the_middle_half() -> None:
    """Of eight runs the four in the middle: (2 + 3 + 4 + 5) / 4."""
    score_R = np.array([100.0, 2, 3, 4, 5, 0, 1, 6])
    assert interquartile_mean(score_R) == 3.5 == scipy.stats.trim_mean(score_R, 0.25)


def test_seeds_are_drawn_within_their_setting() -> None:
    """Two settings of equal runs each: no draw can change the mean, though the settings are far apart."""
    assert interquartile_interval([np.full(4, 1.0), np.full(4, 3.0)]) == (2, 2)
    runs = [np.random.default_rng(n).normal(n, 0.1, 8) for n in (1, 2)]
    low, high = interquartile_interval(runs)
    assert low < interquartile_mean(np.concatenate(runs)) < high and high - low < 1
    assert interquartile_interval(runs) == (low, high) != interquartile_interval(runs, seed=1)


def test_profile_and_improvement_by_hand() -> None:
    score_R = np.array([0.5, 0.8, 1.0, 1.0])
    assert performance_profile(score_R, np.array([0.5, 0.6, 1.0, 1.1])).tolist() == [1, 0.75, 0.5, 0]
    # In the first setting always, in the second in one of four pairs and one tie: (1 + 0.375) / 2.
    first, second = [np.array([3.0, 4.0]), np.array([1.0, 2.0])], [np.array([1.0, 2.0]), np.array([2.0, 1.5])]
    assert improvement(first, second) == pytest.approx((1 + 0.375) / 2)


def write_cell(
    sweep: Path, replay: Replay, method: Any, name: str, values: Sequence[float], boxes: str = "gt", **train: Any
) -> None:
    """One seed for each value of AP."""
    for seed, value in enumerate(values):
        spec = replay["trial_spec"](method, sweep / "gone", seed, name=name, **train)
        # Of one training both would be measurements of one trial: these are of two data sets.
        data = {"bbox_source": boxes, "fingerprint": f"{spec.data.fingerprint}{boxes}"}
        spec = spec.model_copy(update={"data": spec.data.model_copy(update=data)})
        run = replay["write_spec"](sweep, spec)
        replay["write_epochs"](run, 0)
        replay["write_result"](run, {f"{boxes}box/AP": value, f"{boxes}box/EPE": 4.0})


def write_two(sweep: Path, replay: Replay) -> None:
    """BCIR is ahead on both data sets, detection second on one and level with IPR on the other."""
    for method, here, there in (
        (DETECTION, (0.60, 0.62, 0.61), (0.30, 0.31, 0.32)),
        (IPR, (0.57, 0.59, 0.58), (0.31, 0.31, 0.31)),
        (BCIR, (0.66, 0.62, 0.64), (0.39, 0.40, 0.41)),
    ):
        write_cell(sweep, replay, method, "here", here)
        write_cell(sweep, replay, method, "there", there)


def found_in(sweep: Path) -> Across | None:
    return Study(collect(sweep)).across


def shown_in(sweep: Path) -> Shown:
    section = AcrossSettings()
    return section.shown(section.blocks(Study(collect(sweep))))


def test_two_data_sets_by_hand(tmp_path: Path, replay: Replay) -> None:
    write_two(tmp_path, replay)
    across = found_in(tmp_path)
    assert across is not None
    assert [(each.label, each.rank) for each in across.methods] == [
        *(("BCIR β 10", 1.0), ("Detection", 2.25), ("IPR β 10", 2.75))
    ]
    best, second, _ = across.methods
    assert best.scores[0] == pytest.approx([0.66 / 0.64, 0.62 / 0.64, 1.0])
    assert second.scores[1] == pytest.approx([0.30 / 0.40, 0.31 / 0.40, 0.32 / 0.40])
    # Of six the middle four: 0.975, 1, 1 and 1.025.
    assert best.interquartile_mean == pytest.approx(1.0)
    assert best.interval is not None and best.interval[0] < 1 < best.interval[1]
    # Here BCIR wins 8 of 9 pairs and ties the last, 0.62; there all of them.
    assert best.better_than_next == pytest.approx((8.5 / 9 + 1) / 2)
    assert across.rough and not across.apart


def test_the_section_tells_what_two_settings_are_worth(tmp_path: Path, replay: Replay) -> None:
    write_two(tmp_path, replay)
    write_cell(tmp_path, replay, IntegralRegression(beta=5.0), "here", (0.5,))
    build_report(tmp_path)
    section = shown_in(tmp_path)
    (table,), (figure,) = section.tables, section.figures
    # Dealt anew, a second row ranks 1, 2.5, 2.5 in 3 equally likely ways, of which one is as far apart.
    assert "p 0.33" in table.caption and "here; there" in table.caption
    assert "fewer than 5 settings" in table.details and "critical difference, 2.34 (" in table.details
    assert table.notes[0].endswith("every setting: IPR β 5.") and all(
        cell.order != "" for row in table.rows for cell in row
    )
    assert figure.svg.startswith("<?xml") and all(color in figure.svg.upper() for color in ("#0072B2", "#D55E00"))
    numbers = pd.read_csv(tmp_path / "report" / "tables" / "across.csv").set_index("cell")
    assert numbers["rank"].to_dict()["BCIR β 10"] == 1.0 and set(numbers["runs"]) == {6}
    titles = (tmp_path / "report.html").read_text()
    assert titles.index(">Verdict<") < titles.index(">Across settings<") < titles.index(">Accuracy<")


def test_the_verdict_tells_the_ranks(tmp_path: Path, replay: Replay) -> None:
    write_two(tmp_path, replay)
    assert (
        "Over 2 settings, rough as there are fewer than 5, the mean ranks are 1.00 (BCIR β 10), 2.25 (Detection) and "
        "2.75 (IPR β 10); Friedman's test gives p 0.33, so the ranks cannot be told from chance."
    ) in Study(collect(tmp_path)).verdict.sentences


def test_six_settings_that_agree_tell_methods_apart(tmp_path: Path, replay: Replay) -> None:
    """Ranks 1, 2 and 3 in all of six: the critical difference is 2.343 sqrt(12 / 36) = 1.35, less than 2."""
    for name in "abcdef":
        for method, value in ((DETECTION, 0.5), (IPR, 0.4), (BCIR, 0.6)):
            write_cell(tmp_path, replay, method, name, (value,))
    across = found_in(tmp_path)
    assert across is not None and not across.rough
    assert [(one.label, other.label) for one, other in across.apart] == [("BCIR β 10", "IPR β 10")]
    assert all(each.interval is None for each in across.methods)
    (told,) = (each for each in Study(collect(tmp_path)).verdict.sentences if each.startswith("Over 6 settings, the"))
    assert told.endswith(
        "Friedman's test gives p < 0.001, and these differ by more than the critical difference of 1.35: BCIR β 10 "
        "from IPR β 10."
    )


def test_one_setting_or_one_common_method_is_not_across(tmp_path: Path, replay: Replay) -> None:
    write_cell(tmp_path, replay, DETECTION, "here", (0.5,))
    write_cell(tmp_path, replay, IPR, "here", (0.6,))
    assert found_in(tmp_path) is None and shown_in(tmp_path).blocks == ()
    write_cell(tmp_path, replay, DETECTION, "there", (0.5,))
    write_cell(tmp_path, replay, BCIR, "there", (0.5,))
    assert found_in(tmp_path) is None
    write_cell(tmp_path, replay, IPR, "there", (0.0,))
    across = found_in(tmp_path)
    assert across is not None and across.left_out == ("BCIR β 10",) and {each.rank for each in across.methods} == {1.5}


def test_a_setting_in_which_nothing_was_learned_is_left_out(tmp_path: Path, replay: Replay) -> None:
    for name, value in (("a", 0.5), ("b", 0.6), ("zero", 0.0)):
        write_cell(tmp_path, replay, DETECTION, name, (value,))
        write_cell(tmp_path, replay, IPR, name, (value,))
    across = found_in(tmp_path)
    assert across is not None and [each.dataset for each in across.unused] == ["zero"] and across.test.p == 1
    assert "zero, sbl-r18-w16, GT boxes" in shown_in(tmp_path).tables[0].notes[0]


def test_boxes_tell_settings_apart_and_not_cells(tmp_path: Path, replay: Replay) -> None:
    for boxes in ("gt", "det"):
        write_cell(tmp_path, replay, DETECTION, "here", (0.5,), boxes)
        write_cell(tmp_path, replay, IPR, "here", (0.6,), boxes)
    across = found_in(tmp_path)
    assert across is not None
    assert [each.label for each in across.methods] == ["IPR β 10", "Detection"]
    assert [each.boxes for each in across.settings] == ["detbox", "gtbox"]


def test_of_many_settings_three_are_told_and_the_rest_counted(tmp_path: Path, replay: Replay) -> None:
    """BCIR is far better on five data sets, all clear but for the last two, where both are the same."""
    people = made_up_people(120)
    for place, name in enumerate("abcde"):
        for method, scale, ap in ((DETECTION, 6.0, 0.5), (BCIR, 4.0 if place < 3 else 6.0, 0.6)):
            for seed in range(3):
                spec = replay["trial_spec"](method, tmp_path / "gone", seed)
                data = DataSpec(name=name, fingerprint="0123abcd")
                run = replay["write_spec"](tmp_path, spec.model_copy(update={"data": data}))
                replay["write_result"](run, {"gtbox/AP": ap, "gtbox/EPE": scale})
                write_records(run.path, with_errors(people, scale, seed))
    told = Study(collect(tmp_path)).verdict.sentences
    for name, sentence in zip("abc", told, strict=False):
        assert sentence.startswith(f"On {name} with sbl-r18-w16 (GT boxes), BCIR β 10 is ahead of Detection by 10.0 ")
        assert "which is clear (" in sentence
    assert told[3] == "In none of 2 further settings the best is clearly ahead."
    assert told[4].startswith("Over 5 settings, the mean ranks are 1.00 (BCIR β 10) and 2.00 (Detection); Friedman's")
    assert told[4].endswith("test gives p 0.062, so the ranks cannot be told from chance.")
