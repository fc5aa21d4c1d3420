"""Shell completion, in a real bash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
eval "$(heatmark --show-completion bash)"
COMP_WORDS=({words}) COMP_CWORD={last}
_heatmark_completion heatmark
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    program = folder / "heatmark"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m heatmark.pipeline.cli "$@"\n')
    program.chmod(0o755)
    quoted = " ".join(f"'{word}'" for word in ("heatmark", *words))
    done = subprocess.run(
        ["bash", "-c", SCRIPT.format(words=quoted, last=len(words))],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sw"], ["sweep"]),
        (["sweep", "sta"], ["status"]),
        (["sweep", "run", "--str"], ["--strict"]),
        (["data", ""], ["synth", "check", "stats", "show", "skeleton"]),
    ],
)
def test_bash_completes_commands_and_options(words: list[str], offered: list[str], tmp_path: Path) -> None:
    found = completed(tmp_path, *words)
    assert set(offered) <= set(found) and all(each.startswith(words[-1]) for each in found)
