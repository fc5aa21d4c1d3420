"""`heatmark ui` in a real browser: what its links show of three trials that our mirror wrote."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heatmark.pipeline import mlflow_server
from heatmark.pipeline.mirror import Mirror
from tests.browser import chromium, loaded
from tests.made_up import finish, made_epoch, planned_sweep, start, until
from tests.painted_pages import Page, browser
from tests.pipeline.test_mirror import child_runs, trial

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

METHODS = ({"name": "detection"}, {"name": "ipr", "beta": 10.0}, {"name": "bcir", "beta": 10.0})
LABELS = ("Detection sbl-r50 coco seed 0", "IPR β 10 sbl-r50 coco seed 0", "BCIR β 10 sbl-r50 coco seed 0")
START_S = 150
# Of three short lines, in pixels.
PAINTED = 60


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    """Three trials of three epochs in a SQLite store."""
    chromium()
    sweep = tmp_path / "three"
    planned_sweep(sweep)
    for method in METHODS:
        folder = trial(sweep, method)
        start(folder, when="2026-01-01T00:00:00.000Z")
        for number in range(3):
            folder.append_epoch(made_epoch(number, {"gtbox/AP": 0.1 * number, "gtbox/EPE": 9.0 - number}))
        finish(folder, {"gtbox/AP": 0.2}, finished="2026-01-01T00:20:00.000Z")
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


def printed_links(tmp_path: Path) -> dict[str, str]:
    """By what they are said to show."""
    return dict(re.findall(r"^  (\S.*):\n    (http\S+)$", (tmp_path / "ui.log").read_text(), re.MULTILINE))


def wait_for_words(page: Page, words: str) -> None:
    text = "document.body.innerText.replace(/\\s+/g, ' ')"
    page.wait(f"{text}.includes({json.dumps(words)})", f"no {words}")


def wait_for_trials(page: Page) -> None:
    for label in LABELS:
        wait_for_words(page, label)


def line_pixels(page: Page) -> list[int]:
    """Of every chart over epochs in the window, without its axes: MLflow gives runs dark greys among other colours."""
    page.hide(".modebar")
    return page.drawn_pixels(".js-plotly-plot .nsewdrag", page.picture())


def scale_pixels(page: Page) -> list[int]:
    """Of a chart with a line for each trial across all columns, in the colour of its measure."""
    return page.coloured_pixels(".js-plotly-plot", page.picture())


def painted_charts(page: Page, pixels: Callable[[Page], list[int]], at_least: int) -> None:
    """Lines in every chart that is in the window."""
    until(
        lambda: len(found := pixels(page)) >= at_least and min(found) >= PAINTED,
        120,
        lambda: f"charts without lines: {pixels(page)} pixels of them; the page has: {page.text()[:2000]}",
        every_s=1.0,
    )


def test_every_printed_link_shows_trials_and_painted_charts(address: str, tmp_path: Path) -> None:
    """Also that neither a panel of an assistant nor the tools for language models stand in the way."""
    shown = printed_links(tmp_path)
    assert [*shown] == [
        "all trials, ranked by val/gtbox/AP",
        "their charts",
        "ranked, in the columns people compare",
        "a few charts, chosen",
        "comparison of all trials",
    ]
    assert mlflow_server.is_installed(), "install heatmark anew: its entry points have changed"
    with browser(tmp_path / "chromium") as page:
        for what, link in shown.items():
            assert link.startswith(address)
            page.open(link)
            wait_for_trials(page)
            if "comparison" in what:
                painted_charts(page, scale_pixels, at_least=1)
            elif "charts" in what:
                painted_charts(page, line_pixels, at_least=3)
            assert "Ask questions about" not in page.text() and "Prompts" not in page.text()
            if "columns" in what:
                for column in (
                    "method",
                    "beta",
                    "backbone",
                    "dataset",
                    "seed",
                    "epochs_to_80",
                    "hours",
                    "val/gtbox/AP",
                ):
                    wait_for_words(page, column)
                assert "20.0min" in page.text(), "not the trials' own times"
            if "chosen" in what:
                for section in ("Over epochs (3)", "Over images seen (2)", "Over hours (1)"):
                    wait_for_words(page, section)


def test_three_runs_are_compared(mirror: Mirror, address: str, tmp_path: Path) -> None:
    runs = json.dumps([run.info.run_id for run in child_runs(mirror)])
    query = urllib.parse.urlencode({"runs": runs, "experiments": json.dumps([mirror.experiment])})
    page = loaded(f"{address}/#/compare-runs?{query}", tmp_path)
    assert "Comparing 3 Runs from 1 Experiment" in page
    for text in ("method.beta", "samples_seen", "val/gtbox/AP", "BCIR β 10 sbl-r50 coco seed 0"):
        assert text in page
