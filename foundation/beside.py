"""Work in a copy of this process, beside the rest of it: for what holds Python's lock and gives little back."""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

Value = TypeVar("Value")

# A copy that says nothing for so long waits for a lock of a thread that it does not have.
PATIENCE_S = 120.0


class Beside(Generic[Value]):
    """Starts at once; `result` waits for it, and the end of a `with` ends what nobody has asked for.

    The work must touch no thread and change nothing that is looked at later.
    A copy has this process's thread alone: where others run that could hold a lock, or where nothing can be copied, or
    where the copy dies or is not done in time, the work is done here when it is asked for.
    """

    def __init__(self, work: Callable[[], Value], patience_s: float = PATIENCE_S) -> None:
        self._work, self._process, self._pipe = work, 0, -1
        self._deadline = time.monotonic() + patience_s
        if not hasattr(os, "fork") or threading.active_count() > 1:
            return
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            process = os.fork()
        except OSError:  # no room for another process
            os.close(reading)
            os.close(writing)
            return
        if process == 0:
            os.close(reading)
            _answer(work, writing)
        os.close(writing)
        self._process, self._pipe = process, reading

    def __enter__(self) -> Beside[Value]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            os.kill(self._process, signal.SIGKILL)
            self._ended()

    def result(self) -> Value:
        """Raises what the work raises."""
        answer = self._answer()
        if answer is None:
            return self._work()
        value: Value = pickle.loads(answer)
        return value

    def _answer(self) -> bytes | None:
        """None where the copy has not done it, whatever the reason: here it is done again, and tells why."""
        if not self._process:
            return None
        parts = []
        while select.select([self._pipe], [], [], max(0.0, self._deadline - time.monotonic()))[0]:
            part = os.read(self._pipe, 1 << 20)
            if not part:
                break
            parts.append(part)
        else:
            os.kill(self._process, signal.SIGKILL)
        return b"".join(parts) if self._ended() == 0 else None

    def _ended(self) -> int:
        """The copy's exit code, waited for; minus a signal's number, where that ended it."""
        os.close(self._pipe)
        _, status = os.waitpid(self._process, 0)
        self._process = 0
        return os.waitstatus_to_exitcode(status)


def _answer(work: Callable[[], object], writing: int) -> None:
    """In the copy, which ends here and runs nothing that was meant for the end of the process."""
    code = 1
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(pickle.dumps(work(), protocol=pickle.HIGHEST_PROTOCOL))
        code = 0
    except BaseException:
        pass
    finally:
        os._exit(code)
