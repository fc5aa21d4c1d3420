"""How trials were trained is told: in captions the first weights, in the setup all of it, in remarks what is unlike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heatmark.models.methods import BiasCompensated, Detection
from heatmark.models.methods.ipr_l_de import IntegralWithPrior
from heatmark.reports.comparing.cells import grid_cells
from heatmark.reports.comparing.protocol import protocol
from heatmark.reports.comparing.study import Study
from heatmark.reports.paper.printed import PaperRow, paper_tables
from heatmark.reports.paper.recipe import differences, recipe_note
from heatmark.reports.reading.collect import Trial, collect
from heatmark.reports.reading.evidence import Evidence
from heatmark.reports.rendering.document import Facts
from heatmark.reports.sections.setup import Setup
from heatmark.workloads.spec import PretrainedSpec, TrialSpec
from tests.made_up import finish, made_spec, planned

IMAGENET = PretrainedSpec(sha256="19c8e357" + "0" * 56)
# SimpleBaseline's on COCO, by hand.
TRAIN = {"epochs": 140, "batch_size": 128, "lr": 0.001, "milestones": [90, 120], "gradient_clipping": 0.0}


def as_published(method: Any, **sections: Any) -> TrialSpec:
    train = {**TRAIN, **sections.pop("train", {})}
    spec = made_spec(method, 0, "sbl-r50", data={"input_size": [192, 256], **sections.pop("data", {})}, train=train)
    return spec.model_copy(update={"pretrained": IMAGENET, **sections})


def row(number: int, name: str) -> PaperRow:
    return next(each for each in paper_tables()[number].trials if name in (each.key, each.name))


def test_the_papers_own_recipe_has_no_remark() -> None:
    assert differences(as_published(Detection()), row(6, "SBL [7]")) == ()
    assert differences(as_published(BiasCompensated(beta=10.0, t_o=120)), row(6, "+ BCIR (L_de + de-bias), β 10")) == ()
    assert recipe_note(()) == ""


@pytest.mark.parametrize(
    ("changed", "remarks"),
    [
        ({"pretrained": None}, ("first weights random (ImageNet's)",)),
        ({"pretrained": PretrainedSpec(sha256="5d3b4d8f" + "0" * 56)}, ("first weights sha256 5d3b4d8f (ImageNet's)",)),
        ({"train": {"epochs": 8, "milestones": [5, 7]}}, ("epochs 8 (140)", "milestones 5 and 7 (90 and 120)")),
        ({"train": {"lr": 0.002, "batch_size": 16}}, ("learning rate 0.002 (0.001)", "batch 16 (128)")),
        ({"train": {"gradient_clipping": 1.0, "flip_test": False}}, ("gradient clipping 1 (0)", "flip test no (yes)")),
        ({"train": {"max_people": 16, "precision": "bf16"}}, ("precision bf16 (fp32)", "training people 16 (all)")),
        ({"data": {"augmentation": "hrnet", "scale": 0.35, "rotation": 45.0, "half_body": 0.3}},
         ("augmentation hrnet (sbl)", "scaling 0.35 (0.3)", "rotation 45 (40)", "half bodies 0.3 (0)")),
        ({"data": {"geometry": "udp", "shift": 0.16}}, ("geometry udp (biased)", "shift 0.16 (0)")),
        ({"train": {"lr_gamma": 0.2}}, ("learning rate's decay 0.2 (0.1)",)),
        ({"data": {"padding": 1.0}}, ("padding 1 (1.25)",)),
    ],
)  # fmt: skip
def test_every_difference_is_a_remark(changed: dict[str, Any], remarks: tuple[str, ...]) -> None:
    assert sorted(differences(as_published(Detection(), **changed), row(6, "SBL [7]"))) == sorted(remarks)


def test_the_methods_own_fields_are_part_of_the_recipe() -> None:
    bcir, prior = row(6, "+ BCIR (L_de + de-bias), β 10"), row(6, "+ L_de, λ = 1 all epochs")
    assert differences(as_published(BiasCompensated(beta=10.0, t_o=7)), bcir) == ("T_o 7 (120)",)
    assert differences(as_published(Detection(sigma=3.0)), row(6, "SBL [7]")) == ("σ 3 (2)",)
    assert differences(as_published(Detection(decoder="argmax")), row(6, "SBL [7]")) == ("decoder argmax (quarter)",)
    # Whether L_de ever ends is what this row is about.
    assert differences(as_published(IntegralWithPrior(beta=10.0)), prior) == ()


def test_captions_tell_trials_with_and_without_first_weights_apart() -> None:
    spec = as_published(Detection())
    named = spec.model_copy(
        update={"runtime": spec.runtime.model_copy(update={"pretrained": "/w/resnet50-19c8e357.pth"})}
    )
    trials = [
        Trial(each.signature, "", "finished", spec=each) for each in (named, as_published(Detection(), pretrained=None))
    ]
    captions = [protocol([trial]) for trial in trials]
    assert "first weights resnet50-19c8e357.pth;" in captions[0] and "first weights random;" in captions[1]
    assert protocol([replace(trials[0], spec=spec)]).count("(sha256 19c8e357)") == 1
    labels = [cell.label for cell in grid_cells(trials, Evidence())]
    assert len(set(labels)) == 2 and all(len(label) < 80 for label in labels)


def test_the_setup_lists_the_recipe(tmp_path: Path) -> None:
    for spec in (as_published(Detection()), as_published(BiasCompensated(beta=10.0, t_o=120))):
        finish(planned(tmp_path / spec.signature, spec), {"gtbox/AP": 0.5})
    (facts,) = Setup().blocks(Study(collect(tmp_path)))
    assert isinstance(facts, Facts)
    found = dict(facts.rows)
    assert found["First weights"] == "(sha256 19c8e357)" and found["Evaluated every"] == "1 epoch"
    assert found["Optimiser"] == "Adam, learning rate 0.001, times 0.1 after epochs 90 and 120, no clipping"
    assert found["Crops in training"] == "sbl: scaling 0.3, rotation 40, mirroring 0.5"
    assert found["Geometry"] == "biased, padding 1.25" and found["Training people"] == "all"
    assert found["Methods"].startswith("Detection (sigma 2.0, ") and "; BCIR (beta 10.0, " in found["Methods"]
    assert "t_o 120" in found["Methods"]
