"""A trained trial opened again: its heatmaps read by many decoders, its own among them, and described."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from heatmark.datasets.loader import make_loader
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.foundation.errors import InputError
from heatmark.foundation.files import write_json
from heatmark.models import decoding
from heatmark.pipeline.analyses import OF_A_TRIAL
from heatmark.workloads import checkpoint, trained
from heatmark.workloads.analysis import heatmaps
from heatmark.workloads.decode_run import decode_run
from heatmark.workloads.decoders import chosen_decoders
from heatmark.workloads.evaluate import View, evaluate
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.train import build_model
from heatmark.workloads.trained import open_trial
from heatmark.workloads.views import load_split
from tests.made_up import gaussian_HW, made_spec, planned


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "drawn"
    write_coco(root, SyntheticCoco(people_train=2, people_val=12, seed=1))
    return root


def trial(path: Path, people: Path, method: dict[str, Any], flip_test: bool) -> tuple[RunFolder, TrialSpec, Any]:
    """A run folder with a checkpoint of a net whose heatmaps are not empty."""
    train = {"epochs": 1, "batch_size": 5, "flip_test": flip_test}
    spec = made_spec(method, train=train, runtime={"data_root": str(people)})
    folder = planned(path / spec.signature, spec)
    model = build_model(spec, 17)
    torch.nn.init.normal_(model.final_layer.weight, std=1.0)  # type: ignore[union-attr,arg-type]
    state = {"training": {"model": model.state_dict()}, "position": {"epoch": 1, "batch": 0, "step": 1}}
    checkpoint.save(folder, state, 1, keep=1)
    return folder, spec, model


@pytest.mark.parametrize("flip_test", [True, False])
@pytest.mark.parametrize("method", [{"name": "detection"}, {"name": "bcir"}, {"name": "udp"}])
def test_a_trials_own_read_out_is_what_its_evaluation_measured(
    tmp_path: Path, people: Path, method: dict[str, Any], flip_test: bool
) -> None:
    folder, spec, model = trial(tmp_path, people, method, flip_test)
    val = load_split(spec, "val")
    loader = make_loader(val, spec.data, training=False, batch_size=5)
    measured = evaluate(model, View(spec, val, loader), Ranks(0, 1, torch.device("cpu")), set()).metrics
    table = decode_run(folder.path, ["argmax", "quarter", "udp", "soft"], ["1", "10"], print)
    assert list(table) == ["own", "argmax", "quarter", "udp", "soft@1", "soft@10"]
    assert table["own"].pop("ms_per_crop") > 0
    measured.pop("short_mass", None)
    measured = {name: value for name, value in measured.items() if "/exact/" not in name}
    assert table["own"] == measured
    twin = {"detection": "quarter", "udp": "udp"}.get(method["name"])
    if twin:
        assert table[twin]["gtbox/EPE"] == measured["gtbox/EPE"]
    assert table["soft@1"]["gtbox/EPE"] != table["soft@10"]["gtbox/EPE"]


def test_maps_or_joints_are_merged_as_the_decoder_wants_it() -> None:
    here, there = torch.rand(2, 3, 16, 12), torch.rand(2, 3, 16, 12)
    chosen = chosen_decoders(["quarter", "bcir"], ["10"])
    merged = decoding.quarter_offset((here + decoding.shift_right(there)) / 2)
    assert torch.equal(chosen["quarter"].read_flipped(here, there), merged)
    both = [decoding.bias_compensated_argmax(each, 10) for each in (here, there)]
    assert torch.equal(chosen["bcir@10"].read_flipped(here, there), decoding.average_mirrored(both[0], both[1]))


def test_a_folder_without_weights_is_refused(tmp_path: Path, people: Path) -> None:
    folder, _, _ = trial(tmp_path, people, {"name": "ipr"}, False)
    state = next(folder.checkpoints.glob("step-*/state.pt"))
    state.write_bytes(state.read_bytes()[:-1])
    with pytest.raises(InputError, match="no intact checkpoint is left"):
        decode_run(folder.path, ["argmax"], ["10"], print)
    for path in sorted(folder.checkpoints.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(InputError, match="no checkpoint yet; train the trial first"):
        decode_run(folder.path, ["argmax"], ["10"], print)
    with pytest.raises(InputError, match=r"spec\.json: cannot be read"):
        decode_run(tmp_path, ["argmax"], ["10"], print)


def test_a_run_folder_may_be_moved_and_its_spec_not_be_changed(tmp_path: Path, people: Path) -> None:
    folder, spec, _ = trial(tmp_path, people, {"name": "ipr"}, False)
    moved = folder.path.rename(tmp_path / "best model")
    assert open_trial(moved, print).spec == spec
    content = spec.model_dump(mode="json")
    write_json(moved / "spec.json", content | {"seed": 1})
    with pytest.raises(InputError, match=f"it belongs to trial {spec.signature}"):
        open_trial(moved, print)


def test_every_decoder_finds_a_gaussian(tmp_path: Path) -> None:
    from heatmark.workloads.decode import decode_file

    np.save(tmp_path / "maps.npy", gaussian_HW((64, 48), (10, 15))[None, None])
    found = decode_file(tmp_path / "maps.npy", ["argmax", "quarter", "dark", "udp", "soft", "bcir"], ["10"])
    assert found.pop("soft@10")[0][0] == pytest.approx([10.63, 15.77], abs=0.01)
    for joints in found.values():
        assert joints[0][0] == pytest.approx([10, 15], abs=0.01)


def test_the_heatmaps_of_a_trial_are_described_joint_by_joint(tmp_path: Path, people: Path) -> None:
    folder, spec, _ = trial(tmp_path, people, {"name": "ipr"}, True)
    written = OF_A_TRIAL["heatmaps"](tmp_path / "out", folder.path, print)
    assert [path.name for path in written] == ["heatmaps.csv", "activation.csv", "heatmaps.svg"]
    with written[0].open() as file:
        every, *joints = csv.DictReader(file)
    val = load_split(spec, "val")
    labelled = np.stack([person.visibility_K for person in val.people]) > 0
    assert [row["joint"] for row in joints] == list(val.skeleton.joints)
    # Joints outside their crop do not count.
    assert 0.8 * labelled.sum() < int(every["labelled"]) <= labelled.sum()
    assert sum(int(row["labelled"]) for row in joints) == int(every["labelled"])
    with written[1].open() as file:
        activation = [float(row["activation_sum"]) for row in csv.DictReader(file)]
    assert activation == sorted(activation)
    assert 0 < activation[0] < activation[-1] <= 1
    assert float(every["A(2)"]) == activation[2]


def test_a_net_that_draws_the_right_gaussians_is_described_as_such(
    tmp_path: Path, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heatmaps replaced by logarithms of Gaussians at the ground truth."""
    folder, _, _ = trial(tmp_path, people, {"name": "ipr", "beta": 1.0}, False)
    opened = open_trial(folder.path, print)

    def ideal(*_: Any) -> Any:
        batch = batches.pop(0)
        x, y = (batch["joints_BK2"] / 4)[..., None, None].unbind(2)
        rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
        return -((columns - x) ** 2 + (rows - y) ** 2) / (2 * 1.5**2), None

    batches = list(opened.loader)
    monkeypatch.setattr(trained, "heatmaps", ideal)
    found_N = heatmaps.described(opened)
    assert np.median(found_N[:, 1]) == 1.5
    assert (found_N[:, 1] == 1.5).mean() > 0.9
