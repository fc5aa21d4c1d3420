"""python -m heatmark.workloads.shared_stream LISTENER MAKERS BYTES: the server, until its standard input ends.

LISTENER is the number of an open socket that listens; serving.py starts it so.
"""

from __future__ import annotations

import socket
import sys

import torch

from heatmark.datasets.loader import settle_worker
from heatmark.foundation.clock import utc_now
from heatmark.foundation.command import print_in_any_locale
from heatmark.workloads.shared_stream.server import Server


def main(arguments: list[str]) -> int:
    """The server; 0 at its end."""
    print_in_any_locale()
    torch.set_num_threads(1)
    settle_worker(0)
    descriptor, makers, budget = map(int, arguments)
    listener = socket.socket(fileno=descriptor)

    def say(line: str) -> None:
        print(f"{utc_now()} shared stream: {line}", flush=True)

    server = Server(listener, sys.stdin.buffer, makers, budget, say)
    server.run()
    say(f"{server.made} batches made, {server.given} given")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
