"""The ready sweep on hands, and any other sweep on hands by naming their format."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatmark.pipeline.plan import data_notes, make_plan
from heatmark.pipeline.sweep import load_sweep
from tests.rhd_tree import write_rhd

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_rhd(tmp_path / "rhd")
    return tmp_path / "rhd"


def test_the_three_methods_learn_hands_in_2d_and_in_25d(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RHD_ROOT", str(root))
    file = SWEEPS / "paper_rhd.yaml"
    plan = make_plan(load_sweep(file, ["pretrained={}", "grid.seed=0"]), tmp_path / "runs", file)
    assert [(trial.method.name, trial.train.depth) for trial in plan.trials] == [
        *(("detection", depth) for depth in (False, True)),
        *(("ipr", depth) for depth in (False, True)),
        *(("bcir", depth) for depth in (False, True)),
    ]
    assert len({trial.signature for trial in plan.trials}) == 6
    assert {(trial.data.rotation, trial.data.scale) for trial in plan.trials} == {(90, 0.3)}
    assert [note[:11] for note in data_notes(plan)] == ["rhd train: ", "rhd val: an"]


def test_the_sweep_on_lspet_runs_on_hands_by_one_line(root: Path, tmp_path: Path) -> None:
    path = SWEEPS / "lspet.yaml"
    sweep = load_sweep(path, [f"data.lspet={{format: rhd, root: {root}, input_size: [96, 96]}}"])
    assert [trial.data.format for trial in make_plan(sweep, tmp_path, path).trials] == ["rhd"] * 3
