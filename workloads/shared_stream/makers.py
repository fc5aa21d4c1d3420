"""The processes that make batches of one split: its people are read once, then all of them crop side by side."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heatmark.workloads.shared_stream import messages
from heatmark.workloads.shared_stream.asked import CropsAsked, PeopleAsked, digest_of


def start_makers(asked: PeopleAsked, count: int) -> list[socket.socket]:
    """The server's ends of `count` new processes. They end with the server: none outlives its own end."""
    pairs = [messages.pair() for _ in range(count)]
    if os.fork():
        for _, theirs in pairs:
            theirs.close()
        return [ours for ours, _ in pairs]
    code = 1
    try:
        _close_all_but([theirs for _, theirs in pairs])
        code = _make_with_others(asked, [theirs for _, theirs in pairs])
    except BaseException as error:
        print(f"shared stream: a maker ends: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _close_all_but(ends: Sequence[socket.socket]) -> None:
    """What the server holds open: a reader whose connection lives on here would not see the server's end."""
    kept = sorted(end.fileno() for end in ends)
    for after, before in zip([2, *kept], [*kept, os.sysconf("SC_OPEN_MAX")], strict=True):
        os.closerange(after + 1, before)


def _make_with_others(asked: PeopleAsked, ends: Sequence[socket.socket]) -> int:
    from heatmark.workloads.views import load_people

    own, *others = ends
    try:
        people = load_people(asked.data, asked.runtime, asked.max_people, asked.split)
    except Exception as error:
        messages.send(own, {"refused": f"{type(error).__name__}: {error}"})
        return 1
    if digest_of(people) != asked.digest:
        messages.send(own, {"refused": "its people are not those of the files any more"})
        return 1
    for other in others:
        if not os.fork():
            for end in ends:
                if end is not other:
                    end.close()
            return _make(people, other)
    for other in others:
        other.close()
    return _make(people, own)


def _make(people: Any, end: socket.socket) -> int:
    """Batches as they are asked for, until the server has gone."""
    from heatmark.datasets.loader import PersonCrops, collate
    from heatmark.workloads.shared_stream.batch_memory import to_memory

    known: dict[str, PersonCrops] = {}
    while True:
        try:
            job, _ = messages.receive(end)
            crops = known.get(job["crops"])
            if crops is None:
                asked = CropsAsked.model_validate_json(job["crops"])
                cache = Path(asked.cache) if asked.cache else None
                crops = PersonCrops(people, asked.settings, training=asked.training, seed=asked.seed, cache=cache)
                known[job["crops"]] = crops
            descriptor, layout = to_memory(collate([crops[job["epoch"], row] for row in job["rows"]]))
            messages.send(end, {"layout": layout}, descriptor)
            os.close(descriptor)
        except (EOFError, ConnectionError):
            return 0
