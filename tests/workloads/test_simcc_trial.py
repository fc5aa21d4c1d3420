"""SimCC as a trial: its layers behind the maps are trained, saved, resumed, counted and read with the network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from heatmark.models.weights import load_weights, read_checkpoint
from heatmark.workloads.decode_run import decode_run
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.train import build_model
from tests.made_up import final_of
from tests.workloads.method_trials import drawn, killed_and_resumed, prepared, spec_of, training_of
from tests.workloads.test_trial import log_of, numbers, run

# At 64 x 64: maps of 16 x 16 to 128 bins, twice.
LAYERS = 2 * (16 * 16 + 1) * 128


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("data") / "drawn")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, people: Path) -> RunFolder:
    folder = prepared(tmp_path_factory.mktemp("undisturbed"), spec_of("simcc", people))
    assert run(folder) == [0], log_of(folder)
    return folder


def test_a_network_has_the_layers_and_is_otherwise_the_same() -> None:
    simcc, ipr = (build_model(spec_of(method), 17).state_dict() for method in ("simcc", "ipr"))
    own = {name: value for name, value in simcc.items() if name.startswith("reader.")}
    assert sum(value.numel() for value in own.values()) == LAYERS
    assert set(simcc) - set(own) == set(ipr) and all(torch.equal(simcc[name], ipr[name]) for name in ipr)


@pytest.mark.parametrize(("before", "after"), [("ipr", "simcc"), ("simcc", "ipr"), ("simcc", "rle")])
def test_weights_of_one_method_start_a_trial_of_another(before: str, after: str, tmp_path: Path) -> None:
    first, second = build_model(spec_of(before), 17), build_model(spec_of(after), 17)
    for value in first.parameters():
        torch.nn.init.normal_(value)
    torch.save({"state_dict": first.state_dict()}, tmp_path / "first.pth")
    load_weights(second, read_checkpoint(tmp_path / "first.pth"))
    assert torch.equal(second.state_dict()["conv1.weight"], first.state_dict()["conv1.weight"])


@pytest.mark.slow
def test_the_layers_learn_and_are_counted(undisturbed: RunFolder) -> None:
    model = build_model(spec_of("simcc"), 17)
    found = training_of(undisturbed)["model"]
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
    folder = prepared(tmp_path, spec_of("simcc", people))
    killed_and_resumed(folder)
    assert numbers(folder) == numbers(undisturbed)
    assert folder.predictions_file.read_bytes() == undisturbed.predictions_file.read_bytes()
    assert all(
        torch.equal(value, training_of(folder)["model"][name])
        for name, value in training_of(undisturbed)["model"].items()
    )


@pytest.mark.slow
def test_two_ranks_train_together_under_zero(tmp_path: Path, people: Path) -> None:
    spec = spec_of("simcc", people, train={"epochs": 1, "precision": "bf16"}, runtime={"zero_stage": 1})
    folder = prepared(tmp_path, spec)
    assert run(folder, ranks=2) == [0, 0], log_of(folder)
    initial = build_model(spec, 17).state_dict()
    for name, value in training_of(folder)["model"].items():
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
