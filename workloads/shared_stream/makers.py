"""The processes that make batches of one split: its people are read once, then all of them crop side by side."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from heatmark.datasets.image_cache import reader
from heatmark.datasets.image_memory import ImageMemory
from heatmark.datasets.loader import PersonCrops, collate
from heatmark.datasets.people import PoseDataset
from heatmark.workloads.shared_stream import messages
from heatmark.workloads.shared_stream.asked import CropsAsked, PeopleAsked, digest_of
from heatmark.workloads.shared_stream.batch_memory import to_memory
from heatmark.workloads.views import load_people


def start_makers(asked: PeopleAsked, count: int, remembered: int) -> tuple[int, list[socket.socket]]:
    """The first of `count` new processes, which waits for the others, and the server's end of each.

    Each lives until its end is closed, by whatever ends the server. remembered: bytes of decoded images that each
    keeps for the next epochs and streams.
    """
    pairs = [messages.pair() for _ in range(count)]
    if first := os.fork():
        for _, theirs in pairs:
            theirs.close()
        return first, [ours for ours, _ in pairs]
    code = 1
    try:
        _close_all_but([theirs for _, theirs in pairs])
        code = _make_with_others(asked, [theirs for _, theirs in pairs], remembered)
    except BaseException as error:
        print(f"shared stream: a maker ends: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _close_all_but(ends: Sequence[socket.socket]) -> None:
    """What the server holds open: a reader whose connection lives on here would not see the server's end."""
    kept = sorted(end.fileno() for end in ends)
    for after, before in zip([2, *kept], [*kept, os.sysconf("SC_OPEN_MAX")], strict=True):
        os.closerange(after + 1, before)


def _make_with_others(asked: PeopleAsked, ends: Sequence[socket.socket], remembered: int) -> int:
    own, *others = ends
    try:
        people = load_people(asked.data, asked.runtime, asked.max_people, asked.split)
        cache = asked.runtime.cache
    except Exception as error:
        # Each reader will meet it in its own loader, and tell.
        messages.send(own, {"refused": f"{type(error).__name__}: {error}"})
        return 1
    if digest_of(people) != asked.digest:
        messages.send(own, {"refused": "its people are not those of the files any more"})
        return 1
    started = []
    for other in others:
        if (process := os.fork()) == 0:
            _close_all_but([other])
            return _make(people, cache, other, remembered)
        started.append(process)
    _close_all_but([own])
    code = _make(people, cache, own, remembered)
    for process in started:
        os.waitpid(process, 0)
    return code


def _make(people: PoseDataset, cache: Path | None, end: socket.socket, remembered: int) -> int:
    """Batches as they are asked for, until the server has gone."""
    memory = ImageMemory(reader(cache), remembered)
    known: dict[str, PersonCrops] = {}
    while True:
        try:
            job, _ = messages.receive(end)
            if job["crops"] not in known:
                asked = CropsAsked.model_validate_json(job["crops"])
                known[job["crops"]] = PersonCrops(
                    people, asked.settings, training=asked.training, seed=asked.seed, read=memory.read
                )
            crops = known[job["crops"]]
            descriptor, layout = to_memory(collate([crops[job["epoch"], row] for row in job["rows"]]))
            messages.send(end, {"layout": layout}, descriptor)
            os.close(descriptor)
        except (EOFError, ConnectionError):
            return 0
