"""A trained trial as a file: whoever runs it gets the numbers of the trial's own evaluation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from heatmark.datasets.predictions import Metrics
from heatmark.foundation.errors import InputError
from heatmark.models.methods import METHODS
from heatmark.workloads.crop_reader import FileReader, Read, TrialReader
from heatmark.workloads.evaluate import evaluate
from heatmark.workloads.export import Export, export_trial, opened
from heatmark.workloads.export_check import TOLERANCE, Agreement, Verified, agreement, compare, verify
from heatmark.workloads.export_formats import FORMATS, format_of_file, needed
from heatmark.workloads.exported import Exported
from heatmark.workloads.pose_net import PoseNet
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.views import skeleton_of, view_of
from tests.workloads.taught import CPU, State, as_run, begun, drawn_people, small_net, spec_of, taught

ALONE = Ranks(0, 1, CPU)


def silent(_line: str) -> None:
    """Nobody reads it."""


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_people(tmp_path_factory.mktemp("data") / "drawn")


@pytest.fixture(scope="module")
def state(people: Path) -> State:
    return taught(people, 150)


def exported(
    tmp_path: Path, people: Path, state: State, method: str, suffix: str, **train: Any
) -> tuple[Export, TrialReader]:
    """Of a trial that begins with the weights, and the trial itself."""
    spec = spec_of(people, method, **train)
    model = begun(spec, state)
    folder = as_run(tmp_path, spec, model)
    found = export_trial(folder.path, FORMATS[suffix], f"model{suffix}", silent, all_people=True)
    return found, TrialReader(spec, skeleton_of(spec), model, CPU)


@pytest.fixture(scope="module")
def small_state(people: Path) -> State:
    return taught(people, 120, small_net)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_its_evaluations_numbers_through_onnxruntime(
    people: Path, small_state: State, name: str
) -> None:
    spec = spec_of(people, name)
    for steps in (0, 20, 60):  # a method with layers of its own has yet to learn them
        trial = TrialReader(spec, skeleton_of(spec), begun(spec, small_state, small_net, steps), CPU)
        evaluated = evaluate(trial.model, view_of(spec, ALONE), ALONE, set()).metrics
        if evaluated["gtbox/AP"]:
            break
    about = Exported.of_trial(spec, trial.skeleton, 1, {})
    net = PoseNet(trial.model, spec, trial.skeleton).eval()
    content = FORMATS[".onnx"].convert(net, torch.zeros(2, 3, 64, 64), about.outputs, about.properties())
    found = verify(trial, opened(FORMATS[".onnx"], content, "model.onnx"), view_of(spec, ALONE))
    assert found.own == {key: evaluated[key] for key in found.own}, "torch's side is the evaluation itself"
    assert found.own["gtbox/AP"], "an AP of 0 would say nothing"
    assert found.exported.keys() == found.own.keys()
    assert found.exported["gtbox/AP"] == pytest.approx(found.own["gtbox/AP"], abs=1e-6)
    assert not found.differing
    assert found.agreement.crops == 16 and found.agreement.largest <= TOLERANCE
    assert not found.agreement.broken and found.agreement.unsettled < 0.05 * found.agreement.joints
    print(f"{name}: {found.told('onnxruntime')}")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "flip_test"), [("bcir", True), ("detection", False)])
def test_a_trained_trial_leaves_as_onnx(tmp_path: Path, people: Path, state: State, name: str, flip_test: bool) -> None:
    export, trial = exported(tmp_path, people, state, name, ".onnx", flip_test=flip_test)
    assert export.agreement.crops == 8 and export.agreement.largest <= TOLERANCE
    assert export.verified is not None and not export.verified.differing
    reader = opened(FORMATS[".onnx"], export.content, "model.onnx")
    crop_BHW3 = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    assert agreement(trial, crop_BHW3, trial.read(crop_BHW3), reader.read(crop_BHW3)).broken == 0


@pytest.mark.parametrize("suffix", [pytest.param(".pt2", marks=pytest.mark.slow), ".ts"])
@pytest.mark.parametrize("name", ["bcir", "dark"])
def test_torchs_own_formats_read_alike(tmp_path: Path, people: Path, state: State, name: str, suffix: str) -> None:
    export, _ = exported(tmp_path, people, state, name, suffix)
    assert export.agreement.largest <= TOLERANCE
    assert export.verified is not None and not export.verified.differing
    reader = opened(FORMATS[suffix], export.content, "model")
    assert reader.about == export.about and reader.skeleton.joints[0] == "nose"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory, people: Path, state: State) -> tuple[FileReader, TrialReader]:
    """A file that reads as its trial does."""
    export, trial = exported(tmp_path_factory.mktemp("runs"), people, state, "bcir", ".ts")
    return opened(FORMATS[".ts"], export.content, "model.ts"), trial


def test_a_file_that_reads_otherwise_is_found_out(script: tuple[FileReader, TrialReader]) -> None:
    reader, trial = script

    def off(joint: int, by: float) -> FileReader:
        def run(image_B3HW: Any) -> Any:
            joints_BK2, *rest = (each.copy() for each in reader.run(image_B3HW))
            joints_BK2[0, joint, 0] += by
            return joints_BK2, *rest

        return replace(reader, run=run)

    view = view_of(trial.spec, ALONE)
    crops = [next(iter(view.loader))["image_BHW3"]]
    assert compare(trial, reader, crops).broken == 0
    assert compare(trial, off(3, 2e-4), crops).broken == 1
    assert compare(trial, off(3, float("nan")), crops).broken == 1
    moved = verify(trial, off(3, 5.0), view)
    assert moved.broken and "gtbox/EPE" in moved.differing
    assert "gtbox/AP by onnxruntime" in moved.told("onnxruntime")


def test_a_metric_may_differ_where_a_tie_explains_it_and_only_there() -> None:
    own: Metrics = {"gtbox/AP": 0.5, "gtbox/EPE": 3.0}
    other: Metrics = {"gtbox/AP": 0.5 + 2e-6, "gtbox/EPE": 3.0005}
    in_space = {"gtbox/EPE mm": 100.0, "gtbox/AUC@20-50mm": 0.0703}
    near: Metrics = {"gtbox/EPE mm": 100.05, "gtbox/AUC@20-50mm": 0.0707}
    assert not Verified(Agreement(), dict(in_space), near, "gtbox/EPE mm").differing
    assert Verified(Agreement(), dict(in_space), near | {"gtbox/EPE mm": 100.2}, "gtbox/EPE mm").differing
    settled = Verified(Agreement(8, 136, 1e-5), own, other, "gtbox/AP")
    assert settled.differing == ["gtbox/AP"] and settled.broken
    assert not replace(settled, agreement=Agreement(8, 136, 1e-5, unsettled=1)).broken
    assert replace(settled, exported=own, agreement=Agreement(8, 136, 1e-5, broken=1)).broken
    assert replace(settled, exported={"gtbox/AP": None, "gtbox/EPE": 3.0}).differing == ["gtbox/AP"]


def test_a_joint_at_a_tie_is_unsettled(people: Path) -> None:
    """Two pixels of the same height: a maximum jumps between them as rounding has it."""

    class Tied(torch.nn.Module):
        def forward(self, image_B3HW: torch.Tensor) -> torch.Tensor:
            heatmap_BKHW = torch.zeros(len(image_B3HW), 17, 16, 16)
            heatmap_BKHW[..., 4, 4] = heatmap_BKHW[:, :1, 12, 12] = 1.0
            heatmap_BKHW[:, 0, 12, 12] = 1.0
            return heatmap_BKHW

    spec = spec_of(people, {"name": "detection", "decoder": "argmax"}, flip_test=False)
    trial = TrialReader(spec, skeleton_of(spec), Tied(), CPU)
    crop_BHW3 = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    assert (trial.unsettled(crop_BHW3)[0] > 1).tolist() == [True] + [False] * 16
    own = trial.read(crop_BHW3)
    jumped_BK2 = own.joints_BK2.copy()
    jumped_BK2[0, 0] = 48.0
    found = agreement(trial, crop_BHW3, own, Read(jumped_BK2, own.confidence_BK))
    assert (found.unsettled, found.broken, found.largest) == (1, 0, 0.0)
    jumped_BK2[0, 1] = 48.0
    assert agreement(trial, crop_BHW3, own, Read(jumped_BK2, own.confidence_BK)).broken == 1


def test_metadata_come_back_and_others_keys_are_left_alone(people: Path) -> None:
    spec = spec_of(people, "rle")
    about = Exported.of_trial(spec, skeleton_of(spec), 7, {"gtbox/AP": 0.25, "gtbox/AR": None})
    texts = about.properties()
    assert all(isinstance(value, str) for value in texts.values())
    assert texts["backbone"] == "sbl-r18-w8" and json.loads(texts["skeleton"])["joints"][0] == "nose"
    assert Exported.of_properties(texts | {"a_tool": "was here"}, "x.onnx") == about
    assert about.joints == skeleton_of(spec)
    assert about.crop.input_size == spec.data.input_size and about.crop.padding == spec.data.padding
    with pytest.raises(InputError, match=r"x\.onnx: no export of heatmark"):
        Exported.of_properties({"a_tool": "was here"}, "x.onnx")
    with pytest.raises(InputError, match=r"x\.onnx: its metadata are damaged"):
        Exported.of_properties(texts | {"mean": "[0.1,"}, "x.onnx")
    with pytest.raises(InputError, match=r"x\.onnx: key padding"):
        Exported.of_properties({key: text for key, text in texts.items() if key != "padding"}, "x.onnx")


def test_files_that_are_no_exports_are_said() -> None:
    with pytest.raises(InputError, match=r"model\.bin: no format of an export by its suffix; valid: \.onnx"):
        format_of_file(Path("model.bin"))
    for suffix, runtime in ((".onnx", "onnxruntime"), (".pt2", "torch.export"), (".ts", "torch.jit")):
        with pytest.raises(InputError, match=rf"broken: {runtime} cannot"):
            FORMATS[suffix].open(b"not a net", "broken")
    with pytest.raises(InputError, match="no_such_package is not installed, which ONNX files need; run: pip install"):
        needed("no_such_package")


def test_a_net_of_somebody_else_is_said_to_be_none_of_ours() -> None:
    onnx = pytest.importorskip("onnx")
    shape = ["batch", 3, 8, 8]
    given, taken = (onnx.helper.make_tensor_value_info(name, 1, shape) for name in ("x", "y"))
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "theirs", [given], [taken])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    with pytest.raises(InputError, match=r"theirs\.onnx: no export of heatmark"):
        opened(FORMATS[".onnx"], model.SerializeToString(), "theirs.onnx")


def test_without_the_people_an_export_is_checked_on_noise(tmp_path: Path, people: Path, state: State) -> None:
    spec = spec_of(people, "bcir")
    moved = spec.model_copy(update={"runtime": spec.runtime.model_copy(update={"data_root": "/gone"})})
    folder = as_run(tmp_path, moved, begun(spec, state), AP=0.25)
    told: list[str] = []
    export = export_trial(folder.path, FORMATS[".ts"], "model.ts", told.append)
    assert export.checked_on == "crops of noise" and export.agreement.crops == 8
    assert any("checked on noise" in line for line in told)
    assert export.about.metrics == {"gtbox/AP": 0.25} and export.about.epoch == 1
    half = export_trial(folder.path, FORMATS[".ts"], "model.ts", silent, flip_test=False)
    assert export.about.flip_test and not half.about.flip_test
    with pytest.raises(InputError, match=r"spec\.json: cannot be read"):
        export_trial(tmp_path / "nowhere", FORMATS[".ts"], "model.ts", silent)


def test_numbers_are_in_fp32_and_for_any_number_of_people(script: tuple[FileReader, TrialReader]) -> None:
    reader, _ = script
    for count in (1, 2, 5):
        joints_BK2, confidence_BK = reader.run(np.zeros((count, 3, 64, 64), np.float32))
        assert joints_BK2.shape == (count, 17, 2) and confidence_BK.shape == (count, 17)
        assert joints_BK2.dtype == confidence_BK.dtype == np.float32
