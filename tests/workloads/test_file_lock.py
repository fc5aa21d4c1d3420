"""File systems without locks are told in one line, by the driver and by a job."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heatmark.datasets.errors import InputError
from heatmark.workloads.file_lock import locked
from heatmark.workloads.lease import hold_lease
from heatmark.workloads.run_folder import RunFolder

# What flock(2) does on Lustre without -o flock (ENOSYS) and on NFS without its lock daemon (ENOLCK).
NO_LOCKS = """
import errno, fcntl, os
def flock(file, how):
    raise OSError(errno.{name}, os.strerror(errno.{name}))
fcntl.flock = flock
"""


def python(code: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [environment.pop("PYTHONPATH", ""), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, **environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=250,
    )


@pytest.mark.parametrize("name", ["ENOSYS", "ENOLCK", "EOPNOTSUPP"])
def test_a_file_system_without_locks_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_LOCKS.format(name=name))
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(
        "name: s\ngrid: {method: [detection], backbone: [sbl-r18-w8], dataset: [d]}\n"
        "data: {d: {synthetic: {people_train: 8, people_val: 8}, input_size: [64, 64]}}\n"
    )
    command = "from heatmark.pipeline.cli import main; main()"
    code = f"import sys; sys.argv = ['heatmark', 'sweep', 'run', 'sweep.yaml']; {command}"
    done = python(code, tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    for words in ("driver.lock: this file system has no locks (", "--out", "-o flock"):
        assert words in done.stderr


def test_a_job_where_there_are_no_locks_fails_by_a_mistake_that_the_user_can_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import fcntl

    def flock(file: object, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        pytest.raises(InputError, match=r"lease\.lock: this file system has no locks"),
        hold_lease(RunFolder(tmp_path), "1", 0),
    ):
        pass


def test_a_lock_excludes_and_keeps_what_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("held")
    with locked(path), pytest.raises(BlockingIOError), locked(path, wait=False):
        pass
    with locked(path, wait=False) as file:
        file.seek(0)
        assert file.read() == "held"
