"""The server of a job's shared stream: hands every batch to all who ask for it, and has each made once.

It touches no pixel: makers write batches into memory, and it passes the memories' descriptors on. Readers come for one
epoch at a time and ask a few batches ahead; one that goes away, for whatever reason, is seen by its connection's end.
"""

from __future__ import annotations

import os
import resource
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any

from pydantic import ValidationError

from heatmark.workloads.shared_stream import messages
from heatmark.workloads.shared_stream.asked import PeopleAsked, StreamAsked
from heatmark.workloads.shared_stream.makers import start_makers
from heatmark.workloads.shared_stream.shelf import BatchId, Place, Shelf

# Descriptors for everything but batches.
OTHER_FILES = 256
# Makers without readers for so long are ended: the next trials may be of other data.
IDLE_S = 600.0
TICK_S = 1.0
MAKER_GONE = "a process that makes its batches has ended"


@dataclass(frozen=True)
class _Made:
    descriptor: int
    layout: Any


@dataclass(eq=False)
class _Maker:
    """job: the batch that it is at."""

    end: socket.socket
    job: _Job | None = None


@dataclass(eq=False)
class _Crew:
    """The makers of one split. process: the first of them. since: of its last reader (seconds)."""

    process: int
    makers: list[_Maker]
    since: float


@dataclass(eq=False)
class _Job:
    batch: BatchId
    asked: StreamAsked
    rows: list[int]
    readers: list[_Reader] = field(default_factory=list)


@dataclass(eq=False)
class _Reader:
    connection: socket.socket
    asked: StreamAsked | None = None
    place: Place | None = None


class Server:
    """listener: where readers connect. lifeline: read to its end, and with it ends the server. makers: processes that
    make batches, per split. budget: bytes that are kept, half of it in batches and half in each split's images.
    """

    def __init__(
        self, listener: socket.socket, lifeline: IO[bytes], makers: int, budget: int, say: Callable[[str], None]
    ) -> None:
        self._listener, self._lifeline, self._count, self._say = listener, lifeline, makers, say
        self._remembered = budget // 2 // makers
        self._shelf: Shelf[_Made] = Shelf(budget // 2, _most_batches(), lambda made: os.close(made.descriptor))
        self._crews: dict[str, _Crew] = {}
        self._refused: dict[str, str] = {}
        self._readers: set[_Reader] = set()
        self._open: deque[_Job] = deque()
        self._jobs: dict[BatchId, _Job] = {}
        self._size: dict[str, int] = {}
        self._selector = selectors.DefaultSelector()
        self._ending: list[int] = []
        self._ended = False
        self.made = self.given = 0

    def run(self) -> None:
        """Until the lifeline ends."""
        self._listener.setblocking(False)
        self._watch(self._listener, self._accept)
        self._watch(self._lifeline, self._hear_end)
        while not self._ended:
            for key, _ in self._selector.select(TICK_S):
                # Another event of the same round may have ended it.
                if key.fileobj in self._selector.get_map():
                    key.data()
            self._give_out()
            self._end_idle_crews()
            self._reap(os.WNOHANG)
        for people in list(self._crews):
            self._close_crew(people)
        self._reap(0)

    def _watch(self, file: Any, act: Callable[[], None]) -> None:
        self._selector.register(file, selectors.EVENT_READ, act)

    def _hear_end(self) -> None:
        self._ended = not os.read(self._lifeline.fileno(), 1)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if not messages.is_own_user(connection):
            connection.close()
            return
        connection.setblocking(False)
        reader = _Reader(connection)
        self._readers.add(reader)
        self._watch(connection, partial(self._hear_reader, reader))

    def _hear_reader(self, reader: _Reader) -> None:
        try:
            message, descriptor = messages.receive(reader.connection)
            if descriptor is not None:
                os.close(descriptor)
            if reader.asked is None:
                self._begin(reader, StreamAsked.model_validate_json(message["asked"]))
            else:
                self._ask(reader, int(message["step"]), [int(row) for row in message["rows"]])
        except BlockingIOError:
            return
        except (EOFError, OSError, ValidationError, KeyError, ValueError, TypeError):
            self._drop(reader)

    def _begin(self, reader: _Reader, asked: StreamAsked) -> None:
        why = self._refused.get(asked.people.digest)
        if why is not None:
            self._refuse(reader, why)
            return
        reader.asked = asked
        if asked.people.digest not in self._crews:
            self._start_crew(asked.people)
        reader.place = self._shelf.enter(asked.key, asked.epoch, asked.first_step, time.monotonic())
        # So many that no maker waits for a reader, and one to work on.
        self._send(reader, {"ahead": 2 * self._count + 1})

    def _ask(self, reader: _Reader, step: int, rows: list[int]) -> None:
        assert reader.asked is not None and reader.place is not None
        batch = BatchId(reader.asked.key, reader.asked.epoch, step)
        reader.place.step = step + 1
        made = self._shelf.get(batch)
        if made is not None:
            self._give(reader, batch, made)
            return
        job = self._jobs.get(batch)
        if job is None:
            job = self._jobs[batch] = _Job(batch, reader.asked, rows)
            self._open.append(job)
        job.readers.append(reader)

    def _give(self, reader: _Reader, batch: BatchId, made: _Made) -> None:
        self.given += 1
        self._send(reader, {"step": batch.step, "layout": made.layout}, made.descriptor)

    def _send(self, reader: _Reader, message: dict[str, Any], descriptor: int | None = None) -> None:
        try:
            messages.send(reader.connection, message, descriptor)
        except OSError:
            self._drop(reader)

    def _refuse(self, reader: _Reader, why: str) -> None:
        self._send(reader, {"refused": why})
        self._drop(reader)

    def _drop(self, reader: _Reader) -> None:
        """What it alone waits for is not made any more."""
        if reader not in self._readers:
            return
        self._readers.remove(reader)
        self._selector.unregister(reader.connection)
        reader.connection.close()
        if reader.place is not None:
            self._shelf.leave(reader.place)
        for job in self._jobs.values():
            job.readers = [each for each in job.readers if each is not reader]
        for job in [each for each in self._open if not each.readers]:
            self._open.remove(job)
            del self._jobs[job.batch]

    def _start_crew(self, asked: PeopleAsked) -> None:
        process, ends = start_makers(asked, self._count, self._remembered)
        makers = [_Maker(end) for end in ends]
        self._crews[asked.digest] = _Crew(process, makers, time.monotonic())
        for maker in makers:
            self._watch(maker.end, partial(self._hear_maker, asked.digest, maker))

    def _hear_maker(self, people: str, maker: _Maker) -> None:
        try:
            message, descriptor = messages.receive(maker.end)
        except (EOFError, OSError):
            self._end_crew(people, MAKER_GONE)
            return
        if descriptor is None:
            self._end_crew(people, str(message.get("refused")))
            return
        job, maker.job = maker.job, None
        assert job is not None
        made, size = _Made(descriptor, message["layout"]), os.fstat(descriptor).st_size
        self.made += 1
        self._size[job.batch.stream] = size
        del self._jobs[job.batch]
        self._shelf.put(job.batch, made, size, again=not job.asked.crops.training)
        for reader in job.readers:
            self._give(reader, job.batch, made)

    def _end_crew(self, people: str, why: str) -> None:
        """Its readers, now and later, go on by themselves."""
        self._say(f"no batches are shared of one split: {why}")
        self._refused[people] = why
        self._close_crew(people)
        for reader in [each for each in self._readers if each.asked and each.asked.people.digest == people]:
            self._refuse(reader, why)
        for batch in [each.batch for each in self._jobs.values() if each.asked.people.digest == people]:
            del self._jobs[batch]

    def _close_crew(self, people: str) -> None:
        """They finish what they are at."""
        crew = self._crews.pop(people)
        for maker in crew.makers:
            self._selector.unregister(maker.end)
            maker.end.close()
        self._ending.append(crew.process)

    def _reap(self, how: int) -> None:
        """Wait for makers that end (0), or only see which have (os.WNOHANG)."""
        self._ending = [process for process in self._ending if os.waitpid(process, how)[0] == 0]

    def _give_out(self) -> None:
        """Open jobs to idle makers, as far as there is room for what they make."""
        now = time.monotonic()
        for job in list(self._open):
            crew = self._crews[job.asked.people.digest]
            maker = next((each for each in crew.makers if each.job is None), None)
            if maker is None:
                continue
            if not self._shelf.has_room(self._size.get(job.batch.stream, 0), self._in_making()):
                late = self._shelf.wait(now)
                if late is not None:
                    self._say(f"a reader lags at batch {late.step + 1} of epoch {late.epoch + 1}: not waited for")
                return
            self._shelf.go_on(now)
            self._open.remove(job)
            maker.job = job
            try:
                crops = job.asked.crops.model_dump_json()
                messages.send(maker.end, {"crops": crops, "epoch": job.batch.epoch, "rows": job.rows})
            except OSError:
                self._end_crew(job.asked.people.digest, MAKER_GONE)
                return

    def _in_making(self) -> int:
        busy = [maker.job for crew in self._crews.values() for maker in crew.makers if maker.job]
        return sum(self._size.get(job.batch.stream, 0) for job in busy)

    def _end_idle_crews(self) -> None:
        now = time.monotonic()
        read = {reader.asked.people.digest for reader in self._readers if reader.asked}
        for people, crew in list(self._crews.items()):
            if people in read:
                crew.since = now
            elif now - crew.since > IDLE_S:
                self._close_crew(people)


def _most_batches() -> int:
    """As many as a process may hold descriptors, within reason."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = 1 << 16 if hard == resource.RLIM_INFINITY else min(hard, 1 << 16)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(files - OTHER_FILES, 1)
