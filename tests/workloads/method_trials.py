"""Trials of one method on drawn people, for tests of what a method brings along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads import checkpoint
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from tests.made_up import made_spec, planned
from tests.workloads.test_trial import log_of, run, start, wait_for_step


def spec_of(method: str, root: Path = Path("nowhere"), **changes: Any) -> TrialSpec:
    usual: dict[str, dict[str, Any]] = {"train": {"milestones": [2]}, "runtime": {"data_root": str(root)}}
    return made_spec(method, **usual | {name: usual.get(name, {}) | section for name, section in changes.items()})


def prepared(path: Path, spec: TrialSpec) -> RunFolder:
    return planned(path / spec.signature, spec)


def drawn(root: Path, train: int = 96, val: int = 24) -> Path:
    write_coco(root, SyntheticCoco(people_train=train, people_val=val, seed=1))
    return root


def training_of(folder: RunFolder) -> dict[str, Any]:
    """What the newest checkpoint holds of the training; its weights under `model`."""
    state, _ = checkpoint.load(folder)
    assert state is not None
    training: dict[str, Any] = state["training"]
    return training


def killed_and_resumed(folder: RunFolder) -> None:
    """Run to its end, and killed after its first epoch on the way."""
    process = start(folder)
    wait_for_step(folder, process, epochs=1)
    process.kill()
    process.wait(timeout=150)
    assert run(folder) == [0], log_of(folder)
    assert "resumed at epoch 2" in log_of(folder)
