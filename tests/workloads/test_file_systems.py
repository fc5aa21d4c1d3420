"""File systems without locks, homes that cannot be written, nodes without a compiler: one line, or done without."""

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
# A process group of one rank, with which DeepSpeed starts.
START = """
from pathlib import Path
from heatmark.workloads.launch import Launch
from heatmark.workloads.process_group import process_group
with process_group(Launch("test"), Path(".")) as ranks:
    print("started", ranks.world_size)
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


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"CXX": "/nonexistent/c++"}, "/nonexistent/c++: not found"),
        ({"CXX": "/bin/false"}, "training goes on without it: "),
    ],
)
def test_a_node_without_a_compiler_trains_without_the_op(
    environment: dict[str, str], words: str, tmp_path: Path
) -> None:
    done = python(START, tmp_path, TORCH_EXTENSIONS_DIR=str(tmp_path / "extensions"), **environment)
    assert done.returncode == 0 and "started 1" in done.stdout, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "shared-memory op cannot be built here" in line]
    assert words in line and "Traceback" not in done.stderr


def test_a_cache_that_cannot_be_written_is_replaced_by_the_temporary_folder(tmp_path: Path) -> None:
    """Without a compiler, so that nothing is built: the fallback is looked at after the folder that cannot be had."""
    (tmp_path / "tmp").mkdir()
    places = {"TORCH_EXTENSIONS_DIR": "/proc/none/extensions", "TMPDIR": str(tmp_path / "tmp")}
    done = python(START, tmp_path, CXX="/nonexistent/c++", HOME="/proc/none", **places)
    assert done.returncode == 0 and "started 1" in done.stdout, done.stderr
    assert list((tmp_path / "tmp" / f"heatmark-{os.getuid()}").iterdir())
