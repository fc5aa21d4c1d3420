"""Checkpoints as they are published load by name; what is damaged, dangerous or of another network is refused."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import sys
import types
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from heatmark.models.backbones import parse_backbone
from heatmark.models.weights import WeightsError, load_weights, read_checkpoint

State = dict[str, Tensor]


@pytest.fixture
def trained() -> nn.Module:
    torch.manual_seed(1)
    return parse_backbone("sbl-r50-w8").build(17)


@pytest.fixture
def fresh() -> nn.Module:
    torch.manual_seed(2)
    return parse_backbone("sbl-r50-w8").build(17)


def saved(folder: Path, content: Any, name: str = "pose_resnet_50_256x192.pth.tar") -> Path:
    torch.save(content, folder / name)
    return folder / name


def same(first: nn.Module, second: nn.Module) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def prefixed(state: State, prefix: str) -> State:
    return {prefix + key: value for key, value in state.items()}


def as_mmpose(state: State, head: str) -> State:
    heads = ("deconv_layers.", "final_layer.")
    return {(head if key.startswith(heads) else "backbone.") + key: value for key, value in state.items()}


CONTAINERS: dict[str, Any] = {
    "final state dict": lambda state: OrderedDict(state),
    "DataParallel": lambda state: prefixed(state, "module."),
    "training checkpoint": lambda state: {
        "epoch": 140,
        "model": "pose_resnet",
        "state_dict": prefixed(state, "module."),
        "perf": np.float64(0.704),
        "optimizer": {"state": {}, "param_groups": []},
    },
    "best of a training checkpoint": lambda state: {
        "state_dict": {key: torch.zeros_like(value) for key, value in state.items()},
        "best_state_dict": state,
    },
    "mmpose 0.x": lambda state: {"meta": {"epoch": 210}, "state_dict": as_mmpose(state, "keypoint_head.")},
    "mmpose 1.x": lambda state: {"meta": {}, "state_dict": as_mmpose(state, "head.")},
    "mmpose's integral head": lambda state: {
        "state_dict": as_mmpose(state, "head.simplebaseline_head.") | {"head.linspace_x": torch.zeros(48)}
    },
    "torch.compile": lambda state: prefixed(state, "_orig_mod."),
    "Lightning": lambda state: {"state_dict": prefixed(state, "model."), "epoch": 3, "hyper_parameters": {"lr": 0.1}},
    "Lightning's net": lambda state: {"state_dict": prefixed(state, "net.")},
    "DataParallel twice": lambda state: prefixed(state, "module.module."),
    "compiled, in DataParallel, in Lightning": lambda state: {"state_dict": prefixed(state, "model.module._orig_mod.")},
    "model_state_dict": lambda state: {"model_state_dict": state, "optimizer_state_dict": {"state": {}}},
    "net": lambda state: {"net": state, "acc": 71.2, "epoch": 9},
    "network": lambda state: {"network": state},
    "an average alone": lambda state: {"ema": {"module": state}},
    "a training script's": lambda state: {
        "model": state,
        "args": argparse.Namespace(lr=0.1, out=Path("/home/a/runs"), tags=["x"]),
        "root": Path("/data/coco"),
        "history": defaultdict(list, {"loss": [0.3, 0.2]}),
    },
    "our own": lambda state: {"training": {"model": state, "moments": {}}, "position": {"epoch": 3}},
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_published_container_is_unwrapped(
    container: str, tmp_path: Path, trained: nn.Module, fresh: nn.Module
) -> None:
    checkpoint = read_checkpoint(saved(tmp_path, CONTAINERS[container](trained.state_dict())))
    fit = load_weights(fresh, checkpoint)
    assert same(fresh, trained)
    assert fit.missing == ()
    assert checkpoint.channels == ("rgb" if "mmpose" in container or container == "our own" else "bgr")


@pytest.mark.parametrize("legacy", [False, True])
def test_what_mmpose_keeps_beside_the_weights_is_let_be(
    tmp_path: Path, trained: nn.Module, fresh: nn.Module, legacy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Arrays that describe the data set, and in its first files of 1.x the curves of the training, objects of mmengine.
    module = types.ModuleType("mmengine.logging.history_buffer")
    module.HistoryBuffer = type("HistoryBuffer", (), {"__module__": module.__name__})  # type: ignore[attr-defined]
    curve = module.HistoryBuffer()
    curve._log_history = np.array([0.1, 0.2])
    described = {"sigmas": np.full(17, 0.1, np.float32), "colors": np.zeros((17, 3), np.uint8), "upper": np.arange(3)}
    content = {
        "meta": {"epoch": 210, "dataset_meta": described},
        "state_dict": as_mmpose(trained.state_dict(), "head."),
        "message_hub": {"log_scalars": {"train/loss": curve}},
    }
    path = tmp_path / "td-hm_res50.pth"
    with monkeypatch.context() as context:
        for name in ("mmengine", "mmengine.logging", module.__name__):
            context.setitem(sys.modules, name, module)
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    assert load_weights(fresh, read_checkpoint(path)).missing == ()
    assert same(fresh, trained)


def test_safetensors_are_read_by_what_they_are_and_not_by_their_name(
    tmp_path: Path, trained: nn.Module, fresh: nn.Module
) -> None:
    for name in ("model.safetensors", "pose_resnet_50.pth"):
        save_file(trained.state_dict(), tmp_path / name)
        assert load_weights(fresh, read_checkpoint(tmp_path / name)).missing == ()
        assert same(fresh, trained)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"cut\.safetensors: no intact safetensors file"):
        read_checkpoint(tmp_path / "cut.safetensors")


def test_of_two_sets_of_weights_one_is_taken_and_said_and_the_other_can_be_had(
    tmp_path: Path, trained: nn.Module, fresh: nn.Module
) -> None:
    averaged = {key: torch.zeros_like(value) for key, value in trained.state_dict().items()}
    path = saved(tmp_path, {"model": trained.state_dict(), "ema": averaged})
    usual, other = read_checkpoint(path), read_checkpoint(path, container="ema")
    load_weights(fresh, usual)
    assert same(fresh, trained)
    assert usual.notes == ("taken from model; the file holds ema too (container: ema)",)
    load_weights(fresh, other)
    assert not fresh.state_dict()["conv1.weight"].any()
    with pytest.raises(WeightsError, match="holds no container teacher; found ema, model"):
        read_checkpoint(path, container="teacher")


def test_what_is_taken_off_names_is_said(tmp_path: Path, trained: nn.Module) -> None:
    path = saved(tmp_path, {"state_dict": prefixed(trained.state_dict(), "model._orig_mod.")})
    assert read_checkpoint(path).notes == ("model., _orig_mod. taken from the front of names",)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<!DOCTYPE html><html><head><title>Sign in</title>", "a web page"),
        (b"\xef\xbb\xbf\n<html lang='en'>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 132", "a Git LFS pointer"),
        (b'{"error": {"code": 404}}', "a JSON file"),
    ],
)
def test_what_was_saved_instead_of_the_weights_is_told(content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "resnet50.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"resnet50.pth: {what}.*; download the weights themselves"):
        read_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_of_a_net_that_diverged_are_refused(tmp_path: Path, trained: nn.Module, value: float) -> None:
    state = trained.state_dict()
    state["layer1.0.conv1.weight"].view(-1)[:3] = value
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight holds 3 number\(s\) that are NaN or infinite"):
        read_checkpoint(saved(tmp_path, state))


def test_imagenet_weights_fill_the_trunk_and_leave_the_head(
    tmp_path: Path, trained: nn.Module, fresh: nn.Module
) -> None:
    heads = ("deconv_layers.", "final_layer.")
    state = {key: value for key, value in trained.state_dict().items() if not key.startswith(heads)}
    state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    state |= {"fc.weight": torch.zeros(1000, 8), "fc.bias": torch.zeros(1000)}
    before = fresh.state_dict()["final_layer.weight"].clone()
    checkpoint = read_checkpoint(saved(tmp_path, state, "resnet50.pth"))
    fit = load_weights(fresh, checkpoint)
    assert set(fit.unexpected) == {"fc.weight", "fc.bias"}
    assert {key.split(".")[0] for key in fit.missing} == {"deconv_layers", "final_layer"}
    assert torch.equal(fresh.state_dict()["layer4.0.conv2.weight"], trained.state_dict()["layer4.0.conv2.weight"])
    assert torch.equal(fresh.state_dict()["final_layer.weight"], before)
    assert checkpoint.channels == "rgb"
    assert "2 not in the network (fc.bias, fc.weight)" in str(fit)


def test_hrnet_takes_an_imagenet_file_with_its_classifier(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trained, fresh = parse_backbone("hrnet-w4").build(17), parse_backbone("hrnet-w4").build(17)
    state = {key: value for key, value in trained.state_dict().items() if not key.startswith("final_layer")}
    for extra in ("incre_modules.0.0.conv1", "downsamp_modules.0.0", "stage4.2.fuse_layers.2.0.0.0", "final_layer.0"):
        state[f"{extra}.weight"] = torch.zeros(1)
    fit = load_weights(fresh, read_checkpoint(saved(tmp_path, state, "hrnet_w4.pth")))
    assert set(fit.missing) == {"final_layer.weight", "final_layer.bias"}
    assert len(fit.unexpected) == 4
    assert torch.equal(
        fresh.state_dict()["stage4.2.branches.3.3.conv2.weight"], state["stage4.2.branches.3.3.conv2.weight"]
    )


def test_a_head_for_other_joints_is_left_out_and_reported(tmp_path: Path, trained: nn.Module) -> None:
    net = parse_backbone("sbl-r50-w8").build(16)
    fit = load_weights(net, read_checkpoint(saved(tmp_path, trained.state_dict())))
    assert set(fit.missing) == {"final_layer.weight", "final_layer.bias"}


def test_a_file_must_have_the_hash_in_its_name_and_the_one_expected(tmp_path: Path, trained: nn.Module) -> None:
    path = saved(tmp_path, trained.state_dict())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for good in (f"res50_coco_256x192-{digest[:8]}_20200709.pth", f"resnet50-{digest[:8]}.pth", "res50-20200709.pth"):
        path = path.rename(tmp_path / good)
        assert read_checkpoint(path, sha256=digest).sha256 == digest
        assert read_checkpoint(path, sha256=digest[:8].upper()).sha256 == digest
    with pytest.raises(WeightsError, match=f"SHA-256 is {digest[:16]}..., expected 00000000"):
        read_checkpoint(path, sha256="00000000")
    path = path.rename(tmp_path / "resnet50-19c8e357.pth")
    with pytest.raises(WeightsError, match="its name says 19c8e357; download it again"):
        read_checkpoint(path)


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.witness),)


def test_a_pickle_with_code_in_it_is_refused_and_does_not_run(tmp_path: Path, trained: nn.Module) -> None:
    witness = tmp_path / "it ran"
    path = saved(tmp_path, {"state_dict": trained.state_dict(), "extra": Malicious(witness)})
    with pytest.raises(WeightsError, match="refused, because it holds more than tensors"):
        read_checkpoint(path)
    assert not witness.exists()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, trained: nn.Module, part: float, legacy: bool) -> None:
    path = tmp_path / "weights.pth"
    torch.save(trained.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(WeightsError, match=r"weights\.pth: (the file is truncated|refused)"):
        read_checkpoint(path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(3)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    for place in range(len(data)):
        # A stop where it is least expected.
        path.write_bytes(data[:place] + b"." + data[place + 1 :])
        with contextlib.suppress(WeightsError):
            read_checkpoint(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_both_of_torchs_formats_are_read(tmp_path: Path, trained: nn.Module, fresh: nn.Module, legacy: bool) -> None:
    path = tmp_path / "weights.pth"
    torch.save(trained.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    load_weights(fresh, read_checkpoint(path))
    assert same(fresh, trained)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ("sbl-r101-w8", "layer3.6.conv1.weight and .* more are not in the network"),
        ("sbl-r50-w16", r"conv1.weight has shape \(16, 3, 7, 7\), the network's has \(8, 3, 7, 7\)"),
        ("sbl-r34-w8", r"layer1.0.conv1.weight has shape \(8, 8, 3, 3\)"),
        ("hrnet-w8", "conv1.weight has shape"),
    ],
)
def test_the_weights_of_another_network_are_refused_and_nothing_is_copied(
    tmp_path: Path, fresh: nn.Module, other: str, why: str
) -> None:
    before = {key: value.clone() for key, value in fresh.state_dict().items()}
    path = saved(tmp_path, parse_backbone(other).build(17).state_dict())
    with pytest.raises(WeightsError, match=f"the weights of another network: .*{why}"):
        load_weights(fresh, read_checkpoint(path))
    assert all(torch.equal(before[key], value) for key, value in fresh.state_dict().items())


def test_a_shallower_network_does_not_half_fill_a_deeper_one(tmp_path: Path, trained: nn.Module) -> None:
    deeper = parse_backbone("sbl-r101-w8").build(17)
    with pytest.raises(WeightsError, match=r"layer3\.6\.conv1\.weight and \d+ more are not in it"):
        load_weights(deeper, read_checkpoint(saved(tmp_path, trained.state_dict())))


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.zeros(1)], {}, {"state_dict": {}}, {3: torch.zeros(1)}])
def test_a_file_without_a_state_dict_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(WeightsError, match="holds no"):
        read_checkpoint(saved(tmp_path, content))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.pth: no such file"):
        read_checkpoint(tmp_path / "absent.pth")
