"""SLURM's own daemons die under a trial: nothing accepted is sent again, and no run folder has two writers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from tests.slurm.sent import Sent

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(800)]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    Sent.end_all()


@pytest.fixture
def people(tmp_path: Path) -> Path:
    root = tmp_path / "drawn"
    write_coco(root, SyntheticCoco(people_train=128, people_val=24, seed=1))
    return root


def test_a_controller_that_is_away_and_no_accounting_lose_nothing(testbed: Any, people: Path, tmp_path: Path) -> None:
    running = Sent(tmp_path / "running", people, epochs=8)
    running.until_epoch(1)
    testbed.testbed("daemon", "stop", "slurmdbd")
    testbed.testbed("daemon", "stop", "slurmctld")
    waiting = Sent(tmp_path / "waiting", people, epochs=1)
    time.sleep(15)
    assert len(running.job.submissions) == 1 and running.job.state == "submitted"
    testbed.testbed("daemon", "start", "slurmctld")
    try:
        running.until_ended()
        waiting.until_ended()
    finally:
        testbed.testbed("daemon", "start", "slurmdbd")
    for sent in (running, waiting):
        assert sent.job.state == "finished", sent.story()
        assert len(sent.job.submissions) == 1 and len(sent.run.attempts()) == 1, sent.story()


def test_a_node_that_dies_is_left_for_another_by_one_writer(testbed: Any, people: Path, tmp_path: Path) -> None:
    """Only the node's daemon dies: the first attempt lives on beside the second until it finds its lease gone."""
    sent = Sent(tmp_path / "node", people, epochs=60)
    sent.until_epoch(1)
    node = testbed.answer("squeue", "-h", "-j", sent.job.job_id, "-o", "%B")
    testbed.testbed("daemon", "kill", "slurmd", node)
    try:
        sent.until(lambda: len(sent.run.attempts()) == 2, timeout_s=150)
    finally:
        testbed.testbed("daemon", "start", "slurmd", node)
    sent.until_ended(timeout_s=200)
    assert sent.job.state == "finished" and len(sent.job.submissions) == 1, sent.story()
    epochs = [record.epoch for record in sent.run.epochs()]
    assert epochs == list(range(60)), sent.story()
    # Every line after the second start is the second attempt's: the first stopped at its next write.
    attempts = [record.attempt for record in sent.run.epochs()]
    assert attempts == sorted(attempts) and attempts[-1] == 1
    sent.until(lambda: sent.accounted() == ["NODE_FAIL", "COMPLETED"], timeout_s=30)
