"""The run folder: what a killed writer leaves behind is never read as something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import read_json, write_json
from heatmark.workloads.run_folder import RunFolder, run_folders


def test_a_torn_last_line_is_ignored_and_then_cut_off(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append_metrics({"epoch": 0})
    with folder.metrics_file.open("ab") as file:
        file.write(b'{"epoch": 1, "los')
    assert folder.metrics() == [{"epoch": 0}]
    folder.append_metrics({"epoch": 1})
    assert folder.metrics() == [{"epoch": 0}, {"epoch": 1}]
    assert folder.metrics_file.read_bytes().count(b"\n") == 2


def test_a_reader_goes_on_from_its_offset(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.metrics_since(0) == ([], 0)
    folder.append_metrics({"epoch": 0})
    first, offset = folder.metrics_since(0)
    folder.append_metrics({"epoch": 1})
    second, end = folder.metrics_since(offset)
    assert (first, second) == ([{"epoch": 0}], [{"epoch": 1}])
    assert folder.metrics_since(end) == ([], end)


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    write_json(target, {"state": "finished"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(target, {"AP": float("nan")})
    assert read_json(target) == {"state": "finished"}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_only_folders_with_a_spec_are_runs(tmp_path: Path) -> None:
    assert list(run_folders(tmp_path / "absent")) == []
    (tmp_path / "tune").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "spec.json").write_text(json.dumps({}))
    assert [folder.signature for folder in run_folders(tmp_path)] == ["b"]


@pytest.mark.parametrize("content", [b"", b'{"state": "fin', b"[1]", b"\xff\x00"])
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.result_file.write_bytes(content)
    with pytest.raises(InputError, match=r"result\.json: damaged: .*; restore it or remove it"):
        folder.result()
    folder.metrics_file.write_bytes(b'{"epoch": 0}\n{"epo\n{"epoch": 2}\n')
    with pytest.raises(InputError, match=r"metrics\.jsonl: damaged"):
        folder.metrics()
