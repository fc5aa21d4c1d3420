"""The shared stream of a job, from its start to its end, for whoever starts several trials on one node."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from heatmark.workloads.shared_stream.asked import VARIABLE

MEMORY_MIB = 512
STOP_S = 10.0
STDERR = 2


@contextmanager
def serving(makers: int = 1, memory_mib: int = MEMORY_MIB) -> Iterator[dict[str, str]]:
    """A server for this node; yields the variables to start trials with, and ends it at last.

    makers: processes that make batches, per split: as many as cores are to decode and crop. memory_mib: beside the
    trials' own; half is for batches, as much for the decoded images of each split. The server writes to the caller's
    standard error. It ends with the caller, however that ends; trials that still run then make their batches
    themselves. Nothing of it has a name in any file system.
    """
    name = f"heatmark-stream-{os.getpid()}-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        # An abstract name: it is gone with the socket.
        listener.bind(f"\0{name}")
        listener.listen()
        number = listener.fileno()
        sizes = (str(makers), str(memory_mib << 20))
        server = subprocess.Popen(
            [sys.executable, "-m", "heatmark.workloads.shared_stream", str(number), *sizes],
            stdin=subprocess.PIPE,
            stdout=STDERR,
            pass_fds=[number],
            # Crops are made on the cores: no maker may take a place on a GPU.
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )
    try:
        yield {VARIABLE: name}
    finally:
        _stop(server)


def _stop(server: subprocess.Popen[bytes]) -> None:
    assert server.stdin is not None
    server.stdin.close()
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
