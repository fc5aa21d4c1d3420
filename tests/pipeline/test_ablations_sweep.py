"""The ready sweeps hold what the paper says: the rows of its Table 6, and how long each recipe has the prior."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.pipeline import plan
from heatmark.pipeline.plan import make_plan
from heatmark.pipeline.sweep import load_sweep

FILE = Path(__file__).resolve().parents[2] / "sweeps" / "ablations.yaml"
ROWS = [
    ("detection", None, None),
    ("ipr", 10, None),
    ("ipr+l_reg", 10, None),
    ("ipr+l_de", 10, None),
    ("ipr+l_de", 10, 120),
    ("ipr+debias", 10, None),
    ("bcir", 1, 120),
    ("bcir", 20, 120),
    ("bcir", 10, 120),
]


def test_the_ablation_is_table_6(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_coco(tmp_path / "coco", SyntheticCoco(people_train=2, people_val=2, seed=0))
    monkeypatch.setenv("COCO_ROOT", str(tmp_path / "coco"))
    methods = [trial.method for trial in make_plan(load_sweep(FILE), tmp_path / "runs", FILE).trials]
    assert [(each.name, getattr(each, "beta", None), getattr(each, "t_o", None)) for each in methods] == ROWS


@pytest.mark.parametrize("name", ["paper_coco", "paper_mpii"])
def test_bcir_learns_with_the_prior_as_long_as_the_paper_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """120 epochs of SimpleBaseline's recipe, 190 of HRNet's (section 7.1.2)."""
    monkeypatch.setattr(plan, "_fingerprint", lambda _data: "0123abcd")
    for variable in ("COCO_ROOT", "MPII_ROOT"):
        monkeypatch.setenv(variable, str(tmp_path))
    file = FILE.with_name(f"{name}.yaml")
    trials = [trial for trial in make_plan(load_sweep(file), tmp_path, file).trials if trial.method.name == "bcir"]
    found = {
        (trial.backbone.partition("-")[0], trial.train.epochs, getattr(trial.method, "t_o", 0)) for trial in trials
    }
    assert found == {("sbl", 140, 120), ("hrnet", 210, 190)}
