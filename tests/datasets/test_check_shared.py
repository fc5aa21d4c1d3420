"""Pictures of both splits are found by what is in them, not by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heatmark.datasets import check_shared
from heatmark.datasets.check_shared import shared_pictures


def written(folder: Path, **contents: bytes) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{name}.jpg" for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    return paths


def test_a_copy_under_another_name_is_found_and_named(tmp_path: Path) -> None:
    train = written(tmp_path / "train", a=b"one", b=b"two", c=b"a longer one")
    val = written(tmp_path / "val", a=b"six", d=b"two", e=b"a longer one")
    found = shared_pictures(train, val)
    assert found == f"2 of 3 pictures of val are in train, too; the first is {val[1]}, which is {train[1]}"


def test_a_file_of_both_splits_is_found(tmp_path: Path) -> None:
    first, second, third = written(tmp_path, a=b"one", b=b"two", c=b"six")
    assert shared_pictures([first, second], [third, second, second]) == (
        f"1 of 2 pictures of val are in train, too; the first is {second}"
    )


def test_equal_names_sizes_and_ends_are_not_equal_content(tmp_path: Path) -> None:
    end = bytes(2 * check_shared.TAIL)
    train = written(tmp_path / "train", a=b"one" + end, b=b"")
    assert shared_pictures(train, written(tmp_path / "val", a=b"two" + end)) is None
    assert shared_pictures(train, []) is None


def test_absent_files_count_as_none(tmp_path: Path) -> None:
    assert shared_pictures([tmp_path / "gone.jpg"], [tmp_path / "gone.jpg"]) is None


def test_only_files_of_equal_size_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, val = written(tmp_path / "train", a=b"one", b=b"four"), written(tmp_path / "val", a=b"fifty", b=b"five")
    opened: list[Path] = []
    really = Path.open

    def noted(path: Path, mode: str = "r") -> Any:
        opened.append(path)
        return really(path, mode)

    monkeypatch.setattr(Path, "open", noted)
    assert shared_pictures(train, val) is None
    assert opened == [train[1], val[1]]
