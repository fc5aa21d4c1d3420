"""A trial that starts from published weights: planned by their hash, fed as they were trained, refused otherwise."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.foundation.errors import InputError
from heatmark.models.backbones import parse_backbone
from heatmark.pipeline.plan import make_plan
from heatmark.pipeline.sweep import load_sweep
from heatmark.workloads import checkpoint, train
from heatmark.workloads.engine import network_input
from heatmark.workloads.pretrained import load_pretrained
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.train import build_model
from tests.made_up import made_spec

SWEEP = """
name: warm
grid: {method: [detection, ipr], backbone: [sbl-r18-w8, hrnet-w4], dataset: [drawn], seed: [0]}
data: {drawn: {synthetic: {people_train: 8, people_val: 4}}}
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SimpleBaseline's way of publishing: no prefix, trained on BGR."""
    torch.manual_seed(7)
    path = tmp_path_factory.mktemp("weights") / "pose_resnet_18.pth.tar"
    torch.save(parse_backbone("sbl-r18-w8").build(17).state_dict(), path)
    return path


def spec(weights: Path, root: Path = Path("/data"), **pretrained: Any) -> TrialSpec:
    return made_spec(
        train={"epochs": 1, "batch_size": 4, "flip_test": False, "lr": 1e-12},
        pretrained={"sha256": hashlib.sha256(weights.read_bytes()).hexdigest(), "channels": "bgr"} | pretrained,
        runtime={"data_root": str(root), "pretrained": str(weights)},
    )


def test_the_first_weights_are_science_and_their_path_is_not(weights: Path) -> None:
    first = spec(weights)
    random = first.model_copy(update={"pretrained": None})
    moved = first.model_copy(update={"runtime": first.runtime.model_copy(update={"pretrained": "/elsewhere.pth"})})
    assert moved.signature == first.signature
    assert len({first.signature, random.signature, spec(weights, sha256="0" * 64).signature}) == 3
    assert "pretrained" not in random.science()


def test_a_sweep_starts_the_backbones_it_has_weights_for(weights: Path, tmp_path: Path) -> None:
    file = tmp_path / "warm.yaml"
    file.write_text(SWEEP + f"pretrained: {{sbl-r18-w8: {{file: {weights}, channels: bgr}}}}\n")
    trials = make_plan(load_sweep(file), tmp_path / "runs", file).trials
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    for trial in trials:
        if trial.backbone == "hrnet-w4":
            assert trial.pretrained is None
            assert trial.runtime.pretrained is None
        else:
            assert trial.pretrained is not None
            assert trial.pretrained.sha256 == digest
            assert trial.channels == "bgr"
            assert trial.runtime.pretrained == str(weights)


def test_what_is_wrong_with_the_weights_is_told_when_the_sweep_is_planned(tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_bytes(b"<html>not found</html>")
    file = tmp_path / "warm.yaml"
    file.write_text(SWEEP + f"pretrained: {{sbl-r18-w8: {{file: {tmp_path / 'page.pth'}}}}}\n")
    with pytest.raises(InputError, match=r"pretrained\.sbl-r18-w8: .*page\.pth: a web page; download the weights"):
        make_plan(load_sweep(file), tmp_path / "runs", file)


def test_another_part_of_the_file_is_another_experiment(weights: Path) -> None:
    assert spec(weights, container="ema").signature != spec(weights).signature
    assert spec(weights, container=None).signature == spec(weights).signature


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{sbl-r18-w9: {file: x.pth}}", "pretrained.sbl-r18-w9: not in grid.backbone; did you mean 'sbl-r18-w8'"),
        ("{sbl-r18-w8: {file: absent.pth}}", "absent.pth: no such file"),
        ("{sbl-r18-w8: {path: x.pth}}", "pretrained.sbl-r18-w8.path: unknown key; valid: file, channels"),
        ("{sbl-r18-w8: {file: x.pth, channels: grey}}", "pretrained.sbl-r18-w8.channels"),
    ],
)
def test_wrong_weights_in_a_sweep_file_are_named(section: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "warm.yaml"
    file.write_text(f"{SWEEP}pretrained: {section}\n")
    with pytest.raises(InputError) as error:
        make_plan(load_sweep(file), tmp_path / "runs", file)
    assert message in str(error.value)


def test_the_network_is_filled_with_the_file(weights: Path) -> None:
    model, lines = build_model(spec(weights), 17), list[str]()
    load_pretrained(model, spec(weights), lines.append)
    published = torch.load(weights, weights_only=True)
    assert all(torch.equal(value, published[key]) for key, value in model.state_dict().items())
    assert "tensors loaded, 0 not in the file, 0 not in the network" in lines[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0" * 64}, "its SHA-256 is"),
        (
            {"channels": "rgb"},
            "trained on bgr images, but the trial gives rgb; set pretrained.sbl-r18-w8.channels: bgr",
        ),
    ],
)
def test_another_file_or_other_colours_are_refused(weights: Path, changes: dict[str, Any], message: str) -> None:
    wrong = spec(weights, **changes)
    with pytest.raises(InputError) as error:
        load_pretrained(build_model(wrong, 17), wrong, print)
    assert message in str(error.value)


def test_images_are_given_in_the_order_of_colours_that_is_wanted() -> None:
    """SimpleBaseline reads blue first and normalises it by red's statistics."""
    red = torch.zeros(1, 2, 2, 3, dtype=torch.uint8)
    red[..., 0] = 255
    rgb, bgr = (network_input(red, torch.device("cpu"), order)[0, :, 0, 0].tolist() for order in ("rgb", "bgr"))
    assert rgb == pytest.approx([(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225])
    assert bgr == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, (1 - 0.406) / 0.225])


def test_a_new_trial_starts_from_the_file_and_a_resumed_one_does_not_need_it(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "build_engine", lambda model, _spec, _ranks: model)
    write_coco(tmp_path / "drawn", SyntheticCoco(people_train=8, people_val=4, seed=1))
    first = spec(weights, tmp_path / "drawn")
    folder, alone = RunFolder(tmp_path / first.signature), Ranks(0, 1, torch.device("cpu"))
    trial = train.Trial(first, folder, alone, 0, lambda: False, print)
    assert torch.equal(trial.engine.conv1.weight, torch.load(weights, weights_only=True)["conv1.weight"])
    gone = first.model_copy(update={"runtime": first.runtime.model_copy(update={"pretrained": "/gone.pth"})})
    with pytest.raises(InputError, match=r"/gone\.pth: no such file"):
        train.Trial(gone, folder, alone, 0, lambda: False, print)
    checkpoint.save(folder, {"training": {}}, 1, keep=1)
    train.Trial(gone, folder, alone, 1, lambda: False, print)
