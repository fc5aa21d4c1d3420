"""How far a trial has come; saved in every checkpoint, so that a resumed trial repeats and skips nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from heatmark.foundation.clock import utc_now
from heatmark.workloads.run_folder.epoch import EpochRecord


@dataclass
class Position:
    """Counted over all ranks and attempts.

    epoch: finished epochs. batch, epoch_samples, epoch_s, data_s, sums: of the epoch that is under way; data_s is the
    time spent waiting for batches, sums adds up the loss terms. wall_s: seconds of training and evaluation.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    samples_seen: int = 0
    epoch_samples: int = 0
    wall_s: float = 0.0
    epoch_s: float = 0.0
    data_s: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)

    def count_step(self, people: int, terms: Mapping[str, float]) -> None:
        """One more optimizer step, on so many people, with these values of the loss and its terms."""
        self.step += 1
        self.batch += 1
        self.samples_seen += people
        self.epoch_samples += people
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def end_epoch(self) -> None:
        """The next epoch has not begun."""
        self.epoch += 1
        self.batch = self.epoch_samples = 0
        self.epoch_s = self.data_s = 0.0
        self.sums = {}

    def record(self, attempt: int, lr: float, val: Mapping[str, float | None] | None) -> EpochRecord:
        """The line of metrics.jsonl for the epoch that is under way, at its end."""
        epoch_s = max(self.epoch_s, 1e-9)
        return EpochRecord(
            epoch=self.epoch,
            step=self.step,
            samples_seen=self.samples_seen,
            attempt=attempt,
            time=utc_now(),
            wall_s=round(self.wall_s, 3),
            epoch_s=round(epoch_s, 3),
            images_per_s=round(self.epoch_samples / epoch_s, 2),
            data_s=round(self.data_s, 3),
            lr=lr,
            train={name: total / max(1, self.batch) for name, total in self.sums.items()},
            val=val,
        )
