"""A trial is called the same wherever it is named."""

from __future__ import annotations

import json

from heatmark.models.methods import BiasCompensated, Detection
from heatmark.workloads.labels import cell_label, differing_settings, trial_label
from heatmark.workloads.spec import TrialSpec
from tests.made_up import made_spec


def spec(method: Detection | BiasCompensated, **train: float) -> TrialSpec:
    return made_spec(method, 3, "sbl-r50", data={"name": "coco"}, train={"epochs": 12, **train})


def test_a_spec_and_its_json_have_one_label() -> None:
    trial = spec(BiasCompensated(beta=10.0, t_o=10))
    assert trial.label == trial_label(json.loads(trial.model_dump_json())) == "BCIR β 10 sbl-r50 coco seed 3"
    assert spec(Detection()).label == "Detection sbl-r50 coco seed 3"


def test_a_record_of_an_unknown_method_is_named_as_it_names_itself() -> None:
    record = {"method": {"name": "future", "beta": 0.5}, "backbone": "b", "data": {"name": "d"}, "seed": 0}
    assert trial_label(record) == "future β 0.5 b d seed 0"


def test_cells_without_beta_or_settings() -> None:
    assert cell_label("Detection", None) == cell_label("Detection", float("nan")) == "Detection"
    assert cell_label("IPR", 10.0, "train.lr 0.001") == "IPR β 10, train.lr 0.001"


def test_what_differs_is_told_but_for_defaults() -> None:
    usual, plain = spec(Detection()), spec(Detection(decoder="argmax"))
    slow = spec(Detection(), lr=1e-4)
    assert differing_settings([usual, plain]) == {usual.signature: "", plain.signature: "method.decoder argmax"}
    assert differing_settings([usual, slow])[slow.signature] == "train.lr 0.0001"
