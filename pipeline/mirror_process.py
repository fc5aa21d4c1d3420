"""The MLflow mirror as a process beside the driver: started again where it dies, ended with the sweep's last status."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from heatmark.pipeline.mirror_failure import SENDS_THE_REST

# How long the mirror may take for what is left to send when the sweep has ended.
MIRROR_S = 180.0
# How often it is looked after, and how soon after its start it may be started again.
LOOK_S, PAUSE_S = 1.0, 10.0


class MirrorProcess:
    """It ends when its stdin closes, however the driver ends; killed by something else, it is started again."""

    def __init__(self, sweep: Path, uri: str | None) -> None:
        self.log = sweep / "mirror.log"
        self._command = [sys.executable, "-m", "heatmark.pipeline.mirror", str(sweep), *([uri] if uri else [])]
        self._lock, self._ending = threading.Lock(), threading.Event()
        self._process = self._start()
        self._keeper = threading.Thread(target=self._keep, name="mirror keeper", daemon=True)
        self._keeper.start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )

    def _keep(self) -> None:
        while not self._ending.wait(LOOK_S):
            if self._process.poll() is not None and not self._ending.wait(PAUSE_S):
                with self._lock, contextlib.suppress(OSError):
                    self._process = self._start()

    def say(self, status: str) -> None:
        """The sweep's final status, for its run in MLflow."""
        with self._lock, contextlib.suppress(BrokenPipeError):
            assert self._process.stdin is not None
            self._process.stdin.write(f"{status}\n".encode())
            self._process.stdin.flush()

    def end(self) -> str | None:
        """Let it send what is left. Returns its last words where MLflow has not got everything, else None."""
        self._ending.set()
        self._keeper.join()
        with contextlib.suppress(BrokenPipeError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            if self._process.wait(timeout=MIRROR_S) == 0:
                return None
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return f"MLflow has not got everything within {MIRROR_S:.0f} s (see {self.log}); {SENDS_THE_REST}"
        lines = self.log.read_text(errors="replace").split("\n")
        return f"{next((line for line in reversed(lines) if line), 'the mirror ended by itself')} (see {self.log})"


@contextmanager
def mirror_beside(sweep: Path, uri: str | None, log: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """A mirror for as long as this is entered. Yields what takes the sweep's final status."""
    mirror = MirrorProcess(sweep, uri)
    try:
        yield mirror.say
    finally:
        last_words = mirror.end()
        if last_words:
            log(last_words)
