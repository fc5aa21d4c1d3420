"""Work in a copy of the process: it comes back, and whatever goes wrong there is done here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from heatmark.foundation.beside import Beside


def test_it_is_done_in_another_process_and_comes_back() -> None:
    """In a process of its own: in this one other tests may have left threads, beside which nothing is copied."""
    program = (
        "import os\nfrom heatmark.foundation.beside import Beside\n"
        "process, numbers = Beside(lambda: (os.getpid(), list(range(100_000)))).result()\n"
        "print(process != os.getpid(), numbers == list(range(100_000)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True True\n", done.stderr


def test_a_copy_that_dies_is_no_loss() -> None:
    here = os.getpid()

    def work() -> str:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return "done here"

    assert Beside(work).result() == "done here"


def test_a_copy_that_hangs_is_not_waited_for() -> None:
    here = os.getpid()

    def work() -> str:
        if os.getpid() != here:
            threading.Event().wait()
        return "done here"

    assert Beside(work, patience_s=0.5).result() == "done here"


def test_a_copy_that_nobody_asks_is_ended() -> None:
    """In a process of its own, see above."""
    program = (
        "import os, time\nfrom heatmark.foundation.beside import Beside\n"
        "try:\n"
        "    with Beside(lambda: time.sleep(60)) as work:\n"
        "        process = work._process\n"
        "        raise ValueError\n"
        "except ValueError:\n"
        "    pass\n"
        "try:\n"
        "    os.kill(process, 0)\n"
        "except ProcessLookupError:\n"
        "    print('ended')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50)
    assert done.stdout == "ended\n", done.stderr


def test_what_the_work_raises_is_raised() -> None:
    def work() -> None:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        Beside(work).result()


def test_what_cannot_be_sent_is_done_here() -> None:
    work: Beside[Any] = Beside(lambda: threading.Lock())
    assert work.result() is not None


def test_beside_other_threads_nothing_is_copied() -> None:
    """One of them may hold a lock that the copy would wait for."""
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        assert Beside(os.getpid).result() == os.getpid()
    finally:
        stop.set()
        other.join()
