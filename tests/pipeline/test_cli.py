"""The command line: doors for what others made, and one clear line with exit code 2 for a user's mistake."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatmark.foundation.errors import InputError
from heatmark.pipeline import cli
from heatmark.pipeline.cli import _decoding_columns
from heatmark.workloads.decode import decode_file
from tests.made_up import gaussian_HW, planned_sweep


def heatmark(*arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heatmark.pipeline.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def mistake(*arguments: Any) -> str:
    """The one line that a user's mistake is answered with."""
    done = heatmark(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == "" and "Traceback" not in done.stderr
    return done.stderr


def test_heatmaps_of_any_network_are_decoded(tmp_path: Path) -> None:
    corners = [(10, 15), (37, 15), (10, 48), (37, 48)]
    np.save(
        tmp_path / "maps.npy", np.stack([gaussian_HW((64, 48), corner) for corner in corners])[None].astype(np.float32)
    )
    done = heatmark(
        "decode",
        "--heatmaps",
        tmp_path / "maps.npy",
        "--decoders",
        "argmax,quarter,soft,bcir",
        "--beta",
        "1,10,20",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    found = {name: np.array(joints) for name, joints in json.loads(done.stdout).items()}
    assert list(found) == ["argmax", "quarter", "soft@1", "soft@10", "soft@20", "bcir@1", "bcir@10", "bcir@20"]
    for beta in (1, 10, 20):
        assert found[f"bcir@{beta}"][0] == pytest.approx(np.array(corners), abs=0.01)
    assert found["soft@10"][0, 0] == pytest.approx([10.63, 15.77], abs=0.005)
    assert found["argmax"].tolist() == [[[10, 15], [37, 15], [10, 48], [37, 48]]]


@pytest.mark.parametrize("damaged", [b"PK\x03\x04", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8',", b"", b"text"])
def test_files_that_are_no_arrays_are_named(damaged: bytes, tmp_path: Path) -> None:
    (tmp_path / "maps.npy").write_bytes(damaged)
    message = r"maps\.npy: not a \.npy file of numbers \(broken, or of another kind\); write it with numpy\.save$"
    with pytest.raises(InputError, match=message):
        decode_file(tmp_path / "maps.npy", ["argmax"], ["1"])


def test_maps_without_a_compensated_joint_are_counted(tmp_path: Path) -> None:
    peaked, sunken = gaussian_HW((64, 48), (10, 15)), gaussian_HW((64, 48), (20, 30)) - 1
    np.save(tmp_path / "maps.npy", np.stack([peaked, sunken, np.zeros((64, 48))])[None])
    done = heatmark("decode", "--heatmaps", tmp_path / "maps.npy", "--decoders", "soft,bcir", "--json")
    assert done.returncode == 0 and np.isfinite(json.loads(done.stdout)["bcir@10"]).all()
    assert done.stderr == (
        "warning: bcir@10: 2 of 3 maps have C <= n, where its joints are undefined and may lie anywhere\n"
    )


@pytest.mark.parametrize(
    ("measured", "shown"),
    [
        (["gtbox/AP", "gtbox/AP50", "gtbox/AR", "gtbox/EPE/easy", "gtbox/EPE"], ["gtbox/AP", "gtbox/AR", "gtbox/EPE"]),
        (["gtbox/PCKh@0.5", "gtbox/PCKh@0.10", "gtbox/PCKh@0.5/head"], ["gtbox/PCKh@0.5"]),
        (["gtbox/PCK@0.2", "gtbox/PCK@0.1", "gtbox/EPE"], ["gtbox/PCK@0.2", "gtbox/EPE"]),
        (["mmposebox/AUC@0-30px", "mmposebox/AUC@0-30px/flagged"], ["mmposebox/AUC@0-30px"]),
    ],
)
def test_a_table_of_decoders_has_the_headline_of_every_format(measured: list[str], shown: list[str]) -> None:
    assert _decoding_columns([*measured, "ms_per_crop"]) == [*shown, "ms_per_crop"]


def test_predictions_of_anyone_are_scored(real: Callable[[str], Path]) -> None:
    folder = real("coco_predictions")
    done = heatmark("score", "coco", folder / "example_coco_val.json", folder / "example_coco_preds.json", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = {"AP": 0.8609, "AP50": 0.9931, "AP75": 0.9109, "APM": 0.7756, "APL": 0.9373, "AR": 0.8750}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-4)


def test_mpii_predictions_are_scored_by_joint_group(real: Callable[[str], Path]) -> None:
    done = heatmark(
        "score", "mpii", real("mpii/detections_our_format.mat"), real("mpii/bearpaw-hg_s2_b1.mat"), "--json"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["PCKh@0.5", "PCKh@0.10", "PCKh@0.11"]
    groups = ["head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "mean", "plain_mean"]
    assert all(list(by_group) == groups for by_group in found.values())
    assert found["PCKh@0.5"]["mean"] == pytest.approx(87.299, abs=5e-4)


@pytest.mark.parametrize(
    ("maps", "arguments", "message"),
    [
        (np.zeros((2, 3, 4)), [], "must be numbers of shape (N, K, rows, columns), found float64 (2, 3, 4)"),
        (np.full((1, 1, 4, 4), np.nan), [], "the heatmap value at (0, 0, 0, 0) is not a finite number"),
        (np.zeros((0, 1, 4, 4)), [], "found float64 (0, 1, 4, 4)"),
        (np.array([{"a": 1}], dtype=object), [], "not a .npy file of numbers"),
        (np.full((1, 1, 4, 4), 1e308), ["--decoders", "argmax,bcir"], "bcir@10 overflows on values up to 1e+308; give"),
        (np.zeros((1, 1, 4, 4), "f4"), ["--decoders", "soft", "--beta", "1e300"], "soft@1e+300 overflows on values up"),
        (np.zeros((1, 1, 4, 4)), ["--decoders", "argmin"], "argmin: unknown decoder; valid: argmax"),
        (np.zeros((1, 1, 4, 4)), ["--decoders", "bcir", "--beta", "0"], "--beta 0: must be a positive number"),
        (np.zeros((1, 1, 4, 4)), ["--decoders", "bcir", "--beta", "ten"], "--beta ten: must be a positive number"),
    ],
)
def test_heatmaps_that_are_none_are_refused(maps: Any, arguments: list[str], message: str, tmp_path: Path) -> None:
    np.save(tmp_path / "maps.npy", maps, allow_pickle=True)
    assert message in mistake("decode", "--heatmaps", tmp_path / "maps.npy", "--json", *arguments)


def test_files_and_folders_that_are_not_there_are_named(tmp_path: Path) -> None:
    assert "none.npy" in mistake("decode", "--heatmaps", tmp_path / "none.npy")
    assert "none.yaml" in mistake("sweep", "plan", tmp_path / "none.yaml")
    assert "no sweep here" in mistake("sweep", "status", tmp_path)
    assert "gt.json" in mistake("score", "coco", tmp_path / "gt.json", tmp_path / "pred.json")
    assert "unknown format; valid: coco" in mistake("score", "cocoa", tmp_path / "gt.json", tmp_path / "pred.json")
    assert "none/spec.json: cannot be read" in mistake("train", tmp_path / "none" / "spec.json")
    assert not (tmp_path / "none").exists()
    (tmp_path / "sweep.yaml").write_bytes(b"name: \xff")
    assert "Invalid JSON" in mistake("train", tmp_path / "sweep.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]
    assert "no sweep" in mistake("ui", tmp_path)
    (tmp_path / "taken").touch()
    assert "--out" in mistake("analyze", "bias", "--out", tmp_path / "taken")
    assert "--seed" in mistake("data", "show", tmp_path, "--seed", 2**64)
    assert str(tmp_path) in mistake("report", tmp_path)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT])
def test_what_the_system_refuses_is_one_line(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(**_options: str) -> None:
        raise OSError(number, os.strerror(number), "/runs/x")

    monkeypatch.setattr(cli, "app", refused)
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    told = capsys.readouterr().err
    assert told.startswith(f"error: /runs/x: {os.strerror(number)}; ") and len(told.splitlines()) == 1


def test_a_file_where_runs_should_go_is_named(tmp_path: Path) -> None:
    sweep = Path(__file__).parents[2] / "sweeps" / "demo.yaml"
    (tmp_path / "file").touch()
    assert "file/demo: Not a directory; a file stands" in mistake("sweep", "run", sweep, "--out", tmp_path / "file")


def test_a_folders_name_is_printed_as_it_stands(tmp_path: Path) -> None:
    sweep = tmp_path / "[bold] :smile: é" / "[/runs]"
    planned_sweep(sweep)
    done = heatmark("sweep", "cancel", sweep)
    assert done.returncode == 0 and done.stdout == "cancelled 0 trials\n"
    done = heatmark("sweep", "status", sweep)
    assert done.returncode == 0 and "".join(str(sweep).split()) in "".join(done.stdout.split())


def test_letters_that_the_terminal_does_not_have_are_no_error(tmp_path: Path) -> None:
    sweep = Path(__file__).resolve().parents[2] / "sweeps" / "demo.yaml"
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "sweep", "plan", str(sweep), "--out", str(tmp_path)]
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, capture_output=True, timeout=120, env=environment, cwd=tmp_path)
    assert done.returncode == 0 and b"IPR ? 10 sbl-r18-w16" in done.stdout, done.stderr


def test_a_drawn_data_set_is_never_written_over_something_else(tmp_path: Path) -> None:
    arguments = ["data", "synth", tmp_path / "drawn", "--people-train", "6", "--people-val", "4"]
    assert heatmark(*arguments).returncode == 0
    assert heatmark(*arguments).returncode == 0
    assert "drawn" in mistake(*arguments, "--seed", "1")


def test_the_commands_are_those_of_the_design() -> None:
    from typer.main import get_command

    from heatmark.pipeline.cli import app

    group: Any = get_command(app)
    assert {"sweep", "train", "score", "decode", "report", "ui", "data", "site"} <= set(group.commands)
    assert {"plan", "run", "status", "cancel"} <= set(group.commands["sweep"].commands)
    assert set(group.commands["site"].commands) == {"check", "schema"}
    assert set(group.commands["records"].commands) == {"keep", "restore"}
    options = {option for parameter in group.commands["site"].commands["check"].params for option in parameter.opts}
    assert options == {"--site", "--set", "--out", "--wait", "--json"}


def test_a_data_set_is_checked_described_and_shown(real: Callable[[str], Path], tmp_path: Path) -> None:
    done = heatmark("data", "check", real("coco_mini"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["splits"]["val"]["people"] == 68
    done = heatmark("data", "check", real("lspet"), "--no-decode")
    assert done.returncode == 2 and "im05001.jpg: listed in joints.mat, not there" in done.stdout
    assert "5000 defects" in done.stdout and len(done.stdout.splitlines()) < 30
    done = heatmark("data", "stats", real("coco_mini"), "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["splits"]["train"]["people"] == 86
    done = heatmark("data", "show", real("lspet"), "--out", tmp_path / "sheet.png", "--people", 2)
    assert done.returncode == 0 and (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert "no data set that is known here" in mistake("data", "check", tmp_path)


def test_every_package_of_the_source_is_installed() -> None:
    root = Path(__file__).resolve().parents[2]
    tops = ["foundation", "models", "datasets", "workloads", "pipeline", "reports"]
    source = {path.parent.relative_to(root).as_posix() for top in tops for path in (root / top).rglob("__init__.py")}
    project = (root / "pyproject.toml").read_text()
    assert set(re.findall(r'^"heatmark\.[a-z_.]+" = "([a-z_/]+)"$', project, re.MULTILINE)) == source
    listed = set(re.findall(r'^    "heatmark\.([a-z_.]+)",$', project, re.MULTILINE))
    assert {name.replace(".", "/") for name in listed} == source


def test_every_package_tells_that_it_has_types(tmp_path: Path) -> None:
    """PEP 561: without py.typed in the package that is built, a type checker takes everything from it as Any."""
    root = Path(__file__).resolve().parents[2]
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    for top in ("foundation", "models", "datasets", "workloads", "pipeline", "reports"):
        shutil.copytree(root / top, source / top)
    build = "from setuptools import setup; setup()"
    subprocess.run(
        [sys.executable, "-c", build, "-q", "build_py", "--build-lib", str(tmp_path / "built")],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=120,
    )
    packages = {path.parent for path in (tmp_path / "built").rglob("__init__.py")}
    assert packages
    assert [path for path in packages if not (path / "py.typed").is_file()] == []
