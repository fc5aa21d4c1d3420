"""Sampling-argmax as a trial: what is drawn is drawn again after an interruption, though no state of it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads import checkpoint
from heatmark.workloads.run_folder.folder import RunFolder
from tests.made_up import made_spec, planned
from tests.workloads.test_trial import log_of, numbers, run, start, wait_for_step

pytestmark = pytest.mark.slow


def test_a_killed_trial_ends_with_the_same_numbers_and_weights(tmp_path: Path) -> None:
    write_coco(tmp_path / "drawn", SyntheticCoco(people_train=64, people_val=16, seed=1))
    spec = made_spec("sampling_argmax", runtime={"data_root": str(tmp_path / "drawn")})
    undisturbed, killed = (planned(tmp_path / name / spec.signature, spec) for name in ("undisturbed", "killed"))
    assert run(undisturbed) == [0], log_of(undisturbed)
    process = start(killed)
    wait_for_step(killed, process, epochs=1)
    process.kill()
    process.wait(timeout=150)
    assert run(killed) == [0], log_of(killed)
    assert "resumed at epoch 2" in log_of(killed)
    assert numbers(killed) == numbers(undisturbed)
    assert killed.predictions_file.read_bytes() == undisturbed.predictions_file.read_bytes()
    found, expected = (_weights(folder) for folder in (killed, undisturbed))
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def _weights(folder: RunFolder) -> dict[str, torch.Tensor]:
    state, _ = checkpoint.load(folder)
    assert state is not None
    weights: dict[str, torch.Tensor] = state["training"]["model"]
    return weights
