"""Whole trials of one job that share a stream: numbers and weights are those of trials apart, bit for bit."""

from __future__ import annotations

import hashlib
import re
import signal
import subprocess
from pathlib import Path

import pytest

from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.shared_stream.serving import serving
from tests.workloads.method_trials import drawn, prepared, spec_of, training_of
from tests.workloads.test_trial import log_of, numbers, start, wait_for_step

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
METHODS = ("detection", "ipr")
EPOCHS = 3
DEADLINE_S = 600


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("data") / "drawn")


def started(path: Path, people: Path, **variables: str) -> list[tuple[RunFolder, subprocess.Popen[bytes]]]:
    folders = [prepared(path, spec_of(method, people)) for method in METHODS]
    return [(folder, start(folder, **variables)) for folder in folders]


def weights(folder: RunFolder) -> str:
    """Of the newest checkpoint: every bit of the net and of Adam's moments."""
    training, found = training_of(folder), hashlib.sha256()
    for name, value in sorted(training["model"].items()):
        found.update(name.encode() + value.numpy().tobytes())
    for name, moments in sorted(training["moments"].items()):
        for part in moments.values():
            found.update(name.encode() + part.numpy().tobytes())
    return found.hexdigest()


def assert_equal(found: RunFolder, expected: RunFolder) -> None:
    assert numbers(found) == numbers(expected) and len(numbers(found)) == EPOCHS
    assert weights(found) == weights(expected)
    assert found.predictions_file.read_bytes() == expected.predictions_file.read_bytes()
    for epoch in range(EPOCHS):
        assert found.records_file(epoch).read_bytes() == expected.records_file(epoch).read_bytes()


def test_trials_learn_the_same_together_and_apart(
    tmp_path: Path, people: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    apart = started(tmp_path / "apart", people)
    assert [process.wait(DEADLINE_S) for _, process in apart] == [0, 0], log_of(apart[0][0])
    with serving() as variables:
        together = started(tmp_path / "together", people, **variables)
        assert [process.wait(DEADLINE_S) for _, process in together] == [0, 0], log_of(together[0][0])
    made = re.search(r"(\d+) batches made, (\d+) given", capfd.readouterr().err)
    # 96 people in steps of 8, 24 to measure on, which are cropped once for all epochs.
    assert made is not None and (int(made[1]), int(made[2])) == (12 * EPOCHS + 3, 2 * 15 * EPOCHS)
    # One is stopped on its way, and goes on alone from where it was.
    with serving() as variables:
        interrupted = started(tmp_path / "interrupted", people, **variables)
        (folder, process), (_, other) = interrupted
        wait_for_step(folder, process, epochs=1)
        process.send_signal(signal.SIGTERM)
        assert (process.wait(DEADLINE_S), other.wait(DEADLINE_S)) == (0, 0), log_of(folder)
        assert start(folder, **variables).wait(DEADLINE_S) == 0, log_of(folder)
        assert "resumed at epoch" in log_of(folder)
    for runs in (together, interrupted):
        for (found, _), (expected, _) in zip(runs, apart, strict=True):
            assert "no shared stream" not in log_of(found)
            assert_equal(found, expected)
