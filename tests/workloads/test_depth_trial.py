"""Trials in 2.5D: metrics in millimetres, bit-for-bit resumption, and signatures of trials without depth as before."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from heatmark.datasets.formats import score
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.train import build_model
from tests.made_up import final_of, made_spec, planned
from tests.rhd_tree import write_rhd
from tests.workloads.test_trial import log_of, numbers, run, start, wait_for_step

IN_SPACE = {"gtbox/EPE mm", "gtbox/AUC@20-50mm", "gtbox/AUC@0-50mm"}


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "rhd"
    write_rhd(root, train=64, val=8)
    return root


def spec_of(method: str = "ipr", root: Path = Path("nowhere"), **train: Any) -> TrialSpec:
    data, learning = {"name": "hands", "format": "rhd"}, {"epochs": 2, "milestones": [1], **train}
    return made_spec(method, data=data, train=learning, runtime={"data_root": str(root)})


def prepared(path: Path, spec: TrialSpec) -> RunFolder:
    return planned(path / spec.signature, spec)


def test_trials_without_depth_keep_their_signature() -> None:
    science = spec_of().science()
    assert not {"depth", "depth_weight"} & set(science["train"])
    canonical = json.dumps(science, sort_keys=True, separators=(",", ":"))
    assert spec_of().signature == hashlib.sha256(canonical.encode()).hexdigest()[:16]
    # The weight of a loss that a trial does not have is nothing.
    assert spec_of(depth_weight=7.0).signature == spec_of().signature
    assert (
        len({spec.signature for spec in (spec_of(), spec_of(depth=True), spec_of(depth=True, depth_weight=7.0))}) == 3
    )
    assert "2.5D" in spec_of(depth=True).label and "2.5D" not in spec_of().label


def test_only_data_in_3d_has_depth_to_learn() -> None:
    content = json.loads(spec_of(depth=True).model_dump_json())
    content["data"]["format"] = "coco"
    with pytest.raises(ValidationError, match=r"train\.depth: coco has no joints in 3D; for rhd only"):
        TrialSpec.model_validate_json(json.dumps(content))


def test_a_network_with_depth_has_two_maps_a_joint() -> None:
    flat, deep = (build_model(spec_of(depth=depth), 21).state_dict() for depth in (False, True))
    assert flat["final_layer.weight"].shape[0] == 21 and deep["final_layer.weight"].shape[0] == 42


@pytest.mark.slow
@pytest.mark.parametrize("method", ["detection", "ipr"])
def test_a_trial_in_25d_ends_with_millimetres(method: str, tmp_path: Path, hands: Path) -> None:
    folder = prepared(tmp_path, spec_of(method, hands, depth=True))
    assert run(folder) == [0], log_of(folder)
    final = final_of(folder)
    assert set(final) >= IN_SPACE and all(final[name] is not None for name in IN_SPACE)
    assert all("l_depth" in record.train for record in folder.epochs())
    scored = score("rhd", hands / "evaluation" / "anno_evaluation.pickle", folder.usual_predictions_file)
    assert scored["all"]["EPE mm"] == pytest.approx(final["gtbox/EPE mm"])
    table = pq.read_table(folder.records_file(1))
    errors = np.array(table.column("error_mm").to_pylist()).ravel()
    assert errors.shape == (8 * 21,) and errors.mean() == pytest.approx(final["gtbox/EPE mm"], rel=1e-5)


@pytest.mark.slow
def test_an_interrupted_trial_in_25d_ends_with_the_same_numbers(tmp_path: Path, hands: Path) -> None:
    spec = spec_of("bcir", hands, depth=True, epochs=3)
    undisturbed, disturbed = (prepared(tmp_path / name, spec) for name in ("undisturbed", "disturbed"))
    assert run(undisturbed) == [0], log_of(undisturbed)
    process = start(disturbed)
    wait_for_step(disturbed, process, epochs=1)
    process.send_signal(signal.SIGUSR2)
    assert process.wait(timeout=150) == 144, log_of(disturbed)
    assert run(disturbed) == [0], log_of(disturbed)
    assert numbers(disturbed) == numbers(undisturbed)
    assert set(final_of(undisturbed)) >= IN_SPACE
