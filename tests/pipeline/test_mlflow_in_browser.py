"""`mlflow ui` in a real browser: the comparison of three runs that our mirror wrote."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from heatmark.pipeline.mirror import Mirror
from tests.browser import chromium, loaded
from tests.made_up import planned_sweep, until
from tests.pipeline.test_mirror import child_runs, epoch, trial

METHODS = ({"name": "detection"}, {"name": "ipr", "beta": 10.0}, {"name": "bcir", "beta": 10.0})
START_S = 150


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    """Three trials of three epochs in a SQLite store."""
    chromium()
    sweep = tmp_path / "three"
    planned_sweep(sweep)
    for method in METHODS:
        folder = trial(sweep, method)
        for number in range(3):
            folder.append_epoch(epoch(number))
    found = Mirror(sweep, None)
    found.sync()
    found.close("FINISHED")
    return found


@pytest.fixture
def address(mirror: Mirror, tmp_path: Path) -> Iterator[str]:
    """`heatmark ui` on a free port of loopback, ended with all its workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "ui", str(mirror.sweep), "--port", str(port)]
    with (tmp_path / "ui.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, tmp_path / "ui.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def words() -> str:
        return f"no page at {address}: {log.read_text()[-2000:]}"

    def answers() -> bool:
        assert process.poll() is None, words()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    until(answers, START_S, words, every_s=0.3)


@pytest.mark.slow
def test_three_runs_are_compared(mirror: Mirror, address: str, tmp_path: Path) -> None:
    runs = json.dumps([run.info.run_id for run in child_runs(mirror)])
    query = urllib.parse.urlencode({"runs": runs, "experiments": json.dumps([mirror.experiment])})
    page = loaded(f"{address}/#/compare-runs?{query}", tmp_path)
    assert "Comparing 3 Runs from 1 Experiment" in page
    for text in ("method.beta", "samples_seen", "val/gtbox/AP", "BCIR β 10 sbl-r50 coco seed 0"):
        assert text in page
