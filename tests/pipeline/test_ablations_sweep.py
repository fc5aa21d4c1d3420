"""The ready sweeps hold what the paper says: the rows of its Table 6, and how long each recipe has the prior."""

from __future__ import annotations

from pathlib import Path

import pytest

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.foundation.errors import InputError
from heatmark.pipeline import plan
from heatmark.pipeline.plan import make_plan
from heatmark.pipeline.sweep import load_sweep

FILE = Path(__file__).resolve().parents[2] / "sweeps" / "paper_ablations.yaml"
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
# Of Fig. 5d, beside detection's own of 2.
SIGMAS = [0.5, 1.0, 3.0]


def set_coco(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small COCO and a detector's boxes, where the sweeps look for them."""
    write_coco(folder / "coco", SyntheticCoco(people_train=2, people_val=2, seed=0))
    (folder / "boxes.json").write_text("[]")
    monkeypatch.setenv("COCO_ROOT", str(folder / "coco"))
    monkeypatch.setenv("COCO_DETECTIONS", str(folder / "boxes.json"))


def test_the_ablation_is_table_6(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_coco(tmp_path, monkeypatch)
    trials = make_plan(load_sweep(FILE, ["pretrained={}"]), tmp_path / "runs", FILE).trials
    for seed in range(3):
        methods = [trial.method for trial in trials if trial.seed == seed]
        rows = [(each.name, getattr(each, "beta", None), getattr(each, "t_o", None)) for each in methods]
        assert rows == [*ROWS, *[("detection", None, None)] * 3]
        assert [getattr(each, "sigma", None) for each in methods[len(ROWS) :]] == SIGMAS
    assert len(trials) == 36


def test_weights_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable while it is not set, then the file; `--set pretrained={}` is the way out."""
    set_coco(tmp_path, monkeypatch)
    monkeypatch.delenv("WEIGHTS", raising=False)
    with pytest.raises(InputError, match="the variable WEIGHTS is not set"):
        make_plan(load_sweep(FILE), tmp_path / "runs", FILE)
    monkeypatch.setenv("WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match=r"pretrained.sbl-r50.file: .*resnet50-19c8e357.pth: no such file"):
        make_plan(load_sweep(FILE), tmp_path / "runs", FILE)


@pytest.mark.parametrize("name", ["paper_coco", "paper_mpii"])
def test_bcir_learns_with_the_prior_as_long_as_the_paper_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """120 epochs of SimpleBaseline's recipe, 190 of HRNet's (section 7.1.2)."""
    monkeypatch.setattr(plan, "data_fingerprint", lambda _data: "0123abcd")
    set_coco(tmp_path, monkeypatch)
    monkeypatch.setenv("MPII_ROOT", str(tmp_path))
    file = FILE.with_name(f"{name}.yaml")
    sweep = load_sweep(file, ["pretrained={}"])
    trials = [trial for trial in make_plan(sweep, tmp_path, file).trials if trial.method.name == "bcir"]
    found = {
        (trial.backbone.partition("-")[0], trial.train.epochs, getattr(trial.method, "t_o", 0)) for trial in trials
    }
    assert found == {("sbl", 140, 120), ("hrnet", 210, 190)}
