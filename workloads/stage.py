"""Data on a node's own disk: copied once per node, under a lock, checked, and gone with the last trial that uses it.

<stage>/heatmark-<key>/           the data; it is complete as soon as it has this name
<stage>/heatmark-<key>.partial/   being copied
<stage>/heatmark-<key>.lock       held exclusively by whoever copies or removes, shared by every rank that reads
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from heatmark.foundation.errors import InputError
from heatmark.foundation.file_lock import lock as lock_file
from heatmark.foundation.hashes import sha256_of
from heatmark.foundation.variables import expand_variables
from heatmark.workloads.spec import TrialSpec

# Between two tries for the lock while others, too, find no copy.
POLL_S = 0.1


@contextmanager
def staged(spec: TrialSpec, log: Callable[[str], None]) -> Iterator[TrialSpec]:
    """The spec of a trial with its data on this node's own disk, or as it is where it names no stage.

    Raises InputError for a folder or archive that is not there, a copy that is not complete, and a full disk.
    """
    if spec.runtime.stage is None:
        yield spec
        return
    source = Path(spec.runtime.stage_tar or spec.runtime.data_root)
    parent = Path(expand_variables(spec.runtime.stage)).expanduser()
    target = parent / f"heatmark-{_key(spec, source)}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        lock = target.with_suffix(".lock").open("a+")
    except OSError as error:
        raise InputError(f"cluster.stage: {parent}: {error.strerror}; give a folder of the nodes' own disks") from error
    with lock:
        _hold_complete(target, source, lock, log)
        try:
            yield spec.model_copy(update={"runtime": spec.runtime.model_copy(update={"data_root": str(target)})})
        finally:
            _leave(target, lock)


def _key(spec: TrialSpec, source: Path) -> str:
    """Other data is another folder, and so is another user's."""
    text = f"{spec.data.fingerprint} {source} {os.getuid()}"
    return sha256_of(text)[:16]


def _hold_complete(target: Path, source: Path, lock: IO[str], log: Callable[[str], None]) -> None:
    """Return with a shared lock on a complete copy."""
    while True:
        lock_file(lock, target, fcntl.LOCK_SH)
        if target.is_dir():
            return
        try:
            # Not waited for: whoever copies now reads afterwards, for as long as a training takes.
            lock_file(lock, target, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock_file(lock, target, fcntl.LOCK_UN)
            time.sleep(POLL_S)
            continue
        if not target.is_dir():
            _copy(source, target, log)


def _copy(source: Path, target: Path, log: Callable[[str], None]) -> None:
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    log(f"copying {source} to {target}, on this node's own disk")
    began = time.monotonic()
    try:
        size = _unpack(source, partial) if source.is_file() else _copy_folder(source, partial)
        partial.rename(target)
    except (OSError, shutil.Error, tarfile.TarError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise InputError(f"cluster.stage: cannot copy {source} to {target.parent}: {error}") from error
    except InputError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    log(f"copied {size / 2**20:.0f} MiB in {time.monotonic() - began:.0f} s")


def _copy_folder(source: Path, partial: Path) -> int:
    """Bytes copied. Raises InputError where they are not those of the source."""
    shutil.copytree(source, partial)
    wanted, found = _sizes(source), _sizes(partial)
    differing = [name for name in wanted if wanted[name] != found.get(name)]
    if differing:
        raise InputError(
            f"cluster.stage: {source / differing[0]}: its copy is not complete ({len(differing)} such files)"
        )
    return sum(found.values())


def _unpack(archive: Path, partial: Path) -> int:
    """Bytes unpacked. An archive of one folder gives that folder's content."""
    with tarfile.open(archive) as file:
        file.extractall(partial, filter="data")
        wanted = {member.name.removeprefix("./"): member.size for member in file.getmembers() if member.isfile()}
    found = _sizes(partial)
    differing = [name for name in wanted if wanted[name] != found.get(name)]
    if differing:
        raise InputError(
            f"cluster.stage: {archive}: {differing[0]} was not unpacked whole ({len(differing)} such files)"
        )
    entries = list(partial.iterdir())
    if len(entries) == 1 and entries[0].is_dir():
        only = entries[0].rename(partial.with_suffix(".only"))
        partial.rmdir()
        only.rename(partial)
    return sum(found.values())


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of every file, by its path in the folder."""
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def _leave(target: Path, lock: IO[str]) -> None:
    """Remove the copy unless another rank on this node reads it."""
    try:
        lock_file(lock, target, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    shutil.rmtree(target, ignore_errors=True)
