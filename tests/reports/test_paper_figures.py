"""The paper's figures from made-up run folders: what is drawn is what the records say, and nothing is left blank."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatmark.models.methods import BiasCompensated, Detection, IntegralRegression
from heatmark.reports.comparing.cells import grid_cells
from heatmark.reports.paper.figures.beta_effects import beta_effects, beta_lines
from heatmark.reports.paper.figures.convergence import convergence, epochs_to_converge, mean_curve
from heatmark.reports.paper.figures.cost import accuracy_and_cost, points_of
from heatmark.reports.paper.figures.epe_bars import band_epe, epe_bars
from heatmark.reports.paper.figures.figures import paper_figures
from heatmark.reports.paper.figures.localization import localization, trained_sigmas
from heatmark.reports.paper.figures.setting import DrawnSetting, drawn_settings
from heatmark.reports.paper.figures.shapes import shapes_of
from heatmark.reports.reading.collect import collect
from heatmark.reports.reading.evidence import gather_evidence
from heatmark.reports.rendering.figure import Figure
from heatmark.workloads.run_folder.cost import Cost
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from tests.reports.recorded import made_up_people, with_errors, with_kinds, write_records

Replay = dict[str, Callable[..., Any]]


def read_setting(sweep: Path) -> DrawnSetting:
    trials = collect(sweep).trials
    (setting,) = drawn_settings(grid_cells(trials, gather_evidence(trials)))
    return setting


def said(figure: Figure) -> list[str]:
    """What the points of a drawing say."""
    return [unescape(words) for words in re.findall(r"<title>(.*?)</title>", figure.svg)]


def give_records(sweep: Path, *, kinds: bool = False) -> None:
    """Errors grow with the place of the trial in the folder's order."""
    people = made_up_people(120)
    for number, run in enumerate(sorted(path.parent for path in sweep.glob("*/spec.json"))):
        columns = with_errors(people, 3.0 + number)
        write_records(run, with_kinds(columns) if kinds else columns)


def add_trial(sweep: Path, replay: Replay, spec: TrialSpec, **final: float) -> RunFolder:
    run: RunFolder = replay["write_spec"](sweep, spec)
    replay["write_result"](run, {f"gtbox/{name}": value for name, value in final.items()})
    return run


def test_bars_are_the_means_of_the_bands(sweep: Path) -> None:
    give_records(sweep)
    setting = read_setting(sweep)
    cell = setting.paper_cells["ipr"]
    people, found = made_up_people(120), band_epe(setting.paper_cells["ipr"], joints="11-17", occlusion="low")
    number = sorted(path.parent.name for path in sweep.glob("*/spec.json")).index(cell.trials[0].signature)
    errors = np.nanmean(with_errors(people, 3.0 + number)["error"], axis=1)
    members = (people["labelled_joints"] >= 11) & (people["occluded_share"] < 0.2)
    assert found is not None and found.value == pytest.approx(errors[members].mean(), rel=1e-6)
    figure = epe_bars(setting)
    assert f"IPR β 10: {found.value:.2f} px, 1 seed" in said(figure)
    assert not figure.absent and "flip test yes" in figure.caption


def test_a_method_that_was_not_run_is_named_with_its_sweep_line(tmp_path: Path, replay: Replay) -> None:
    sweep = tmp_path / "demo"
    add_trial(sweep, replay, replay["trial_spec"](Detection(), tmp_path), AP=0.5, EPE=4.0)
    give_records(sweep)
    line = (
        "IPR, BCIR: not run. In the sweep file, under grid: method: [{name: ipr, beta: 10.0}, {name: bcir, beta: 10.0}]"
    )
    figures = paper_figures(grid_cells(collect(sweep).trials, gather_evidence(collect(sweep).trials)))
    named = {figure.title: figure for figure in figures}
    assert line in named["Fig. 4, drawn, sbl-r18-w16"].absent
    assert line in named["Fig. 8, drawn, sbl-r18-w16"].absent
    assert "beta: [1, 5, 10, 20]" in named["Effect of β, drawn, sbl-r18-w16"].absent
    assert "sigma: 0.5" in named["Fig. 5, drawn, sbl-r18-w16"].absent
    assert all(figure.svg or figure.absent for figure in figures)


def test_no_figure_is_left_out_without_a_word(sweep: Path) -> None:
    """Runs from before there were records: every number of the paper is there, drawn or explained."""
    figures = paper_figures(grid_cells(collect(sweep).trials, gather_evidence(collect(sweep).trials)))
    titles = " ".join(figure.title for figure in figures)
    assert all(f"{number}" in re.findall(r"\d+", titles) for number in range(1, 12))
    assert all(figure.svg or figure.absent for figure in figures)
    assert all("no evaluation records" in f.absent for f in figures if f.title.startswith(("Fig. 4", "Fig. 9")))


def test_a_of_s_is_drawn_both_ways(sweep: Path) -> None:
    """The made-up softmax holds the root of what is read: .5 where that is .25."""
    give_records(sweep, kinds=True)
    setting = read_setting(sweep)
    shapes = shapes_of(setting.paper_cells["detection"])
    assert shapes is not None
    assert shapes.activation_S["all"] == pytest.approx(shapes.as_read_S["all"] ** 0.5, rel=1e-5)
    five, nine = localization(setting)
    for figure in (five, nine):
        for way, values_S in (("softmax", shapes.activation_S), ("as read", shapes.as_read_S)):
            assert f"Detection, all, {way}: A(2) = {values_S['all'][2]:.2f}" in said(figure)
        assert "footnote 3" in figure.caption


def test_curves_of_a_of_s_are_the_mean_over_people(sweep: Path) -> None:
    give_records(sweep)
    setting = read_setting(sweep)
    shapes = shapes_of(setting.paper_cells["detection"])
    number = sorted(path.parent.name for path in sweep.glob("*/spec.json")).index(
        setting.paper_cells["detection"].trials[0].signature
    )
    # As the made-up records have it: A(s) = 1 - exp(-s / scale), the same for everyone.
    expected = 1 - np.exp(-np.arange(13) / (3.0 + number))
    assert shapes is not None and shapes.as_read_S["all"] == pytest.approx(expected, rel=1e-5)
    five, nine = localization(setting)
    assert f"Detection, all, as read: A(3) = {expected[3]:.2f}" in said(five)
    easy = shapes.people["easy"]
    assert easy > 0 and len([words for words in said(nine) if ", easy, " in words]) == 3 * 13
    # The best match of the made-up statistic is a sigma of 2.
    assert shapes.sigma == {"easy": 2.0, "medium": 2.0, "hard": 2.0}


def test_training_sigmas_are_alike_in_all_else(tmp_path: Path, replay: Replay) -> None:
    sweep = tmp_path / "demo"
    for sigma in (2.0, 0.5, 1.0):
        add_trial(sweep, replay, replay["trial_spec"](Detection(sigma=sigma), tmp_path), AP=sigma / 10, EPE=4.0)
    add_trial(sweep, replay, replay["trial_spec"](Detection(sigma=3.0), tmp_path, lr=0.1), AP=0.9, EPE=4.0)
    setting = read_setting(sweep)
    assert list(trained_sigmas(setting)) == [0.5, 1.0, 2.0]
    five, _ = localization(setting)
    assert "σ 0.5: AP 5.0" in said(five) and not any("90.0" in words for words in said(five))


def test_shares_of_the_final_value_by_hand(sweep: Path) -> None:
    setting = read_setting(sweep)
    detection = setting.paper_cells["detection"]
    curve = mean_curve(detection.finished, "AP", share_of_final=True)
    assert (curve.epochs[-1], curve.values[-1]) == (12, 1.0)
    # 0.60 (1 - exp(-e/2)): 0.2361 after the first, 0.5985 after the last epoch.
    assert curve.values[0] == pytest.approx(0.2361 / 0.5985)
    assert epochs_to_converge(detection) == [4]
    figure = convergence(setting)
    assert "Detection epoch 4" in figure.caption
    assert "Detection, epoch 1: 39 % of final AP" in said(figure)
    assert "ipr+debias" in figure.absent and "ipr+l_de" in figure.absent


def test_betas_of_every_method_are_points(sweep: Path) -> None:
    figure = beta_effects(read_setting(sweep))
    points = {words.partition(":")[0] for words in said(figure)}
    assert points == {"IPR β 1", "IPR β 10", "BCIR β 1", "BCIR β 10"}
    assert not figure.absent and "no records" not in figure.caption


def test_cost_is_in_gpu_hours_where_they_are_accounted(sweep: Path) -> None:
    unit, points = points_of(read_setting(sweep))
    assert unit.endswith("minutes") and points[0].spent == pytest.approx(95.25 / 60)
    for number, path in enumerate(sorted(sweep.glob("*/spec.json"))):
        wasted = {"wasted_cpu_hours": 0.0, "wasted_gpu_hours": 0.0}
        cost = Cost(attempts=1, states=["COMPLETED"], gpu_hours=1.5 + number, cpu_hours=9.0, **wasted)
        cost.write(RunFolder(path.parent).accounting_file)
    setting = read_setting(sweep)
    assert points_of(setting)[0] == "GPU hours"
    assert any(words.endswith("in 1.5 GPU hours") for words in said(accuracy_and_cost(setting)))


def test_the_cell_nearest_to_the_paper_is_drawn(tmp_path: Path, replay: Replay) -> None:
    sweep = tmp_path / "demo"
    for method in (IntegralRegression(beta=1.0), IntegralRegression(beta=20.0), BiasCompensated(beta=10.0, sigma=3.0),
                   BiasCompensated(beta=15.0)):  # fmt: skip
        add_trial(sweep, replay, replay["trial_spec"](method, tmp_path), AP=0.5)
    cells = read_setting(sweep).paper_cells
    assert (cells["ipr"].beta, cells["bcir"].beta) == (20.0, 15.0)


def test_a_page_does_not_grow_without_end() -> None:
    from heatmark.reports.rendering.drawing import MOST_WORDS, drawn

    def draw(drawing: Any) -> None:
        axes = drawing.figure.subplots()
        axes.plot([0, 1], [0, 1])
        for number in range(5 * MOST_WORDS):
            drawing.words(axes, 0.5, 0.5, f"<{number}>")

    svg = drawn(draw, 1.0)
    assert svg.count("<title>") == MOST_WORDS and "&lt;0&gt;" in svg and "<0>" not in svg


def test_a_sweep_without_a_finished_trial_says_what_to_run(tmp_path: Path, replay: Replay) -> None:
    replay["write_spec"](tmp_path / "demo", replay["trial_spec"](Detection(), tmp_path))
    trials = collect(tmp_path / "demo").trials
    *_, last = paper_figures(grid_cells(trials, gather_evidence(trials)))
    assert last.title == "Figs. 3 to 5 and 7 to 11"
    assert "method: [detection, {name: ipr, beta: 10.0}, {name: bcir, beta: 10.0}]" in last.absent


def test_settings_beyond_the_most_are_named(tmp_path: Path, replay: Replay) -> None:
    for number in range(8):
        spec = replay["trial_spec"](Detection(), tmp_path, name=f"data_{number}")
        add_trial(tmp_path / "demo", replay, spec, AP=0.5, EPE=4.0)
    trials = collect(tmp_path / "demo").trials
    *_, last = paper_figures(grid_cells(trials, gather_evidence(trials)))
    assert last.title == "Further settings" and "data_6 with sbl-r18-w16, data_7 with sbl-r18-w16" in last.absent


def test_a_legend_has_the_columns_it_has_room_for() -> None:
    from matplotlib.lines import Line2D

    from heatmark.reports.rendering.drawing import Drawing, drawn

    def height(labels: list[str]) -> float:
        def draw(drawing: Drawing) -> None:
            drawing.figure.subplots()
            drawing.legend([Line2D([], [], label=label) for label in labels])

        (points,) = re.findall(r'<svg[^>]* height="([\d.]+)pt"', drawn(draw, 2.0))
        return float(points) / 72

    # A line holds 110 letters, 8 of them for each sample: four short labels, one long.
    assert height(["short"] * 4) == pytest.approx(2.0)
    assert height(["l" * 60] * 4) == pytest.approx(2.0 + 3 * 0.17)
    assert height(["word " * 50]) == pytest.approx(2.0 + 2 * 0.17)


def test_what_is_drawn_of_one_seed_says_so(sweep: Path, tmp_path: Path, replay: Replay) -> None:
    give_records(sweep)
    for method in (Detection(), IntegralRegression(beta=10.0)):
        add_trial(sweep, replay, replay["trial_spec"](method, tmp_path / "data", seed=1), AP=0.5, EPE=4.0)
    five, nine = localization(read_setting(sweep))
    assert "First seed of each method." in nine.caption and nine.caption.endswith("; seed 0.")
    assert "a to c are of the first seed" in five.caption


def test_a_beta_is_shown_by_the_cell_most_like_the_papers(tmp_path: Path, replay: Replay) -> None:
    for sigma, ap in ((1.0, 0.2), (2.0, 0.5)):
        for beta in (1.0, 10.0):
            spec = replay["trial_spec"](BiasCompensated(beta=beta, sigma=sigma), tmp_path / "gone")
            add_trial(tmp_path / "demo", replay, spec, AP=ap, EPE=4.0)
    cells = beta_lines(read_setting(tmp_path / "demo"))["bcir"]
    assert [(cell.beta, cell.final("AP").value) for cell in cells] == [(1, 0.5), (10, 0.5)]  # type: ignore[union-attr]
