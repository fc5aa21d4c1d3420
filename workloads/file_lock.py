"""The one door to file locks: flock(2), which the kernel gives back however its holder dies."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from heatmark.datasets.errors import InputError

# What flock answers where the file system has no locks (Lustre without -o flock, NFS without its lock daemon, FUSE, 9p).
NO_LOCKS = frozenset(
    {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EINVAL, errno.ENOTTY, errno.EPERM}
)


@contextmanager
def file_lock(path: Path, *, wait: bool = True) -> Iterator[TextIO]:
    """Hold a file, made where it is absent, against every other process. Yields it, open to read and to append.

    wait: until another holder lets go. Raises BlockingIOError where one holds it and wait is False, and InputError
    where the file system has no locks.
    """
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno == errno.EACCES:  # SMB's word for a lock that is held
                raise BlockingIOError(error.errno, error.strerror, str(path)) from error
            if error.errno in NO_LOCKS:
                raise InputError(
                    f"{path}: this file system has no file locks ({error.strerror}); use a folder on another "
                    f"(--out), or have it mounted with them: Lustre with -o flock, NFS with its lock daemon"
                ) from error
            raise
        yield lock
