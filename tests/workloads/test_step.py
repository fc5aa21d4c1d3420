"""A step of training: nobody waits in it, and what it was is known a step later."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from heatmark.datasets.coco import load_coco
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.loader import Batch, make_loader
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.foundation.errors import InputError
from heatmark.models.methods import METHODS
from heatmark.workloads import engine as engines
from heatmark.workloads.bench.waits import Waits
from heatmark.workloads.engine import build_engine, training_state
from heatmark.workloads.launch import Launch
from heatmark.workloads.process_group import Ranks, process_group, seed_everything
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.step import take_step
from heatmark.workloads.train import build_model
from tests.made_up import made_spec

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    root = tmp_path_factory.mktemp("data") / "drawn"
    write_coco(root, SyntheticCoco(people_train=8, people_val=1, seed=1))
    settings = CropSettings(input_size=(64, 64))
    loader = make_loader(load_coco(root, "train"), settings, training=True, batch_size=8)
    return next(iter(loader))


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ranks]:
    with process_group(Launch(job="test-step"), tmp_path_factory.mktemp("ranks")) as joined:
        yield joined


def spec_of(name: str, zero_stage: int = 0, **train: Any) -> TrialSpec:
    return made_spec(name, train={"epochs": 140, **train}, runtime={"threads": 0, "zero_stage": zero_stage})


@pytest.mark.parametrize("name", METHODS)
def test_a_step_waits_for_no_number_and_for_no_other_rank(name: str, batch: Batch, ranks: Ranks) -> None:
    spec = spec_of(name)
    engine = build_engine(build_model(spec, 17), spec, ranks)
    take_step(engine, spec, ranks, batch, 0, stop=False).facts()
    counts = [state["step"] for state in engine.optimizer.state.values()]
    assert counts
    with Waits(on_host=counts) as waits:
        pending = take_step(engine, spec, ranks, batch, 0, stop=False)
    assert waits.host == {} and waits.collectives == {}
    facts = pending.facts()
    assert (facts.people, facts.diverged, facts.stop) == (8, False, False)
    assert facts.terms["loss"] == pytest.approx(sum(facts.terms.values()) - facts.terms["loss"], rel=1e-5)


def test_waits_are_counted() -> None:
    values_N = torch.arange(4.0)
    with Waits() as waits:
        values_N.sum().item()
        values_N[values_N > 1]
        values_N[torch.tensor([0, 1])]
        torch.where(values_N > 1)
        bool((values_N > 1).any())
    assert waits.host == {"aten::_local_scalar_dense": 2, "aten::index.Tensor": 1, "aten::nonzero": 1}


def test_a_step_says_that_it_diverged_and_that_somebody_wants_to_stop(batch: Batch, ranks: Ranks) -> None:
    spec = spec_of("bcir")
    engine = build_engine(build_model(spec, 17), spec, ranks)
    with torch.no_grad():
        next(engine.module.parameters()).fill_(math.nan)
    facts = take_step(engine, spec, ranks, batch, 0, stop=True).facts()
    assert facts.diverged and facts.stop and math.isnan(facts.terms["loss"])


def test_a_compiled_network_learns_what_the_plain_one_does(batch: Batch, ranks: Ranks) -> None:
    losses, names = [], []
    for compiled in (False, True):
        spec = spec_of("bcir", compile=compiled)
        seed_everything(0)
        engine = build_engine(nn.Sequential(nn.Conv2d(3, 17, 4, stride=4), nn.BatchNorm2d(17), nn.ReLU()), spec, ranks)
        names.append(list(engine.module.state_dict()))
        steps = [take_step(engine, spec, ranks, batch, 0, stop=False) for _ in range(3)]
        losses.append([step.facts().terms["loss"] for step in steps])
    assert names[0] == names[1]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert losses[0][2] < losses[0][0]


@pytest.mark.parametrize("zero_stage", [0, 1])
def test_gradients_are_clipped_to_the_norm_that_the_spec_names(batch: Batch, ranks: Ranks, zero_stage: int) -> None:
    """Adam's first moment after a first step is a tenth of the gradient that it was given."""
    norms = []
    for clipping in (0.0, 0.01):
        spec = spec_of("bcir", gradient_clipping=clipping, zero_stage=zero_stage)
        seed_everything(0)
        engine = build_engine(nn.Conv2d(3, 17, 4, stride=4), spec, ranks)
        take_step(engine, spec, ranks, batch, 0, stop=False).facts()
        moments = training_state(engine, ranks)["moments"].values()
        norms.append(10 * math.sqrt(sum(float(each["exp_avg"].square().sum()) for each in moments)))
    assert norms[0] > 0.1
    assert norms[1] == pytest.approx(0.01, rel=1e-3)


def test_a_compiled_network_needs_a_compiler(ranks: Ranks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    spec = spec_of("bcir", compile=True)
    with pytest.raises(InputError, match=r"train.compile: torch.compile needs a C\+\+ compiler on the nodes"):
        engines.build_engine(build_model(spec, 17), spec, ranks)


def test_adams_steps_are_those_of_torch_bit_for_bit() -> None:
    def trained(kind: type[torch.optim.Adam]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 2))
        for _ in range(2):  # the second goes on from the first one's state
            optimizer = kind(net.parameters(), lr=1e-2)
            for _ in range(3):
                optimizer.zero_grad()
                net(torch.randn(4, 7)).square().sum().backward()
                optimizer.step()
            state = optimizer.state_dict()
            optimizer = kind(net.parameters(), lr=1e-2)
            optimizer.load_state_dict(state)
            optimizer.step()
        assert not any(value.requires_grad for each in optimizer.state.values() for value in each.values())
        return net.state_dict(), optimizer.state_dict()

    (ours, our_state), (theirs, their_state) = trained(engines.Adam), trained(torch.optim.Adam)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert our_state["param_groups"] == their_state["param_groups"]
    for index, moments in their_state["state"].items():
        assert all(torch.equal(our_state["state"][index][name], value) for name, value in moments.items())
