"""SIGTERM and Ctrl-C end the driver in order, with the jobs left running; the same command adopts them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType


def interrupt_on_terminate() -> None:
    """SIGTERM is like Ctrl-C from here on. Another one does not disturb the end."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts us with & has it ignored


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def beside_signals(work: Callable[[Callable[[], None]], None]) -> None:
    """work(leave_if_asked) in a thread of its own, while this one, the main thread, takes the signals.

    For Ray: in the main thread it takes SIGTERM for itself as long as it starts, and an exception out of the middle of
    its code has crashed the process. After a signal `leave_if_asked` raises KeyboardInterrupt in the work's thread, so
    the work calls it where it can be left; this function raises KeyboardInterrupt once the thread has ended.
    """
    asked = threading.Event()

    def leave_if_asked() -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(work, leave_if_asked).result()
        except KeyboardInterrupt:
            asked.set()
            raise
