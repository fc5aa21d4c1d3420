"""Checkpoints are whole or refused, and a trial never starts from scratch in silence."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
import torch

from heatmark.workloads import checkpoint
from heatmark.workloads.job import _fail
from heatmark.workloads.launch import Launch
from heatmark.workloads.run_folder.folder import RunFolder


def state(step: int) -> dict[str, object]:
    return {"step": step, "weights": torch.full((100,), float(step))}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "0123456789abcdef")
    for step in (10, 20, 30):
        checkpoint.save(folder, state(step), step, keep=2)
    return folder


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


def test_the_newest_are_kept_and_the_newest_is_loaded(folder: RunFolder) -> None:
    assert [path.name for path in checkpoint.newest_first(folder)] == ["step-000000030", "step-000000020"]
    loaded, complaints = checkpoint.load(folder)
    assert loaded is not None and loaded["step"] == 30 and complaints == []


@pytest.mark.parametrize(
    ("damage", "name"),
    [(damage, "state.pt") for damage in (truncate, flip_a_bit, empty, remove)]
    + [(damage, "manifest.json") for damage in (truncate, empty, remove)],
)
def test_a_damaged_newest_one_is_named_and_the_one_before_is_used(
    folder: RunFolder, damage: Callable[[Path], None], name: str
) -> None:
    damage(folder.checkpoints / "step-000000030" / name)
    loaded, complaints = checkpoint.load(folder)
    assert loaded is not None and loaded["step"] == 20
    assert len(complaints) == 1 and "step-000000030" in complaints[0]


def test_where_none_is_intact_training_does_not_start_again_by_itself(folder: RunFolder) -> None:
    for path in checkpoint.newest_first(folder):
        truncate(path / "state.pt")
    with pytest.raises(RuntimeError, match=r"no intact checkpoint is left.*truncated or damaged"):
        checkpoint.load(folder)


def test_another_trials_checkpoint_is_not_used(folder: RunFolder, tmp_path: Path) -> None:
    other = RunFolder(tmp_path / "fedcba9876543210")
    other.path.mkdir()
    folder.checkpoints.rename(other.checkpoints)
    with pytest.raises(RuntimeError, match="belongs to trial 0123456789abcdef"):
        checkpoint.load(other)


def test_a_writer_killed_half_way_leaves_nothing_that_is_read(folder: RunFolder) -> None:
    half = folder.checkpoints / ".step-000000040.4711.tmp"
    half.mkdir()
    (half / "state.pt").write_bytes(b"half")
    loaded, _ = checkpoint.load(folder)
    assert loaded is not None and loaded["step"] == 30
    checkpoint.save(folder, state(40), 40, keep=2)
    loaded, _ = checkpoint.load(folder)
    assert loaded is not None and loaded["step"] == 40


def test_a_full_disk_leaves_what_was_there_and_nothing_half_written(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_state: object, file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = sorted(folder.checkpoints.rglob("*"))
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(folder, state(40), 40, keep=2)
    assert sorted(folder.checkpoints.rglob("*")) == before


def test_a_full_disk_is_told_as_such_whatever_torch_makes_of_it(folder: RunFolder) -> None:
    try:
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0") from None
    except RuntimeError as error:
        assert _fail(folder, Launch(job="1"), error) == 2
    failure = folder.failure()
    assert failure is not None and failure.kind == "user" and "No space left on device" in failure.message


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: ...")])
def test_memory_that_is_not_there_is_told_as_such(folder: RunFolder, error: Exception) -> None:
    assert _fail(folder, Launch(job="1"), error) == 1
    failure = folder.failure()
    assert failure is not None and failure.kind == "oom"
