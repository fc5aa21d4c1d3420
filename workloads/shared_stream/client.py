"""A trial's side of the shared stream: batches read instead of made, as long as the server gives them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import torch

from heatmark.datasets.loader import Batch
from heatmark.datasets.people import PoseDataset
from heatmark.foundation.clock import utc_now
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.shared_stream import messages
from heatmark.workloads.shared_stream.asked import (
    VARIABLE,
    CropsAsked,
    PeopleAsked,
    StreamAsked,
    crop_settings,
    digest_of,
)
from heatmark.workloads.shared_stream.batch_memory import from_memory
from heatmark.workloads.spec import TrialSpec

# The longest that a trial waits for a batch, the reading of the annotations before the first included; at most this
# part of what counts as a hang.
PATIENCE_S, PART_OF_HANG = 120.0, 1 / 3
GONE = "its server has gone"


def shared_batches(
    spec: TrialSpec, people: PoseDataset, ranks: Ranks, batch_size: int, *, training: bool
) -> StreamReader | None:
    """Where this rank finds its batches made, if its job shares a stream. people: of that spec's data."""
    address = os.environ.get(VARIABLE)
    if not address:
        return None
    runtime = spec.runtime
    asked = StreamAsked(
        people=PeopleAsked(
            data=spec.data,
            runtime=runtime,
            max_people=spec.train.max_people,
            split="train" if people.split == "train" else "val",
            digest=digest_of(people),
        ),
        crops=CropsAsked(
            settings=crop_settings(spec.data),
            training=training,
            seed=spec.seed if training else 0,
        ),
        batch_size=batch_size,
        rank=ranks.rank,
        world_size=ranks.world_size,
        epoch=0,
        first_step=0,
    )
    return StreamReader(address, asked, min(PATIENCE_S, PART_OF_HANG * runtime.hang_s), _say)


def _say(line: str) -> None:
    print(f"{utc_now()} {line}", flush=True)


class _Lost(Exception):
    """No more batches from here."""


@dataclass
class StreamReader:
    """Callable as CropLoader's `elsewhere`: the batches of an epoch, or the first of them if the server ends early.

    asked: the stream, of any epoch. patience_s: for one batch. say: told once of each reason why batches are made by
    the trial itself.
    """

    address: str
    asked: StreamAsked
    patience_s: float
    say: Callable[[str], None]
    _told: set[str] = field(default_factory=set)

    def __call__(self, epoch: int, first_step: int, rows: Sequence[list[int]]) -> Iterator[Batch]:
        """rows: of each batch from the first step on, as indices of people."""
        asked = self.asked.model_copy(update={"epoch": epoch, "first_step": first_step})
        step = first_step
        try:
            with closing(_Connection(self.address, self.patience_s)) as connection:
                for batch in connection.batches(asked, rows):
                    yield batch
                    step += 1
        except _Lost as reason:
            if str(reason) not in self._told:
                self._told.add(str(reason))
                self.say(
                    f"batch {step + 1} of epoch {epoch + 1}: no shared stream ({reason}); this trial makes its own"
                )


class _Connection:
    """To the server, for one epoch."""

    def __init__(self, address: str, patience_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(patience_s)
        self._address = address
        # Memories by step: makers finish in any order.
        self._arrived: dict[int, tuple[int, Any]] = {}

    def close(self) -> None:
        self._socket.close()
        for descriptor, _ in self._arrived.values():
            os.close(descriptor)
        self._arrived.clear()

    def batches(self, asked: StreamAsked, rows: Sequence[list[int]]) -> Iterator[Batch]:
        """Raises _Lost where the server gives no more."""
        pinned = torch.cuda.is_available()
        ahead = self._begin(asked)
        for place in range(min(ahead, len(rows))):
            self._ask(asked.first_step + place, rows[place])
        for place in range(len(rows)):
            step = asked.first_step + place
            batch = self._take(step, pinned=pinned)
            if place + ahead < len(rows):
                self._ask(step + ahead, rows[place + ahead])
            yield batch

    def _begin(self, asked: StreamAsked) -> int:
        """How many batches to ask for ahead."""
        try:
            self._socket.connect(f"\0{self._address}")
            if not messages.is_own_user(self._socket):
                raise _Lost("its server is another user's")
            messages.send(self._socket, {"asked": asked.model_dump_json()})
        except OSError as error:
            raise _Lost(GONE) from error
        message, _ = self._receive()
        return int(message["ahead"])

    def _ask(self, step: int, rows: list[int]) -> None:
        try:
            messages.send(self._socket, {"step": step, "rows": rows})
        except OSError as error:
            raise _Lost(GONE) from error

    def _take(self, step: int, *, pinned: bool) -> Batch:
        while step not in self._arrived:
            message, descriptor = self._receive()
            assert descriptor is not None
            self._arrived[message["step"]] = descriptor, message["layout"]
        descriptor, layout = self._arrived.pop(step)
        try:
            return from_memory(descriptor, layout, pinned=pinned)
        finally:
            os.close(descriptor)

    def _receive(self) -> tuple[dict[str, Any], int | None]:
        try:
            message, descriptor = messages.receive(self._socket)
        except TimeoutError as error:
            raise _Lost(f"its server gave nothing for {self._socket.gettimeout():g} s") from error
        except (EOFError, OSError) as error:
            raise _Lost(GONE) from error
        if "refused" in message:
            raise _Lost(message["refused"])
        return message, descriptor
