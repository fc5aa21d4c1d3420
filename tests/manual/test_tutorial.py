"""A person who follows the tutorial's commands, and nothing else, ends at the report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.manual.blocks import commands

# What makes the long step short: a third of the trials, and next to nothing to learn from.
SHORT = {
    "seed: [0, 1, 2]": "seed: [0]",
    "epochs: 10": "epochs: 1",
    "people_train: 800": "people_train: 32",
    "people_val: 200": "people_val: 12",
}
SETTING_UP = (["make", "venv"], [".", ".venv/bin/activate"])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_tutorials_commands_end_at_the_report(tmp_path: Path) -> None:
    said: dict[str, str] = {}
    followed = [words for words in commands("tutorial.md") if words not in SETTING_UP]
    assert [words[:3] for words in followed][:3] == [["heatmark", "sweep", each] for each in ("new", "plan", "run")]
    for words in followed:
        if words[1:3] == ["sweep", "run"]:
            _shorten(tmp_path / words[3])
        command = [sys.executable, "-m", "heatmark.pipeline.cli", *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=800)
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        said[" ".join(words[1:])] = done.stdout
    assert "first: 9 trials" in said["sweep plan first.yaml"]
    assert "3 trials: 3 finished, 0 running, 0 waiting, 0 failed" in said["sweep status runs/first"]
    assert "2 to be trained" in said["sweep plan first.yaml --set grid.beta=[1,10]"], "a third of the six"
    page = (tmp_path / "runs/first/report.html").read_text(encoding="utf-8")
    assert all(section in page for section in ("Verdict", "Accuracy", "Convergence", "Predictions"))
    assert (tmp_path / "runs/first/report.pdf").read_bytes().startswith(b"%PDF")


def _shorten(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for long, short in SHORT.items():
        assert long in text
        text = text.replace(long, short)
    file.write_text(text, encoding="utf-8")
