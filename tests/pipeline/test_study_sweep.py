"""The study's sweep is what its plan says (docs/study/plan.md)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from heatmark.pipeline import plan
from heatmark.pipeline.plan import make_plan
from heatmark.pipeline.sweep import load_sweep

FILE = Path(__file__).resolve().parents[2] / "sweeps" / "study.yaml"
SEEDS = {"detection": 5, "ipr": 5, "bcir": 5, "dark": 3, "dsnt": 3, "rle": 3}


def test_the_study_is_the_one_that_was_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "data_fingerprint", lambda _data: "0123abcd")
    trials = make_plan(load_sweep(FILE), tmp_path, FILE).trials
    assert Counter(trial.method.name for trial in trials) == SEEDS
    for name, count in SEEDS.items():
        assert [trial.seed for trial in trials if trial.method.name == name] == [*range(count)]
    for trial in trials:
        assert (trial.backbone, trial.data.input_size) == ("sbl-r18-w16", (96, 96))
        assert (trial.data.scale, trial.data.rotation) == (0.25, 30.0)
        assert (trial.train.epochs, trial.train.batch_size, trial.train.lr) == (50, 32, 0.002)
        assert (trial.train.milestones, trial.train.lr_gamma, trial.train.flip_test) == ((32, 43), 0.1, False)
        assert trial.pretrained is None
    assert {getattr(trial.method, "t_o", None) for trial in trials} == {None, 43}
    betas = {trial.method.name: getattr(trial.method, "beta", None) for trial in trials}
    assert betas == {"detection": None, "ipr": 10, "bcir": 10, "dark": None, "dsnt": 1, "rle": 1}
