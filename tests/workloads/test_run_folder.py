"""The run folder: what a killed writer leaves behind is never read as something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import read_json, write_json
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from tests.made_up import made_epoch


def test_a_torn_last_line_is_ignored_and_then_cut_off(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    first, second = made_epoch(0), made_epoch(1)
    folder.append_epoch(first)
    with folder.metrics_file.open("ab") as file:
        file.write(b'{"epoch": 1, "los')
    assert folder.epochs() == [first]
    folder.append_epoch(second)
    assert folder.epochs() == [first, second]
    assert folder.metrics_file.read_bytes().count(b"\n") == 2


def test_a_reader_goes_on_from_its_offset(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.epochs_since(0) == ([], 0)
    folder.append_epoch(made_epoch(0))
    first, offset = folder.epochs_since(0)
    folder.append_epoch(made_epoch(1))
    second, end = folder.epochs_since(offset)
    assert (first, second) == ([made_epoch(0)], [made_epoch(1)])
    assert folder.epochs_since(end) == ([], end)


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
    lines = [json.dumps(made_epoch(0).plain()), '{"epo', json.dumps(made_epoch(2).plain())]
    folder.metrics_file.write_text("".join(line + "\n" for line in lines))
    with pytest.raises(InputError, match=r"metrics\.jsonl: damaged"):
        folder.epochs()
