"""The commands of how-to pages, run one after the other as a reader would."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.made_up import gaussian_HW
from tests.manual.blocks import blocks, commands


def run(folder: Path, words: list[str]) -> str:
    command = [sys.executable, "-m", "heatmark.pipeline.cli", *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=200)
    assert done.returncode == 0, f"{words}: {done.stdout[-1000:]}{done.stderr[-1000:]}"
    return done.stdout


def test_a_skeleton_is_described_drawn_and_shown(tmp_path: Path) -> None:
    (skeleton,) = [block for block in blocks("yaml") if block.text.startswith("# skeleton")]
    (tmp_path / "puppet.yaml").write_text(skeleton.text)
    said = [run(tmp_path, words) for words in commands("how-to/skeleton.md")]
    assert "left_hand" in said[0]
    for name in ("puppet.png", "puppets.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_data_is_drawn_checked_counted_and_shown(tmp_path: Path) -> None:
    found = commands("how-to/own-data.md")
    for words in (words for words in found if words[2] == "synth"):
        run(tmp_path, words)
    for words in (words for words in found if words[2] != "synth"):
        assert "path/to/folder" in words
        run(tmp_path, ["zebras" if word == "path/to/folder" else word for word in words])
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_method_is_begun(tmp_path: Path) -> None:
    run(tmp_path, next(words for words in commands("how-to/own-method.md") if words[1:2] == ["new"]))
    assert "class Sharp" in (tmp_path / "sharp.py").read_text() and (tmp_path / "test_sharp.py").is_file()


def test_one_set_of_heatmaps_is_read_in_many_ways(tmp_path: Path) -> None:
    np.save(tmp_path / "maps.npy", gaussian_HW((16, 12), (5, 7))[None, None].astype(np.float32))
    (words,) = [words for words in commands("how-to/predictions.md") if words[1] == "decode"]
    read = json.loads(run(tmp_path, words))
    assert list(read) == ["argmax", "quarter", "dark", "udp", "soft@10", "bcir@10"]
    assert np.allclose(read["bcir@10"], [[[5, 7]]], atol=0.1)
