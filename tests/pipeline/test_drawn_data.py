"""Every format as a drawn data set of a sweep: the demo's file, one line changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatmark.datasets.formats import drawn_formats, load_split
from heatmark.datasets.people import SPLITS
from heatmark.pipeline.plan import data_notes, draw_missing_data, make_plan
from heatmark.pipeline.sweep import load_sweep

DEMO = Path(__file__).resolve().parents[2] / "sweeps" / "demo.yaml"


@pytest.mark.parametrize("format", drawn_formats())
def test_a_sweep_draws_its_data_in_any_format(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    few = "data.drawn.synthetic={people_train: 5, people_val: 3, seed: 1}"
    plan = make_plan(load_sweep(DEMO, [f"data.drawn.format={format}", few]), tmp_path / "runs", DEMO)
    told: list[str] = []
    draw_missing_data(plan, told.append)
    draw_missing_data(plan, told.append)
    assert len(told) == 1
    data_notes(plan)
    trial = plan.trials[0]
    assert trial.data.format == format and f"synth-{format}-v" in trial.data.fingerprint
    root = Path(trial.runtime.data_root)
    assert [len(load_split(trial.data.format, root, split, strict=True).people) for split in SPLITS] == [5, 3]
