"""SIGTERM and Ctrl-C end the driver in order, with the jobs left running; the same command adopts them."""

from __future__ import annotations

import signal
from types import FrameType


def interrupt_on_terminate() -> None:
    """SIGTERM is like Ctrl-C from here on. Another one does not disturb the end."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts us with & has it ignored


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


class HeldInterrupts:
    """While this is entered both signals wait until release(). Out of the middle of Ray's own code the exception has
    crashed the process. A second Ctrl-C does not wait.
    """

    def __init__(self) -> None:
        self.waiting: list[int] = []

    def __enter__(self) -> HeldInterrupts:
        self.hold()
        return self

    def __exit__(self, *error: object) -> None:
        interrupt_on_terminate()
        if self.waiting:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if error == (None, None, None):
            self.release()

    def hold(self) -> None:
        """Take the signals, again where another has taken them since."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hold)

    def release(self) -> None:
        """Raises KeyboardInterrupt if a signal waits."""
        if self.waiting:
            raise KeyboardInterrupt

    def _hold(self, number: int, frame: FrameType | None) -> None:
        self.waiting.append(number)
        if number == signal.SIGINT and self.waiting.count(number) > 1:
            raise KeyboardInterrupt
