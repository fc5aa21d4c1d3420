"""The ready sweep over the paper's open choices: each changed alone, for every method that has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatmark.pipeline import plan
from heatmark.pipeline.plan import make_plan
from heatmark.pipeline.sweep import load_sweep
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.paper.open_choices import Choices, choices_of, usual_choices
from heatmark.reports.reading.evidence import Evidence
from heatmark.workloads.spec import TrialSpec

FILE = Path(__file__).resolve().parents[2] / "sweeps" / "readings.yaml"
SEEDS = 3
EVERY_METHOD = {"ipr", "ipr+l_reg", "ipr+l_de", "ipr+debias", "bcir"}
WITH_PRIOR = {"ipr+l_de", "bcir"}
# By what is chosen otherwise than by default, the methods that are trained so.
TRAINED = {
    "": EVERY_METHOD,
    "l_re_units input_px": EVERY_METHOD,
    "l_re_units normalised": EVERY_METHOD,
    "l_de_reduction mean": WITH_PRIOR,
    "l_de_reduction half_mean": WITH_PRIOR,
    "l_re_units normalised, l_de_reduction half_mean": WITH_PRIOR,
    "l_de_weight 0.1": WITH_PRIOR,
    "l_de_weight 10": WITH_PRIOR,
    "t_o 6 of 12": WITH_PRIOR,
    "t_o all": {"bcir"},
    "tau 0": {"ipr+l_reg"},
    "tau 0.01": {"ipr+l_reg"},
}


@pytest.fixture
def trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[TrialSpec, ...]:
    monkeypatch.setattr(plan, "data_fingerprint", lambda _data: "0123abcd")
    return make_plan(load_sweep(FILE), tmp_path, FILE).trials


def test_each_choice_is_changed_alone_for_the_methods_that_have_it(trials: tuple[TrialSpec, ...]) -> None:
    usual = dict(usual_choices().values)
    found: dict[str, set[str]] = {}
    for trial in trials:
        own = choices_of(GridCell(trial, (), "", Evidence()))
        if own:
            reading = Choices(tuple((usual | own).items()))
            found.setdefault(reading.unlike(usual_choices()), set()).add(trial.method.name)
    assert found == TRAINED


def test_every_cell_has_its_seeds_and_detection_is_trained_once(trials: tuple[TrialSpec, ...]) -> None:
    assert [trial.seed for trial in trials if trial.method.name == "detection"] == [*range(SEEDS)]
    # Beside these, IPR + L_de in all epochs, a row of Table 6 of its own.
    assert len(trials) == SEEDS * (1 + sum(map(len, TRAINED.values())) + 1)
