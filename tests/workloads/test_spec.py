"""A trial's signature is its content: what decides the numbers, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from heatmark.models.methods import BiasCompensated
from heatmark.workloads.spec import TrialSpec


def spec(**changes: Any) -> TrialSpec:
    content: dict[str, Any] = {
        "method": {"name": "bcir"},
        "backbone": "sbl-r50",
        "data": {"name": "coco", "fingerprint": "sha256:0"},
        "train": {},
        "runtime": {"data_root": "/data"},
    }
    for key, value in changes.items():
        content[key] = {**content[key], **value} if isinstance(value, dict) else value
    return TrialSpec.model_validate_json(json.dumps(content))


@pytest.mark.parametrize("runtime", [{"data_root": "/other"}, {"workers": 4}, {"threads": 8}, {"zero_stage": 2}])
def test_where_and_how_it_runs_is_not_part_of_the_signature(runtime: dict[str, Any]) -> None:
    assert spec(runtime=runtime).signature == spec().signature


HOW_IT_IS_MEASURED: list[dict[str, Any]] = [
    {"train": {"eval_every": 5}},
    {"train": {"flip_test": False}},
    {"train": {"measure_untrained": True}},
    {"data": {"bbox_source": "det", "detections": "sha256:1"}},
]


@pytest.mark.parametrize("change", HOW_IT_IS_MEASURED)
def test_how_it_is_measured_is_not_part_of_it_either(change: dict[str, Any]) -> None:
    """It changes no weight; in the second science it was a part."""
    assert spec(**change).signature == spec().signature
    then = [spec(science_version=2, **each).signature for each in (change, {})]
    assert (then[0] != then[1]) == ("measure_untrained" not in change.get("train", {}))


def test_boxes_that_crop_people_in_training_too_are() -> None:
    hands = {"format": "rhd", "name": "hands", "fingerprint": "x"}
    assert spec(data=hands).signature != spec(data={**hands, "bbox_source": "mmpose"}).signature


def test_fingerprints_of_data_and_of_boxes_were_one() -> None:
    """The signature is still that of the spec as it was written."""
    old = {"fingerprint": "sha256:0 boxes sha256:1", "bbox_source": "det"}
    read = spec(science_version=2, data=old)
    assert (read.data.fingerprint, read.data.detections) == ("sha256:0", "sha256:1")
    assert read.science()["data"]["fingerprint"] == old["fingerprint"] and "detections" not in read.science()["data"]
    assert TrialSpec.model_validate_json(read.model_dump_json()).signature == read.signature


@pytest.mark.parametrize(
    "change",
    [
        {"method": {"beta": 1.0}},
        {"method": {"name": "ipr"}},
        {"backbone": "sbl-r101"},
        {"data": {"fingerprint": "sha256:1"}},
        {"data": {"input_size": [288, 384]}},
        {"train": {"lr": 2e-3}},
        {"train": {"batch_size": 64}},
        {"train": {"gradient_clipping": 0}},
        {"train": {"compile": True}},
        {"seed": 1},
    ],
)
def test_everything_that_decides_the_numbers_is(change: dict[str, Any]) -> None:
    assert spec(**change).signature != spec().signature


def test_a_signature_does_not_depend_on_the_process_or_on_what_was_left_out() -> None:
    assert spec(seed=0, train={"lr": 1e-3}).signature == spec().signature
    assert len(spec().signature) == 16
    assert TrialSpec.model_validate_json(spec().model_dump_json()) == spec()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"method": {"beta": 0}}, "beta"),
        ({"method": {"name": "argmin"}}, "method"),
        ({"backbone": "sbl-r49"}, "unknown backbone 'sbl-r49'; did you mean 'sbl-r"),
        ({"data": {"format": "lsp"}}, "unknown format 'lsp'; did you mean 'lspet'"),
        ({"data": {"bbox_source": "mmpose"}}, "coco has no mmpose boxes; valid: gt, det"),
        ({"train": {"epochs": -1}}, "epochs"),
        ({"train": {"epochs": "10"}}, "epochs"),
        ({"train": {"epochs": 0}}, "give their file under `pretrained`"),
        ({"train": {"milestones": [20, 10]}}, "milestones"),
        ({"data": {"input_size": [100, 128]}}, "input_size"),
        ({"data": {"colour": "BGR"}}, "colour"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(change: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as caught:
        spec(**change)
    assert where in str(caught.value)


def test_the_defaults_that_depend_on_the_epochs_are_the_papers() -> None:
    method = BiasCompensated().resolved(140)
    assert method.t_o == 120
    assert spec().train.resolved().milestones == (90, 120)
    assert spec(train={"epochs": 14}).train.resolved().milestones == (9, 12)


def test_a_spec_is_read_without_torch() -> None:
    code = "import sys, heatmark.workloads.spec, heatmark.pipeline.plan; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_everything_that_is_registered_is_known_without_torch() -> None:
    code = (
        "import sys\n"
        "from heatmark.datasets.formats import FORMATS\n"
        "from heatmark.models.backbones import FAMILIES\n"
        "from heatmark.models.methods import METHODS\n"
        "from heatmark.pipeline.clusters import CLUSTERS\n"
        "print(*METHODS, *FORMATS, *FAMILIES, *CLUSTERS)\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    methods = ["detection", "ipr", "bcir", "ipr+l_reg", "ipr+l_de", "ipr+debias", "dark", "udp", "dsnt", "rle"]
    methods += ["simcc", "cross_entropy", "sampling_argmax", "offset", "dsnt_var"]
    others = ["coco", "mpii", "lspet", "rhd", "keypoints", "sbl", "hrnet", "local", "slurm"]
    assert done.stdout.split() == [*methods, *others]


@pytest.mark.parametrize(
    ("name", "signature", "second"),
    [
        ("detection", "695a8c71e8a111b9", "c32e66105baa3a62"),
        ("ipr", "bf35b4bde76b6542", "dca2bd3e8c1a0681"),
        ("bcir", "9eabad66fc4bac57", "a0ad8739b3fccd6f"),
        ("ipr+l_reg", "8c205a6b5c1dcafa", "5f67754df291c7ff"),
        ("ipr+l_de", "afa1b35821a73af3", "8662cff87e66173e"),
        ("ipr+debias", "2ca64edeea1f4277", "b3928e4c9fec7879"),
        ("dark", "06b0808a04bdefe6", "6d45e48cc6bdb887"),
        ("udp", "c84a63fae9613cfc", "790d478d1adb81d8"),
        ("dsnt", "5282bca18adb77ba", "e371249f6b22d6b0"),
        ("rle", "87fdd8564a1f70d9", "15c032ae09bd8e61"),
        ("simcc", "73db39b8892051eb", "b3028170fef62494"),
        ("cross_entropy", "d0b36420584e8b2b", "1fc0945ac961f762"),
        ("sampling_argmax", "6defc4096f231594", "dfe9592286693e5a"),
        ("offset", "5e66242fdebaf459", "9b2f3861015b929a"),
        ("dsnt_var", "f2d72863ad3662e1", "0b208183f071b204"),
    ],
)
def test_a_trial_of_each_method_keeps_its_signature(name: str, signature: str, second: str) -> None:
    """Results are kept under it: one that changes is an experiment done again. second: of the second science."""
    content = {
        "method": {"name": name},
        "backbone": "sbl-r18-w8",
        "data": {"name": "d", "fingerprint": "x"},
        "train": {},
        "runtime": {"data_root": "/x"},
    }
    assert TrialSpec.model_validate_json(json.dumps(content)).signature == signature
    assert TrialSpec.model_validate_json(json.dumps({**content, "science_version": 2})).signature == second
