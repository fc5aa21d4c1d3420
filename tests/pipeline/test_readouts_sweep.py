"""The ready sweep of all read-outs: every method once, as published, on one backbone."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatmark.models.methods import METHODS
from heatmark.pipeline import plan
from heatmark.pipeline.plan import make_plan
from heatmark.pipeline.sweep import load_sweep

FILE = Path(__file__).resolve().parents[2] / "sweeps" / "readouts.yaml"


def test_every_method_is_trained_once_as_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "data_fingerprint", lambda _data: "0123abcd")
    trials = make_plan(load_sweep(FILE), tmp_path, FILE).trials
    assert sorted(trial.method.name for trial in trials) == sorted(METHODS)
    assert len({trial.backbone for trial in trials}) == 1
    for trial in trials:
        assert trial.method == METHODS[trial.method.name]().resolved(trial.train.epochs), trial.method
