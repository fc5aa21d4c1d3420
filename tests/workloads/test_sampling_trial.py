"""Sampling-argmax as a trial: what is drawn is drawn again after an interruption, though no state of it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.made_up import made_spec
from tests.workloads.method_trials import drawn, killed_and_resumed, prepared, training_of
from tests.workloads.test_trial import log_of, numbers, run

pytestmark = pytest.mark.slow


def test_a_killed_trial_ends_with_the_same_numbers_and_weights(tmp_path: Path) -> None:
    people = drawn(tmp_path / "drawn", train=64, val=16)
    spec = made_spec("sampling_argmax", runtime={"data_root": str(people)})
    undisturbed, killed = (prepared(tmp_path / name, spec) for name in ("undisturbed", "killed"))
    assert run(undisturbed) == [0], log_of(undisturbed)
    killed_and_resumed(killed)
    assert numbers(killed) == numbers(undisturbed)
    assert killed.predictions_file.read_bytes() == undisturbed.predictions_file.read_bytes()
    found, expected = (training_of(folder)["model"] for folder in (killed, undisturbed))
    assert all(torch.equal(value, found[name]) for name, value in expected.items())
