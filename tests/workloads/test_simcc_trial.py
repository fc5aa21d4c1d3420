"""SimCC as a trial: its layers behind the maps are trained, saved, resumed, counted and read with the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.models.weights import load_weights, read_checkpoint
from heatmark.workloads import checkpoint
from heatmark.workloads.decode_run import decode_run
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.train import build_model
from tests.made_up import final_of, made_spec, planned
from tests.workloads.test_trial import log_of, numbers, run, start, wait_for_step

# At 64 x 64: maps of 16 x 16 to 128 bins, twice.
LAYERS = 2 * (16 * 16 + 1) * 128


def spec_of(root: Path = Path("nowhere"), method: str = "simcc", **changes: Any) -> TrialSpec:
    usual: dict[str, dict[str, Any]] = {"train": {"milestones": [2]}, "runtime": {"data_root": str(root)}}
    return made_spec(method, **usual | {name: usual.get(name, {}) | section for name, section in changes.items()})


def prepared(path: Path, spec: TrialSpec) -> RunFolder:
    return planned(path / spec.signature, spec)


def weights_of(folder: RunFolder) -> dict[str, Tensor]:
    state, _ = checkpoint.load(folder)
    assert state is not None
    weights: dict[str, Tensor] = state["training"]["model"]
    return weights


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "drawn"
    write_coco(root, SyntheticCoco(people_train=96, people_val=24, seed=1))
    return root


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, people: Path) -> RunFolder:
    folder = prepared(tmp_path_factory.mktemp("undisturbed"), spec_of(people))
    assert run(folder) == [0], log_of(folder)
    return folder


def test_a_network_has_the_layers_and_is_otherwise_the_same() -> None:
    simcc, ipr = (build_model(spec_of(method=method), 17).state_dict() for method in ("simcc", "ipr"))
    own = {name: value for name, value in simcc.items() if name.startswith("reader.")}
    assert sum(value.numel() for value in own.values()) == LAYERS
    assert set(simcc) - set(own) == set(ipr) and all(torch.equal(simcc[name], ipr[name]) for name in ipr)


@pytest.mark.parametrize(("before", "after"), [("ipr", "simcc"), ("simcc", "ipr"), ("simcc", "rle")])
def test_weights_of_one_method_start_a_trial_of_another(before: str, after: str, tmp_path: Path) -> None:
    first, second = build_model(spec_of(method=before), 17), build_model(spec_of(method=after), 17)
    for value in first.parameters():
        torch.nn.init.normal_(value)
    torch.save({"state_dict": first.state_dict()}, tmp_path / "first.pth")
    load_weights(second, read_checkpoint(tmp_path / "first.pth"))
    assert torch.equal(second.state_dict()["conv1.weight"], first.state_dict()["conv1.weight"])


@pytest.mark.slow
def test_the_layers_learn_and_are_counted(undisturbed: RunFolder) -> None:
    model = build_model(spec_of(), 17)
    found = weights_of(undisturbed)
    for name, initial in model.state_dict().items():
        if name.startswith("reader."):
            assert not torch.equal(found[name], initial), name
    result = undisturbed.result()
    assert result is not None and result.parameters == sum(value.numel() for value in model.parameters())
    losses = [record.train["loss"] or 0.0 for record in undisturbed.epochs()]
    assert losses[-1] < losses[0] and set(undisturbed.epochs()[0].train) >= {"l_x", "l_y"}


@pytest.mark.slow
def test_a_killed_trial_ends_with_the_same_numbers_and_weights(
    tmp_path: Path, people: Path, undisturbed: RunFolder
) -> None:
    folder = prepared(tmp_path, spec_of(people))
    process = start(folder)
    wait_for_step(folder, process, epochs=1)
    process.kill()
    process.wait(timeout=150)
    assert run(folder) == [0], log_of(folder)
    assert "resumed at epoch 2" in log_of(folder)
    assert numbers(folder) == numbers(undisturbed)
    assert folder.predictions_file.read_bytes() == undisturbed.predictions_file.read_bytes()
    assert all(torch.equal(value, weights_of(folder)[name]) for name, value in weights_of(undisturbed).items())


@pytest.mark.slow
def test_two_ranks_train_together_under_zero(tmp_path: Path, people: Path) -> None:
    spec = spec_of(people, train={"epochs": 1, "precision": "bf16"}, runtime={"zero_stage": 1})
    folder = prepared(tmp_path, spec)
    assert run(folder, ranks=2) == [0, 0], log_of(folder)
    initial = build_model(spec, 17).state_dict()
    for name, value in weights_of(folder).items():
        if name.startswith("reader."):
            assert value.isfinite().all() and not torch.equal(value, initial[name])


@pytest.mark.slow
def test_a_trained_folder_is_evaluated_and_decoded(undisturbed: RunFolder) -> None:
    table = decode_run(undisturbed.path, ["argmax", "soft"], ["1"], print)
    assert table["own"]["gtbox/EPE"] == pytest.approx(final_of(undisturbed)["gtbox/EPE"], abs=1e-6)
    # The pixel of the highest product is near the bins of the highest scores, and not the same.
    assert table["argmax"]["gtbox/EPE"] != table["own"]["gtbox/EPE"]
    for each in json.loads(undisturbed.predictions_file.read_text()):
        assert 0 < each["score"] < 1
