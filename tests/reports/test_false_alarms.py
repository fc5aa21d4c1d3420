"""Chance is not taken for a difference, a lucky seed not for a method, and a flat curve not for a fast one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from heatmark.reports.build import build_report
from heatmark.reports.comparing.verdict import judge
from tests.made_up import made_epoch
from tests.reports.judged import DETECTION, IPR, METHODS, PEOPLE, Replay, judged, write_trial
from tests.reports.recorded import Arrays, made_hard_and_easy, made_up_people, with_errors


def with_luck(columns: Arrays, draw: np.random.Generator, spread: float) -> Arrays:
    """One seed's luck: all errors times one factor, and each person's by another; OKS goes with them."""
    people = len(columns["error"])
    luck_N = (1 + spread * draw.normal()) * draw.lognormal(0, 0.3, people)
    return {
        **columns,
        "error": (columns["error"] * luck_N[:, None]).astype(np.float32),
        "oks": np.clip(columns["oks"] ** (luck_N**2), 0, 1).astype(np.float32),
        "score": draw.random(people).astype(np.float32),
    }


def test_no_one_is_clearly_ahead_in_whom_the_resamples_see_behind(tmp_path: Path, replay: Replay) -> None:
    for method, scale, ap in ((DETECTION, 3.0, 0.5), (IPR, 4.5, 0.6)):
        for seed in range(3):
            run = write_trial(tmp_path, replay, method, with_errors(PEOPLE, scale, seed), seed)
            replay["write_result"](run, {"gtbox/AP": ap, "gtbox/EPE": scale})
    standing = judged(tmp_path)[2].standings[0]
    assert (standing.metric, standing.best.label, standing.agreeing) == ("AP", "IPR β 10", (0, 3))
    assert standing.comparison is not None and standing.comparison.clear and not standing.clear
    assert standing.interval is not None and standing.interval[1] < 0
    told = judged(tmp_path)[2].sentences[0]
    assert "IPR β 10 is ahead of Detection by 10.0 points of AP (95 % interval −" in told
    assert told.endswith("which is not clear: with each prediction matched with its own person it is behind.")


def test_chance_is_not_taken_for_a_difference(tmp_path: Path, replay: Replay) -> None:
    """Two methods with errors of the same distribution and one seed: nothing is clear, nothing decided."""
    write_trial(tmp_path, replay, DETECTION, with_errors(PEOPLE, 4.0, seed=3))
    write_trial(tmp_path, replay, IPR, with_errors(PEOPLE, 4.0, seed=4))
    _, comparisons, verdict = judged(tmp_path)
    assert not any(standing.clear for standing in verdict.standings)
    measured = [pair for pair in comparisons.pairs if pair.metric != "A(2) as read"]
    assert all(pair.p is None and pair.interval[0] < 0 < pair.interval[1] for pair in measured)
    assert {finding.outcome.word for finding in verdict.findings} == {"undecided"}
    assert all("3 seeds of each needed" in finding.outcome.why for finding in verdict.findings)
    count = len(verdict.standings)
    assert verdict.sentences[0].startswith(f"No verdict on {count} of {count} contests between the best and the next")
    assert '"seed: [0, 1, 2]" in the sweep\'s grid adds what is missing' in verdict.sentences[0]


@pytest.mark.parametrize(("methods", "seeds", "people"), [(2, 3, 60), (3, 5, 120), (6, 3, 300)])
def test_equal_methods_are_judged_equal(tmp_path: Path, replay: Replay, methods: int, seeds: int, people: int) -> None:
    """Eight sweeps of methods that differ in luck alone (2 % over seeds): no more than one has a clear contest."""
    draw, alarmed = np.random.default_rng([methods, seeds]), 0
    crowd = made_hard_and_easy(made_up_people(people), hard=people // 3, easy=people // 3)
    for sweep in range(8):
        for method in METHODS[:methods]:
            for seed in range(seeds):
                columns = with_luck(with_errors(crowd, 4.0, seed=sweep), draw, 0.02)
                write_trial(tmp_path / str(sweep), replay, method, columns, seed)
        verdict = judged(tmp_path / str(sweep))[2]
        measured = [each for each in verdict.findings if each.hypothesis != "H5"]
        alarmed += any(standing.clear for standing in verdict.standings) or any(
            finding.outcome.decided for finding in measured
        )
    assert alarmed <= 1


def test_two_seeds_under_two_names_are_no_two_methods(tmp_path: Path, replay: Replay) -> None:
    draw = np.random.default_rng(5)
    for method in (DETECTION, IPR):
        write_trial(tmp_path, replay, method, with_luck(with_errors(PEOPLE, 4.0), draw, 0.1))
    _, comparisons, verdict = judged(tmp_path)
    assert not any(pair.clear for pair in comparisons.pairs)
    assert {finding.outcome.word for finding in verdict.findings} == {"undecided"}


def test_seeds_that_disagree_are_never_clear(tmp_path: Path, replay: Replay) -> None:
    """Two seeds far ahead and one a little behind."""
    for seed, factor in enumerate((0.5, 0.5, 1.02)):
        write_trial(tmp_path, replay, DETECTION, with_errors(PEOPLE, 4.0, seed), seed)
        write_trial(tmp_path, replay, IPR, with_errors(PEOPLE, 4.0 * factor, seed), seed)
    _, comparisons, verdict = judged(tmp_path)
    assert not any(pair.clear for pair in comparisons.pairs if pair.metric == "EPE")
    assert not any(finding.outcome.decided for finding in verdict.findings if finding.hypothesis == "H1")


def test_runs_that_never_arrive_contradict_nothing(tmp_path: Path, replay: Replay) -> None:
    """IPR: three seeds early, two that never come near; detection: five seeds a little later."""
    for seed in range(5):
        for method, rank in ((DETECTION, 2), (IPR, 0)):
            run = write_trial(tmp_path, replay, method, None, seed, rank=rank)
            if method is IPR and seed > 2:
                run.metrics_file.unlink()
                for epoch in range(12):
                    run.append_epoch(made_epoch(epoch, {"gtbox/AP": 0.01}))
    speed = next(finding for finding in judged(tmp_path)[2].findings if finding.hypothesis == "H2")
    assert speed.p is not None and speed.p > 0.05 and not speed.outcome.decided


def write_flat_ipr(sweep: Path, replay: Replay) -> None:
    """Five seeds of detection, and of an IPR whose curve falls a little."""
    for seed in range(5):
        write_trial(sweep, replay, DETECTION, None, seed, rank=2)
        run = replay["write_spec"](sweep, replay["trial_spec"](IPR, sweep / "gone", seed))
        for epoch in range(12):
            run.append_epoch(made_epoch(epoch, {"gtbox/AP": 0.0615 - 0.0001 * epoch}))
        replay["write_result"](run, {"gtbox/AP": 0.0604})


def test_a_net_that_learned_nothing_is_not_fast(tmp_path: Path, replay: Replay) -> None:
    """A flat curve is near its own final value from the first epoch on: five seeds of it do not contradict H2."""
    write_flat_ipr(tmp_path, replay)
    speed = next(finding for finding in judged(tmp_path)[2].findings if finding.hypothesis == "H2")
    assert not speed.outcome.decided
    build_report(tmp_path)
    times = pd.read_csv(tmp_path / "report" / "tables" / "convergence.csv").set_index("cell")["epochs_to_80_of_best"]
    assert times["Detection"] > 1 and np.isnan(times["IPR β 10"])


def test_a_flat_curve_says_that_it_is_flat_and_a_target_of_the_sweep_file_settles_it(
    tmp_path: Path, replay: Replay
) -> None:
    """Five seeds of a net that learned nothing never reach what the sweep file asks for: it is the slower one."""
    write_flat_ipr(tmp_path, replay)
    cells, comparisons, verdict = judged(tmp_path)
    speed = next(finding for finding in verdict.findings if finding.hypothesis == "H2")
    assert str(speed.outcome) == "undecided: IPR β 10 gained less than 20% since the first evaluation"
    given = judge(cells, comparisons, targets={"drawn": 0.4})
    speed = next(finding for finding in given.findings if finding.hypothesis == "H2")
    assert speed.evidence.startswith("never against ") and "to 40.0 %, given in the sweep file" in speed.evidence
    assert speed.outcome.word == "supported"
