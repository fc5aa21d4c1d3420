"""Processes that read a trial's batches when told to, as its training would."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

import torch

from heatmark.datasets.loader import Batch, CropLoader
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.views import load_split, loader_of

ALONE = Ranks(0, 1, torch.device("cpu"))
# A machine that does much else is slow; nothing here is about time.
DEADLINE_S = 200.0


def loader(spec: TrialSpec, *, training: bool, ranks: Ranks = ALONE) -> CropLoader:
    return loader_of(spec, load_split(spec, "train" if training else "val"), ranks, training=training)


def digest(batch: Batch) -> str:
    """Of every bit of a batch, and of how it lies in memory."""
    found = hashlib.sha256()
    for name, part in batch.items():
        assert isinstance(part, torch.Tensor)
        found.update(repr((name, part.dtype, part.shape, part.stride())).encode())
        found.update(part.numpy().tobytes())
    return found.hexdigest()


def own_batches(spec: TrialSpec, epoch: int, *, training: bool = True, ranks: Ranks = ALONE) -> list[str]:
    """What the trial makes of its data without any stream."""
    assert "HEATMARK_STREAM" not in os.environ
    own = loader(spec, training=training, ranks=ranks)
    own.set_epoch(epoch)
    return [digest(batch) for batch in own]


class Reader:
    """A process with the loader of a trial."""

    def __init__(
        self, spec: TrialSpec, variables: Mapping[str, str], *, training: bool = True, ranks: Ranks = ALONE
    ) -> None:
        fork = multiprocessing.get_context("fork")
        self._pipe, theirs = fork.Pipe()
        self.process = fork.Process(target=_read, args=(theirs, spec, dict(variables), training, ranks), daemon=True)
        self.process.start()
        theirs.close()

    def begin(self, epoch: int, step: int = 0) -> None:
        self._pipe.send((epoch, step))

    def ask(self, count: int) -> None:
        """For the next batches, without waiting for them."""
        self._pipe.send(count)

    def answer(self) -> list[str]:
        """What was asked for: as many as there are."""
        assert self._pipe.poll(DEADLINE_S), "a reader is held up"
        found: list[str] = self._pipe.recv()
        return found

    def take(self, count: int = 1000) -> list[str]:
        self.ask(count)
        return self.answer()

    def send_signal(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> None:
        self.process.kill()
        self.process.join()


@contextmanager
def reading(readers: list[Reader]) -> Iterator[list[Reader]]:
    try:
        yield readers
    finally:
        for each in readers:
            each.end()


def _read(pipe: Any, spec: TrialSpec, variables: dict[str, str], training: bool, ranks: Ranks) -> None:
    os.environ.update(variables)
    batches: Iterator[Batch] = iter(())
    own = loader(spec, training=training, ranks=ranks)
    while True:
        wanted = pipe.recv()
        if isinstance(wanted, int):
            pipe.send([digest(batch) for batch in islice(batches, wanted)])
        else:
            own.set_epoch(*wanted)
            batches = iter(own)
