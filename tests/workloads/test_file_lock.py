"""File locks between real processes, and on a file system that has none (flock's own answers, in a real process)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from heatmark.foundation.file_lock import locked
from tests.made_up import made_spec, planned

HOLDER = """
import sys, time
from pathlib import Path
from heatmark.foundation.file_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
WITHOUT_LOCKS = """
import errno, fcntl, os
def flock(file, operation):
    number = getattr(errno, os.environ["FLOCK_ERRNO"])
    raise OSError(number, os.strerror(number))
fcntl.flock = flock
"""


def without_locks(folder: Path, number: str) -> dict[str, str]:
    """The environment of a program for which no file system has locks."""
    (folder / "patch").mkdir()
    (folder / "patch" / "sitecustomize.py").write_text(WITHOUT_LOCKS)
    path = os.pathsep.join([str(folder / "patch"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "FLOCK_ERRNO": number}


def test_a_lock_is_its_holders_until_it_dies_however_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError), locked(path, wait=False):
            pass
        holder.kill()
    with locked(path, wait=False) as lock:
        lock.write("ours")
    assert path.read_text() == "ours"


@pytest.mark.parametrize("number", ["ENOSYS", "ENOLCK", "EOPNOTSUPP"])
def test_a_driver_on_a_file_system_without_locks_says_so_in_one_line(number: str, tmp_path: Path) -> None:
    sweep = {
        "name": "nolocks",
        "grid": {"method": "detection", "backbone": "sbl-r18-w8", "dataset": "drawn"},
        "data": {"drawn": {"synthetic": {"people_train": 8, "people_val": 8}}},
    }
    (tmp_path / "sweep.yaml").write_text(json.dumps(sweep))
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "sweep", "run", "sweep.yaml"]
    done = subprocess.run(
        command, cwd=tmp_path, env=without_locks(tmp_path, number), capture_output=True, text=True, timeout=200
    )
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert str(tmp_path / "runs" / "nolocks") in line and "no locks" in line and "--out" in line


def test_a_job_on_a_file_system_without_locks_is_not_tried_again(tmp_path: Path) -> None:
    folder = planned(tmp_path / made_spec().signature)
    command = [sys.executable, "-m", "heatmark.workloads.job", str(folder.spec_file)]
    done = subprocess.run(command, env=without_locks(tmp_path, "ENOLCK"), capture_output=True, text=True, timeout=200)
    failure = folder.failure()
    assert done.returncode == 2 and failure is not None and failure.kind == "user" and "no locks" in failure.message
    assert "Traceback" not in done.stderr
