"""RLE as a trial: the weights of its loss are trained, saved, resumed, counted and left out like those of the net."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from heatmark.models.weights import load_weights, read_checkpoint
from heatmark.workloads.decode_run import decode_run
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.train import build_model
from tests.made_up import final_of
from tests.rhd_tree import write_rhd
from tests.workloads.method_trials import drawn, killed_and_resumed, prepared, spec_of, training_of
from tests.workloads.test_trial import log_of, numbers, run

FLOW_WEIGHTS = 52_236


def flow_of(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in weights.items() if name.startswith("learned.")}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("data") / "drawn")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, people: Path) -> RunFolder:
    folder = prepared(tmp_path_factory.mktemp("undisturbed"), spec_of("rle", people))
    assert run(folder) == [0], log_of(folder)
    return folder


def test_a_network_has_three_maps_a_joint_and_a_flow_and_is_otherwise_the_same() -> None:
    rle, ipr = (build_model(spec_of(method), 17).state_dict() for method in ("rle", "ipr"))
    assert rle["final_layer.weight"].shape[0] == 3 * 17
    assert set(rle) - set(flow_of(rle)) == set(ipr) and not flow_of(ipr)
    assert sum(value.numel() for value in flow_of(rle).values()) == FLOW_WEIGHTS
    backbone = [name for name in ipr if not name.startswith(("deconv_layers.", "final_layer."))]
    assert all(torch.equal(rle[name], ipr[name]) for name in backbone)
    deep = spec_of("rle", data={"format": "rhd"}, train={"depth": True})
    assert build_model(deep, 21).state_dict()["final_layer.weight"].shape[0] == 4 * 21


@pytest.mark.parametrize(("before", "after"), [("ipr", "rle"), ("rle", "ipr"), ("rle", "rle")])
def test_weights_of_one_method_start_a_trial_of_another(before: str, after: str, tmp_path: Path) -> None:
    """A flow that the file has not is new, one that the network has not is left, as a head of other joints is."""
    first, second = build_model(spec_of(before), 17), build_model(spec_of(after), 17)
    for value in first.parameters():
        torch.nn.init.normal_(value)
    torch.save({"state_dict": first.state_dict()}, tmp_path / "first.pth")
    load_weights(second, read_checkpoint(tmp_path / "first.pth"))
    assert torch.equal(second.state_dict()["conv1.weight"], first.state_dict()["conv1.weight"])
    if before == after:
        assert all(torch.equal(value, first.state_dict()[name]) for name, value in second.state_dict().items())


@pytest.mark.slow
def test_the_weights_of_the_loss_learn_and_are_counted(undisturbed: RunFolder) -> None:
    model = build_model(spec_of("rle"), 17)
    flow, initial = flow_of(training_of(undisturbed)["model"]), flow_of(model.state_dict())
    assert sum(value.numel() for value in flow.values()) == FLOW_WEIGHTS
    assert all(not torch.equal(flow[name], initial[name]) for name in initial)
    assert set(training_of(undisturbed)["moments"]) == {name for name, _ in model.named_parameters()}
    result = undisturbed.result()
    assert result is not None and result.parameters == sum(value.numel() for value in model.parameters())
    losses = [record.train["loss"] or 0.0 for record in undisturbed.epochs()]
    assert losses[-1] < losses[0]
    assert set(undisturbed.epochs()[0].train) >= {"l_laplace", "l_flow"}


@pytest.mark.slow
def test_a_killed_trial_ends_with_the_same_numbers_and_weights(
    tmp_path: Path, people: Path, undisturbed: RunFolder
) -> None:
    folder = prepared(tmp_path, spec_of("rle", people))
    killed_and_resumed(folder)
    assert numbers(folder) == numbers(undisturbed)
    assert folder.predictions_file.read_bytes() == undisturbed.predictions_file.read_bytes()
    found, expected = training_of(folder), training_of(undisturbed)
    assert all(torch.equal(value, found["model"][name]) for name, value in expected["model"].items())
    for name, moments in expected["moments"].items():
        assert all(torch.equal(value, found["moments"][name][key]) for key, value in moments.items())


@pytest.mark.slow
def test_two_ranks_train_together_under_zero(tmp_path: Path, people: Path) -> None:
    spec = spec_of("rle", people, train={"epochs": 1}, runtime={"zero_stage": 1})
    folder = prepared(tmp_path, spec)
    assert run(folder, ranks=2) == [0, 0], log_of(folder)
    result, initial = folder.result(), flow_of(build_model(spec, 17).state_dict())
    assert result is not None and result.world_size == 2
    flow = flow_of(training_of(folder)["model"])
    assert all(value.isfinite().all() and not torch.equal(value, initial[name]) for name, value in flow.items())


@pytest.mark.slow
def test_a_trained_folder_is_evaluated_and_decoded(undisturbed: RunFolder) -> None:
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "evaluate", str(undisturbed.path), "--json"]
    found = subprocess.run(command, capture_output=True, timeout=120, check=True)
    result = undisturbed.result()
    assert result is not None and json.loads(found.stdout) == pytest.approx(result.final, abs=1e-6)
    table = decode_run(undisturbed.path, ["argmax", "soft"], ["1"], print)
    assert table["own"]["gtbox/AP"] == pytest.approx(final_of(undisturbed)["gtbox/AP"], abs=1e-6)
    # The mean of a softmax map: what RLE calls mu.
    assert table["soft@1"]["gtbox/EPE"] == table["own"]["gtbox/EPE"]
    for each in json.loads(undisturbed.predictions_file.read_text()):
        assert 0 < each["score"] < 1


@pytest.mark.slow
def test_a_hand_has_its_deviations_and_its_depths(tmp_path: Path) -> None:
    write_rhd(tmp_path / "rhd", train=32, val=8)
    spec = spec_of("rle", tmp_path / "rhd", data={"format": "rhd"}, train={"epochs": 1, "depth": True})
    folder = prepared(tmp_path, spec)
    assert run(folder) == [0], log_of(folder)
    assert {"l_laplace", "l_flow", "l_depth"} <= set(folder.epochs()[0].train)
    assert final_of(folder)["gtbox/EPE mm"] is not None
