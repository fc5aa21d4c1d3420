"""A heartbeat from every rank, and its watchdog: a rank that makes no progress is found, and says where it hangs."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import socket
import threading
import time
from collections.abc import Callable

from heatmark.foundation.clock import utc_now
from heatmark.workloads.run_folder.failure import Failure
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.heartbeats import Beat, beat_file, beats

EXIT_HUNG = 3
# A rank that was woken up has this long to write down its own stack before the job ends.
WAKE_S = 3.0
# Between two beats. They renew the lease, which counts as given up after four of these (workloads/lease.py).
LONGEST_PAUSE_S = 30.0


class Heartbeat(threading.Thread):
    """Writes heartbeats/rank-<r>.json again and again, and ends the job once this rank makes no progress.

    hang_s: the longest time that one step, one evaluation batch or one save may take; a hang is found within 1.25 times
    this. A stopped rank hangs its peers in their next collective call: they find it by its old heartbeat, wake it up if
    it is on their host (SIGCONT), and it, too, writes down its stack.
    """

    def __init__(self, folder: RunFolder, rank: int, hang_s: float, on_beat: Callable[[], None]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.folder, self.rank, self.hang_s, self.on_beat = folder, rank, hang_s, on_beat
        self.step = 0
        self._progress = time.monotonic()
        self._closed = threading.Event()

    def progress(self, step: int) -> None:
        """Called by the training loop whenever something got done."""
        self.step, self._progress = step, time.monotonic()

    def close(self) -> None:
        self._closed.set()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        while True:
            self._beat()
            if self._closed.wait(min(self.hang_s / 4, LONGEST_PAUSE_S)):
                return
            idle_s = time.monotonic() - self._progress
            if idle_s > self.hang_s:
                self._end_job(idle_s)

    def _beat(self) -> None:
        beat = Beat(pid=os.getpid(), host=socket.gethostname(), step=self.step, time=utc_now())
        beat.write(beat_file(self.folder.path, self.rank))
        self.on_beat()

    def _end_job(self, idle_s: float) -> None:
        stacks = self.folder.log / f"hang-rank{self.rank}.txt"
        with stacks.open("a") as file:
            file.write(f"{utc_now()} rank {self.rank}: no progress for {idle_s:.0f} s at step {self.step}\n")
            file.flush()
            faulthandler.dump_traceback(file)
        silent = silent_ranks(self.folder, self.hang_s / 2)
        message = f"rank {self.rank} made no progress for {idle_s:.0f} s at step {self.step}; stack in {stacks}"
        if silent:
            message += f"; silent ranks: {', '.join(str(rank) for rank in silent)}"
        known = self.folder.failure()
        if known is None or known.kind != "hung" or silent:
            failure = Failure(kind="hung", message=message, rank=self.rank, time=utc_now())
            failure.write(self.folder.failure_file)
        for beat in silent.values():
            _wake(beat)
        time.sleep(WAKE_S)
        os._exit(EXIT_HUNG)


def silent_ranks(folder: RunFolder, longer_than_s: float) -> dict[int, Beat]:
    """Ranks whose last heartbeat is older than this: rank -> that heartbeat."""
    return {rank: beat for rank, beat, age_s in beats(folder.path) if age_s > longer_than_s}


def _wake(beat: Beat) -> None:
    if beat.host == socket.gethostname():
        with contextlib.suppress(OSError):
            os.kill(beat.pid, signal.SIGCONT)
