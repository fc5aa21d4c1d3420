"""Who is ahead and how sure that is, on made-up evaluations whose truth is known."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from heatmark.datasets.metrics.auc import hand3d_auc
from heatmark.datasets.metrics.pckh import pckh, relative_errors
from heatmark.datasets.metrics.score_lspet import torso_pck
from heatmark.models.methods import Detection, IntegralRegression
from heatmark.reports.build import build_report
from heatmark.reports.comparing.cells import grid_cells
from heatmark.reports.comparing.convergence import arrivals, median_times
from heatmark.reports.reading.collect import collect
from heatmark.reports.reading.digest import digest
from heatmark.reports.reading.evidence import gather_evidence
from heatmark.reports.sections.verdict import verdict_exports
from heatmark.workloads.run_folder.evaluation import read_records
from heatmark.workloads.spec import DataSpec
from tests.made_up import made_epoch
from tests.reports.judged import BCIR, DETECTION, IPR, PEOPLE, Replay, judged, write_trial
from tests.reports.recorded import Arrays, made_up_people, with_errors, write_records


def faster_on_hard(columns: Arrays, factor: float) -> Arrays:
    """The errors of the 60 hard people times a factor."""
    error_NK = np.array(columns["error"])
    error_NK[:60] *= np.float32(factor)
    return {**columns, "error": error_NK}


@pytest.fixture(scope="module")
def paper_like(tmp_path_factory: pytest.TempPathFactory, replay: Replay) -> Path:
    """As the paper finds it: IPR is worse than detection but on hard people and slower, BCIR the best of all."""
    sweep = tmp_path_factory.mktemp("paper_like")
    for seed in range(5):
        write_trial(sweep, replay, DETECTION, with_errors(PEOPLE, 4.0, seed), seed, rank=0)
        ipr = write_trial(sweep, replay, IPR, faster_on_hard(with_errors(PEOPLE, 4.3, seed), 0.8), seed, rank=6)
        replay["write_result"](ipr, {"gtbox/AP": 0.58, "gtbox/EPE": 4.3})
        write_trial(sweep, replay, BCIR, faster_on_hard(with_errors(PEOPLE, 3.6, seed), 0.8), seed, rank=2)
    return sweep


def test_the_better_method_is_found_everywhere(paper_like: Path) -> None:
    _, comparisons, verdict = judged(paper_like)
    assert [(standing.metric, standing.subset) for standing in verdict.standings] == [
        *(("AP", "all"), ("EPE", "all"), ("EPE", "easy"), ("EPE", "medium"), ("EPE", "hard"))
    ]
    assert all(standing.best.label == "BCIR β 10" and standing.clear for standing in verdict.standings)
    # AP of rank 2 after 12 epochs is 0.66 (1 - exp(-3)) = 0.6271, of rank 0 0.6 (1 - exp(-6)) = 0.5985.
    assert verdict.sentences[0].startswith(
        "On drawn with sbl-r18-w16 (GT boxes), BCIR β 10 is ahead of Detection by 2.9 points of AP (95 % interval "
    )
    assert "which is clear (Holm-adjusted p " in verdict.sentences[0]
    assert verdict.sentences[0].endswith(" over images and seeds, no seed against it).")
    assert verdict.sentences[1].startswith("Hard people favour regression (H1)")
    easy = next(standing.comparison for standing in verdict.standings if standing.subset == "easy")
    assert easy is not None and easy.agreeing == (5, 5) and easy.people >= 80
    assert not any("too few people to compare" in note for note in comparisons.notes)


def test_a_class_of_too_few_people_is_told_and_not_compared(tmp_path: Path, replay: Replay) -> None:
    share_N = np.array(PEOPLE["occluded_share"])
    medium_N = (share_N >= 0.2) & (share_N < 0.5)
    few = {**PEOPLE, "occluded_share": np.where(medium_N & (medium_N.cumsum() > 5), np.float32(0.1), share_N)}
    for seed in range(3):
        write_trial(tmp_path, replay, DETECTION, with_errors(few, 4.0, seed), seed, rank=0)
        write_trial(tmp_path, replay, IPR, with_errors(few, 4.3, seed), seed, rank=1)
    _, comparisons, verdict = judged(tmp_path)
    assert any("too few people to compare" in note and "medium" in note for note in comparisons.notes)
    assert "medium" not in {standing.subset for standing in verdict.standings}


def test_the_papers_findings_are_supported_where_they_hold(paper_like: Path) -> None:
    findings = {(finding.hypothesis, finding.claim): finding for finding in judged(paper_like)[2].findings}
    outcomes = {claim: str(finding.outcome) for (_, claim), finding in findings.items()}
    assert outcomes == {
        "IPR β 10 has the lower EPE on hard people": "supported",
        "BCIR β 10 has the lower EPE on hard people": "supported",
        "IPR β 10 has the higher EPE on easy people": "supported",
        "IPR β 10 needs more epochs than Detection to the same AP": "supported",
        "BCIR β 10 is above IPR β 10 in AP": "supported",
        "BCIR β 10 is at least Detection in AP": "supported",
        "IPR β 10 needs more epochs than BCIR β 10 to the same AP": "supported",
        # In these made-up records the larger errors have the wider maps.
        "IPR β 10 has the higher A(2) as read than Detection": "contradicted",
    }
    speed = findings["H2", "IPR β 10 needs more epochs than Detection to the same AP"]
    assert speed.evidence.startswith("8 against 3 epochs to 46.4 %") and "5 seeds and 5 seeds" in speed.evidence


def test_the_opposite_is_called_contradicted(tmp_path: Path, replay: Replay) -> None:
    for seed in range(5):
        write_trial(tmp_path, replay, DETECTION, with_errors(PEOPLE, 4.3, seed), seed, rank=6)
        write_trial(tmp_path, replay, IPR, faster_on_hard(with_errors(PEOPLE, 3.9, seed), 1.5), seed, rank=0)
    findings = [finding for finding in judged(tmp_path)[2].findings if finding.hypothesis in ("H1", "H2")]
    assert [str(finding.outcome) for finding in findings] == ["contradicted", "contradicted", "contradicted"]


def test_the_ap_of_a_cell_is_cocos_on_every_page(paper_like: Path) -> None:
    """Verdict and accuracy show what the evaluation scored; only the interval is of the resamples' own matching."""
    build_report(paper_like)
    tables = paper_like / "report" / "tables"
    shown = pd.read_csv(tables / "verdict.csv").query("metric == 'AP'").iloc[0]
    accuracy = pd.read_csv(tables / "accuracy.csv").set_index("method")["AP"]
    assert shown["value"] == pytest.approx(accuracy["BCIR"])
    assert shown["ahead_by"] == pytest.approx(accuracy["BCIR"] - accuracy["Detection"])
    pair = pd.read_csv(tables / "comparisons.csv").query("metric == 'AP'").set_index(["first", "second"])
    of_resamples = -pair.loc[("Detection", "BCIR β 10"), ["low", "high"]].astype(float)
    assert (shown["low"], shown["high"]) == pytest.approx((of_resamples["high"], of_resamples["low"]))


def test_without_records_the_means_are_ordered_and_nothing_is_claimed(tmp_path: Path, replay: Replay) -> None:
    for rank, method in enumerate((DETECTION, IPR, BCIR)):
        write_trial(tmp_path, replay, method, None, rank=rank)
    _, comparisons, verdict = judged(tmp_path)
    assert verdict.sentences[0].startswith("Nothing can be said about chance")
    assert [(each.metric, each.best.label, each.comparison) for each in verdict.standings] == [
        *(("AP", "BCIR β 10", None), ("EPE", "BCIR β 10", None))
    ]
    assert verdict_exports(verdict, comparisons)[0].table.rows[0][5].text == "–"
    assert {str(finding.outcome) for finding in verdict.findings[:3]} == {"undecided: no records"}


def test_one_trial_and_none(tmp_path: Path, replay: Replay) -> None:
    replay["write_plan"](tmp_path, [])
    _, comparisons, verdict = judged(tmp_path)
    assert verdict.sentences[0] == "No trial has finished, so there is no verdict."
    assert verdict_exports(verdict, comparisons) == []
    (tmp_path / "sweep.json").unlink()
    write_trial(tmp_path, replay, DETECTION, with_errors(PEOPLE, 4.0))
    _, _, verdict = judged(tmp_path)
    assert [standing.second for standing in verdict.standings] == [None, None] and not verdict.findings


def test_unlike_people_are_left_out(tmp_path: Path, replay: Replay) -> None:
    """IPR lacks the last 20 images: it is compared on the others, where it is the same."""
    columns = with_errors(PEOPLE, 4.0)
    write_trial(tmp_path, replay, DETECTION, columns)
    write_trial(tmp_path, replay, IPR, {name: values[:-40] for name, values in columns.items()})
    _, comparisons, _ = judged(tmp_path)
    assert "20 images that not every trial evaluated alike" in comparisons.notes[0]
    everyone = next(pair for pair in comparisons.pairs if (pair.metric, pair.subset) == ("EPE", "all"))
    assert (everyone.difference, everyone.p, everyone.chance.images) == (0, None, 130)


def test_too_many_cells_are_represented_by_the_best_of_each_method(tmp_path: Path, replay: Replay) -> None:
    for beta in range(1, 9):
        columns = with_errors(PEOPLE, 3.0 if beta == 3 else 4.0)
        write_trial(tmp_path, replay, IntegralRegression(beta=float(beta)), columns, rank=beta % 5)
    write_trial(tmp_path, replay, DETECTION, with_errors(PEOPLE, 4.0))
    _, comparisons, _ = judged(tmp_path)
    assert {(pair.first.label, pair.second.label) for pair in comparisons.pairs} == {("Detection", "IPR β 3")}
    assert comparisons.notes[0].endswith(
        "of 9 cells the best of each method by AP, chosen on 75 images, are compared on the other 75, 2 in all."
    )
    assert {pair.chance.images for pair in comparisons.pairs if pair.subset == "all"} == {75}


def test_a_run_that_never_got_there_is_kept(tmp_path: Path, replay: Replay) -> None:
    """Seeds that arrive at epochs 3 and 9, and one that was last seen at 5, below the others' mean: the median is 9."""
    runs = [replay["write_spec"](tmp_path, replay["trial_spec"](DETECTION, tmp_path, seed)) for seed in range(3)]
    for run, arrives, last in zip(runs, (3, 9, 99), (12, 12, 5), strict=True):
        for epoch in range(last):
            val = {"gtbox/AP": 0.5 if epoch + 1 >= arrives else 0.39}
            run.append_epoch(made_epoch(epoch, val, wall_s=3600 * (epoch + 1), time="", train={}))
    for run in runs[:2]:
        replay["write_result"](run, {"gtbox/AP": 0.5})
    trials = collect(tmp_path).trials
    (cell,) = grid_cells(trials, gather_evidence(trials))
    found = {(arrival.epochs, arrival.arrived) for arrival in arrivals(cell, 0.8)}
    assert found == {(3, True), (9, True), (5, False)}
    times = median_times(cell, 0.8)
    # Of three, one arrives at 3; of the one still watched, it arrives at 9.
    assert (times.epochs, times.images, times.hours) == (9, 900, 9)
    assert (times.arrived, times.censored) == (2, 1)


@pytest.mark.parametrize("data_format", ["mpii", "lspet"])
def test_shares_of_records_are_the_formats_own_metric(tmp_path: Path, data_format: str) -> None:
    columns = with_errors(made_up_people(60, data_format), 6.0, oks=False)
    columns["reference_length"][:3] = np.nan
    found = digest(read_records(write_records(tmp_path, columns, data_format=data_format)))
    image_I = np.unique(found.image_N)
    statistic = found.headline_statistic(image_I)
    assert statistic is not None
    error_NK, length_N = np.nan_to_num(columns["error"]).astype(float), columns["reference_length"].astype(float)
    predicted_NK2, labelled_NK = np.stack([error_NK, 0 * error_NK], -1), (columns["visibility"] > 0).astype(float)
    if data_format == "mpii":
        known = np.isfinite(length_N)
        errors_NK = relative_errors(predicted_NK2[known], 0 * predicted_NK2[known], length_N[known])
        expected = pckh(errors_NK, labelled_NK[known], 0.5)["mean"]
    else:
        expected = torso_pck(predicted_NK2, 0 * predicted_NK2, labelled_NK, length_N, 0.2)["mean"]
    assert statistic(np.ones((1, len(image_I)), np.float32))[0] == pytest.approx(expected)


def test_other_formats_are_compared_by_their_headline(tmp_path: Path, replay: Replay) -> None:
    people = made_up_people(120, "mpii")
    for method, scale in ((DETECTION, 6.0), (IPR, 7.0)):
        for seed in range(3):
            spec = replay["trial_spec"](method, tmp_path / "gone", seed)
            spec = spec.model_copy(update={"data": DataSpec(name="m", format="mpii", fingerprint="0123abcd")})
            run = replay["write_spec"](tmp_path, spec)
            replay["write_result"](run, {"gtbox/PCKh@0.5": 0.8, "gtbox/EPE": scale})
            write_records(run.path, with_errors(people, scale, seed, oks=False), data_format="mpii")
    _, _, verdict = judged(tmp_path)
    best = {(standing.metric, standing.subset): standing for standing in verdict.standings}
    assert best["PCKh@0.5", "all"].best.label == best["EPE", "all"].best.label == "Detection"
    assert best["PCKh@0.5", "all"].clear and best["EPE", "all"].clear


def test_hands_are_divided_by_visible_and_hidden_joints(tmp_path: Path, replay: Replay) -> None:
    """IPR is worse on visible joints and better on hidden ones: both claims of H1 hold."""
    people = made_up_people(120, "rhd")
    for seed, (method, visible, hidden) in itertools.product(range(3), ((DETECTION, 4.0, 4.0), (IPR, 4.4, 3.2))):
        spec = replay["trial_spec"](method, tmp_path / "gone", seed)
        spec = spec.model_copy(update={"data": DataSpec(name="r", format="rhd", fingerprint="0123abcd")})
        run = replay["write_spec"](tmp_path, spec)
        replay["write_result"](run, {"gtbox/AUC@0-30px": 0.8, "gtbox/EPE": visible})
        columns = with_errors(people, 1.0, seed, oks=False)
        columns["error"] *= np.where(people["visibility"] == 1, np.float32(hidden), np.float32(visible))
        write_records(run.path, columns, data_format="rhd")
    _, _, verdict = judged(tmp_path)
    best = {(standing.metric, standing.subset): standing.best.label for standing in verdict.standings}
    assert (best["EPE", "visible joints"], best["EPE", "hidden joints"]) == ("Detection", "IPR β 10")
    assert {finding.claim: str(finding.outcome) for finding in verdict.findings if finding.hypothesis == "H1"} == {
        "IPR β 10 has the lower EPE on hidden joints": "supported",
        "IPR β 10 has the higher EPE on visible joints": "supported",
    }


def test_detected_boxes_have_no_joints_to_compare(tmp_path: Path, replay: Replay) -> None:
    """Neither errors nor OKS: the means are ordered, no interval is made up, and the report is built."""
    for rank, method in enumerate((DETECTION, IPR)):
        columns = with_errors(PEOPLE, 4.0, oks=False)
        columns["error"] = np.full_like(columns["error"], np.nan)
        columns["labelled_joints"] = np.zeros(300, np.float32)
        write_trial(tmp_path, replay, method, columns, rank=rank)
    _, comparisons, verdict = judged(tmp_path)
    assert {pair.metric for pair in comparisons.pairs} == {"A(2) as read"}
    assert [each.metric for each in verdict.standings] == ["AP", "EPE"]
    assert all(standing.comparison is None for standing in verdict.standings)
    build_report(tmp_path)


def test_an_evaluation_of_nobody_is_no_evidence(tmp_path: Path, replay: Replay) -> None:
    nobody = {name: values[:0] for name, values in with_errors(PEOPLE, 4.0).items()}
    write_trial(tmp_path, replay, DETECTION, nobody)
    cells, _, _ = judged(tmp_path)
    assert cells[0].digests == []


def test_the_findings_are_about_cells_like_the_papers(tmp_path: Path, replay: Replay) -> None:
    """Not about the first of the grid: a training sigma of 0.5, and the 2.5D of hands, come before the usual ones."""
    for method in (Detection(sigma=0.5), DETECTION, IPR):
        write_trial(tmp_path, replay, method, with_errors(PEOPLE, 4.0))
    spec = replay["trial_spec"](IPR, tmp_path / "gone")
    hands = {"data": DataSpec(name="r", format="rhd", fingerprint="0123abcd")}
    for seed, depth in ((0, True), (0, False), (1, False)):
        for method in (DETECTION, IPR):
            changed = {**hands, "method": method, "seed": seed, "train": spec.train.model_copy(update={"depth": depth})}
            run = replay["write_spec"](tmp_path, spec.model_copy(update=changed))
            replay["write_result"](run, {"gtbox/AUC@0-30px": 0.8, "gtbox/EPE": 4.0})
            write_records(run.path, with_errors(made_up_people(60, "rhd"), 4.0, oks=False), data_format="rhd")
    _, _, verdict = judged(tmp_path)
    assert all("depth" not in finding.claim + finding.evidence for finding in verdict.findings)
    easy = next(each for each in verdict.findings if each.claim == "IPR β 10 has the higher EPE on easy people")
    assert "against Detection (" in easy.evidence
    of_hands = [finding for finding in verdict.findings if finding.setting.dataset == "r"]
    assert [finding.hypothesis for finding in of_hands] == ["H1", "H1", "H2", "H5"]
    assert all("against Detection (" in finding.evidence for finding in of_hands if finding.hypothesis != "H2")


def test_the_papers_cells_are_compared_beside_the_best(tmp_path: Path, replay: Replay) -> None:
    """Of nine cells IPR at beta 3 is the best of its method: the findings are about beta 10 all the same."""
    for place, beta in enumerate((1, 2, 3, 4, 5, 6, 7, 10)):
        columns = with_errors(PEOPLE, 3.0 if place == 2 else 4.0)
        write_trial(tmp_path, replay, IntegralRegression(beta=float(beta)), columns, rank=0)
    write_trial(tmp_path, replay, DETECTION, with_errors(PEOPLE, 4.0))
    _, comparisons, verdict = judged(tmp_path)
    assert {cell.label for pair in comparisons.pairs for cell in (pair.first, pair.second)} == {
        *("Detection", "IPR β 3", "IPR β 10")
    }
    assert (
        "75 images, and IPR β 10 for the paper's findings are compared on the other 75, 3 in all"
        in comparisons.notes[0]
    )
    assert all(finding.claim.startswith("IPR β 10 ") for finding in verdict.findings)


def test_the_auc_of_records_is_hand3ds(tmp_path: Path) -> None:
    columns = with_errors(made_up_people(60, "rhd"), 12.0, oks=False)
    columns["visibility"] = np.maximum(columns["visibility"], 1)
    columns["error"] = np.random.default_rng(0).gamma(2.0, 8.0, (60, 21)).astype(np.float32)
    found = digest(read_records(write_records(tmp_path, columns, data_format="rhd")))
    image_I = np.unique(found.image_N)
    statistic = found.headline_statistic(image_I)
    expected = hand3d_auc(columns["error"].astype(float), np.ones((60, 21)), 30.0)
    assert statistic is not None
    assert statistic(np.ones((1, len(image_I)), np.float32))[0] == pytest.approx(expected, abs=1e-6)


def test_every_column_of_the_verdict_can_be_sorted_by(paper_like: Path) -> None:
    _, comparisons, verdict = judged(paper_like)
    for export in verdict_exports(verdict, comparisons):
        assert all(cell.order != "" for row in export.table.rows for cell in row)
