"""The one door to file locks. They die with their holder, on whatever node it runs; some file systems have none."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from heatmark.foundation.errors import InputError

# What flock(2) says where there are no locks: Lustre without -o flock, NFS without its lock daemon, FUSE.
NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOTTY})


def lock(file: IO[str], path: Path, how: int) -> None:
    """flock(2). how: of fcntl's LOCK_EX, LOCK_SH, LOCK_UN, LOCK_NB.

    Raises BlockingIOError where LOCK_NB finds it held, InputError where the file system has no locks.
    """
    try:
        fcntl.flock(file, how)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise InputError(
            f"{path}: this file system has no locks ({error.strerror}), without which two jobs could write one trial; "
            f"use a folder on another (--out), or have it mounted with them (Lustre: -o flock; NFS: its lock daemon)"
        ) from error


class Held(RuntimeError):
    """Somebody else holds the lock. Its text is what the holder wrote of itself."""


def hold(path: Path, words: str) -> IO[str]:
    """The open file of a lock that is now this process's, with the words of its holder in it. Closed, it is let go.

    Raises Held, and InputError where the file system has no locks.
    """
    file = path.open("a+")
    try:
        lock(file, path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(words)
        file.flush()
    except BlockingIOError:
        by = _words_in(file)
        file.close()
        raise Held(by) from None
    except BaseException:
        file.close()
        raise
    return file


def holder_of(path: Path) -> str | None:
    """What the living holder of a lock wrote of itself; None where nobody holds it.

    Who wants the lock in the very moment of the question finds it held: `hold` is to be tried again.
    """
    try:
        with path.open() as file:
            try:
                lock(file, path, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _words_in(file)
    except FileNotFoundError:
        pass
    return None


def _words_in(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip() or "another process"


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[IO[str]]:
    """The open file at a path, locked for this process alone until left; what stands in it is kept.

    Raises BlockingIOError where it is held and not waited for, InputError where the file system has no locks.
    """
    with path.open("a+") as file:
        lock(file, path, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file
