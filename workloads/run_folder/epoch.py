"""metrics.jsonl: one line per epoch, appended and fsynced by rank 0."""

from __future__ import annotations

from collections.abc import Mapping

from heatmark.workloads.run_folder.record import Record

# In the names of files of an evaluation before the first epoch.
UNTRAINED = "start"


def epoch_name(epoch: int) -> str:
    """As names of files have it. epoch: the one that has just ended, counted from 0; -1 before training."""
    return f"{epoch:04d}" if epoch >= 0 else UNTRAINED


def epoch_of(name: str) -> int | None:
    """The inverse of `epoch_name`; None where it is no such name."""
    if name == UNTRAINED:
        return -1
    return int(name) if name.isdecimal() else None


class EpochRecord(Record):
    """epoch: counted from 0, -1 of an evaluation before training. step, samples_seen: since the beginning. attempt: the
    one that ended the epoch, from 0.

    wall_s: seconds of training and evaluation since the beginning; epoch_s: of this epoch's training, data_s of them
    waiting for batches. train: the mean of the loss and its terms. val: metrics by name (datasets/boxes.py), None for
    what could not be measured; None as a whole where nothing was evaluated.
    """

    epoch: int
    step: int
    samples_seen: int
    attempt: int
    time: str
    wall_s: float
    epoch_s: float
    images_per_s: float
    data_s: float
    lr: float
    train: Mapping[str, float | None]
    val: Mapping[str, float | None] | None
