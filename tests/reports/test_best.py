"""The best trial of a sweep: by the mean over seeds, in the sense of the metric."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from heatmark.foundation.errors import InputError
from heatmark.reports.comparing.best import best_trial
from heatmark.workloads.spec import TrialSpec
from tests.made_up import finish, made_epoch, made_spec, planned, planned_sweep

# AP and EPE by method and seed: detection has the best single seed, BCIR the best mean.
VALUES = {
    ("detection", 0): (0.70, 9.0),
    ("detection", 1): (0.30, 9.5),
    ("bcir", 0): (0.60, 5.0),
    ("bcir", 1): (0.64, 7.0),
    ("ipr", 0): (0.55, 4.0),
}


def sweep_of(path: Path, values: Mapping[tuple[str, int], tuple[float, float]], **data: str) -> list[TrialSpec]:
    specs = [made_spec(method, seed=seed, data=data) for method, seed in values]
    for spec, (ap, epe) in zip(specs, values.values(), strict=True):
        folder = planned(path / spec.signature, spec)
        metrics = {"gtbox/AP": ap, "gtbox/EPE": epe, "gtbox/exact/AP": ap}
        folder.append_epoch(made_epoch(2, metrics))
        finish(folder, metrics)
    planned_sweep(path, specs)
    return specs


def test_the_mean_over_seeds_decides_and_then_the_best_seed(tmp_path: Path) -> None:
    sweep_of(tmp_path, VALUES)
    best = best_trial(tmp_path, "AP")
    assert best.trial.spec is not None
    assert (best.trial.spec.method.name, best.trial.spec.seed) == ("bcir", 1)
    assert best.value == 0.64 and best.values[0][1].value == pytest.approx(0.62)
    told = best.told()
    assert "the best of 3 cells by AP: 62.0 % ± 2.8, 2 seeds" in told
    assert "the runner-up is IPR β 10 with sbl-r18-w8: 55.0 %, 1 seed" in told
    assert "taken is seed 1" in told and "64.0 %, which flatters it" in told
    assert best_trial(tmp_path).trial == best.trial == best_trial(tmp_path, "gtbox/AP").trial


def test_of_an_error_the_lowest_is_best(tmp_path: Path) -> None:
    sweep_of(tmp_path, VALUES)
    best = best_trial(tmp_path, "EPE")
    assert best.cell.label == "IPR β 10" and best.value == 4.0
    assert "4.00 px, 1 seed" in best.told() and "flatters" not in best.told()


def test_what_cannot_be_judged_is_said(tmp_path: Path) -> None:
    sweep = tmp_path / "one"
    first = sweep_of(sweep, VALUES)
    with pytest.raises(InputError, match=r"--metric PCK: no trial of .* has it; valid: AP, EPE, exact/AP$"):
        best_trial(sweep, "PCK")
    second = sweep_of(sweep, {("bcir", 0): (0.9, 1.0)}, name="other")
    planned_sweep(sweep, [*first, *second])
    with pytest.raises(InputError, match=r"several data sets; choose one: --data drawn or --data other"):
        best_trial(sweep, "AP")
    assert best_trial(sweep, "AP", "drawn").value == 0.64
    assert "is the only cell" in best_trial(sweep, "AP", "other").told()
    with pytest.raises(InputError, match=r"--data mine: no data set of .*; valid: drawn, other"):
        best_trial(sweep, "AP", "mine")
    bare = tmp_path / "bare"
    spec = made_spec("bcir")
    planned(bare / spec.signature, spec)
    planned_sweep(bare, [spec])
    with pytest.raises(InputError, match="no trial is finished; run the sweep first"):
        best_trial(bare, "AP")
