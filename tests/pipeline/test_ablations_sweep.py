"""The ready ablation sweep holds the rows of the paper's Table 6."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
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
