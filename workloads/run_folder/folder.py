"""What is in a run folder, the single source of truth of a trial: where every file is, and its reader.

    spec.json          what the trial is, written before anything is submitted (spec_file.py)
    job.json           the job and its attempts, written by the driver (job_record.py)
    lease.json         the process that holds the folder, written by rank 0 of a running job (lease_record.py)
    metrics.jsonl      one line per epoch, appended and fsynced by rank 0 (epoch.py); no epoch twice; a torn last line
                       is ignored
    events.jsonl       every start, checkpoint and end of an attempt, appended by rank 0 (events.py)
    machine.jsonl      how busy the machine was in every epoch, appended by rank 0 (machine_use.py)
    heartbeats/        the last sign of life of every rank (heartbeats.py)
    checkpoints/       one folder per checkpoint with its manifest (manifest.py)
    predictions.json   the last evaluation, in COCO's keypoint results format
    predictions.mat    the same as `preds`, for the formats that are scored from such a file
    evaluations/       for every evaluated epoch what was found for every person (evaluation.py), and for some
                       epochs the heatmaps of a few people (heatmaps.py)
    measure.json       what is still to be measured of the trained net (measured.py)
    measurements.jsonl what was measured beside training: in other boxes, with another flip test, of kept weights
    result.json        written last: the trial is trained and never run again, but to measure more (result.py)
    cancel.json        the decision to cancel: of a person or of the scheduler (decision.py), under cancel.lock
    driver.lock        held by the driver that looks after the trial; of several sweeps' one at a time
    drivers.json       the sweeps whose drivers ever did (drivers.py)
    accounting.json    what the trial's jobs cost, from the cluster's accounting (cost.py)
    mlflow.json        what MLflow has of it (mirrored.py), where the folder is no link
    failure.json       why the last attempt ended without a result (failure.py)
    log/               what the job printed

A trial that several sweeps ask for has one run folder, to which theirs are links (store.py). What is one sweep's own is
beside the link:

    given_up/<signature>.json   the sweep wants the trial no longer, whoever else does (decision.py)
    mirrored/<signature>.json   what MLflow has of it as one of this sweep's (mirrored.py)

Everything else (Tune, MLflow, the report, `sweep status`) is a view of these files and can be rebuilt from them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heatmark.workloads.run_folder.cost import Cost
from heatmark.workloads.run_folder.decision import Decision
from heatmark.workloads.run_folder.drivers import Drivers
from heatmark.workloads.run_folder.epoch import EpochRecord, epoch_name, epoch_of
from heatmark.workloads.run_folder.events import Ended, Event, Saved, Started, read_events
from heatmark.workloads.run_folder.failure import Failure
from heatmark.workloads.run_folder.job_record import JobRecord
from heatmark.workloads.run_folder.machine_use import MachineUse
from heatmark.workloads.run_folder.measured import Measured, Measurement, Wanted, WantedPart
from heatmark.workloads.run_folder.result import Result

if TYPE_CHECKING:
    from heatmark.workloads.spec import TrialSpec


EVALUATIONS = "evaluations"


@dataclass(frozen=True)
class RunFolder:
    """The files of one trial."""

    path: Path

    @property
    def signature(self) -> str:
        return self.path.name

    @property
    def spec_file(self) -> Path:
        return self.path / "spec.json"

    @property
    def job_file(self) -> Path:
        return self.path / "job.json"

    @property
    def lease_file(self) -> Path:
        return self.path / "lease.json"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def machine_file(self) -> Path:
        return self.path / "machine.jsonl"

    @property
    def predictions_file(self) -> Path:
        return self.path / "predictions.json"

    @property
    def usual_predictions_file(self) -> Path:
        return self.path / "predictions.mat"

    def of_source(self, source: str) -> RunFolder:
        """The same trial, where the evaluation files of a further measurement lie (datasets/boxes.py)."""
        return RunFolder(self.path / EVALUATIONS / source)

    def records_file(self, epoch: int) -> Path:
        """What the evaluation after an epoch found for every person. epoch: counted from 0, -1 before training."""
        return self.path / EVALUATIONS / f"epoch-{epoch_name(epoch)}.parquet"

    def heatmaps_file(self, epoch: int) -> Path:
        """The heatmaps of a few people after an epoch, counted as above."""
        return self.path / EVALUATIONS / f"heatmaps-{epoch_name(epoch)}.npz"

    def records_files(self) -> dict[int, Path]:
        """Those that are there, by epoch, counted from 0."""
        return _numbered(self.path / EVALUATIONS, "epoch-", ".parquet")

    def heatmaps_files(self) -> dict[int, Path]:
        """Those that are there, by epoch, counted from 0."""
        return _numbered(self.path / EVALUATIONS, "heatmaps-", ".npz")

    @property
    def result_file(self) -> Path:
        return self.path / "result.json"

    @property
    def wanted_file(self) -> Path:
        return self.path / "measure.json"

    @property
    def measurements_file(self) -> Path:
        return self.path / "measurements.jsonl"

    @property
    def failure_file(self) -> Path:
        return self.path / "failure.json"

    @property
    def cancel_file(self) -> Path:
        return self.path / "cancel.json"

    @property
    def accounting_file(self) -> Path:
        return self.path / "accounting.json"

    @property
    def given_up_file(self) -> Path:
        return self.path.parent / "given_up" / f"{self.signature}.json"

    @property
    def drivers_file(self) -> Path:
        return self.path / "drivers.json"

    @property
    def mirror_file(self) -> Path:
        """Of this sweep alone: where several share the trial, each has runs of its own in MLflow."""
        if self.path.is_symlink():
            return self.path.parent / "mirrored" / f"{self.signature}.json"
        return self.path / "mlflow.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def log(self) -> Path:
        return self.path / "log"

    def spec(self) -> TrialSpec:
        """What the trial is. Raises InputError where that cannot be read."""
        from heatmark.workloads.run_folder.spec_file import read_spec

        return read_spec(self.spec_file)

    def job(self) -> JobRecord | None:
        return JobRecord.read(self.job_file)

    def result(self) -> Result | None:
        """The trained trial; None while there is none."""
        return Result.read(self.result_file)

    @property
    def finished(self) -> bool:
        """Trained, and measured in every way that was asked for. Raises InputError for a result that is no good."""
        return self.result() is not None and not self.wanted_file.exists()

    def wanted(self) -> tuple[WantedPart, ...]:
        """What is still to be measured."""
        found = Wanted.read(self.wanted_file)
        return tuple(found.measurements) if found else ()

    def measured(self) -> list[Measured]:
        """What was measured beside training, in order."""
        return self.measured_since(0)[0]

    def measured_since(self, offset: int) -> tuple[list[Measured], int]:
        """The same after a byte offset, and the offset behind the last complete line."""
        return Measured.read_all(self.measurements_file, offset)

    def measurements(self) -> dict[str, Measurement]:
        """The further measurements that the trial has or is to have, by name."""
        known = {each.source: each.measurement for each in self.measured()}
        return known | {each.source: each.measurement for each in self.wanted()}

    def failure(self) -> Failure | None:
        return Failure.read(self.failure_file)

    def decision(self) -> Decision | None:
        """To cancel the trial, where that was decided."""
        return Decision.read(self.cancel_file)

    def given_up(self) -> Decision | None:
        """That the sweep wants the trial no longer; others may."""
        return Decision.read(self.given_up_file)

    def is_left_to_others(self) -> bool:
        """Given up by this sweep, and not cancelled: another one goes on with it."""
        return self.given_up() is not None and self.decision() is None

    def drivers(self) -> list[str]:
        """The sweeps whose drivers ever looked after the trial, the newest last."""
        known = Drivers.read(self.drivers_file)
        return list(known.sweeps) if known else []

    def cost(self) -> Cost | None:
        return Cost.read(self.accounting_file)

    def append_epoch(self, epoch: EpochRecord) -> None:
        """Durably."""
        epoch.append(self.metrics_file)

    def epochs(self) -> list[EpochRecord]:
        """Every epoch on record, in order."""
        return self.epochs_since(0)[0]

    def epochs_since(self, offset: int) -> tuple[list[EpochRecord], int]:
        """The epochs after a byte offset, and the offset behind the last complete line."""
        return EpochRecord.read_all(self.metrics_file, offset)

    def machine_use(self) -> dict[int, MachineUse]:
        """By epoch, counted from 0; the last line of an epoch that was trained twice."""
        return {each.epoch: each for each in MachineUse.read_all(self.machine_file)[0]}

    def append_event(self, event: Event) -> None:
        """Durably."""
        event.append(self.events_file)

    def events(self) -> list[Started | Saved | Ended]:
        """What happened to the trial, in order."""
        return read_events(self.events_file)

    def attempts(self) -> list[Started]:
        """Every start of the trial's job, in order."""
        return [event for event in self.events() if isinstance(event, Started)]


def run_folders(sweep: Path) -> Iterator[RunFolder]:
    """The run folders of a sweep, in the order of their names.

    Each once: one of an earlier version, to which a link has today's signature (store.py), under the link's name.
    """
    if sweep.is_dir():
        paths = sorted(sweep.iterdir())
        linked = {os.path.realpath(path) for path in paths if path.is_symlink()}
        for path in paths:
            twice = linked and not path.is_symlink() and os.path.realpath(path) in linked
            if not twice and (path / "spec.json").is_file():
                yield RunFolder(path)


def _numbered(folder: Path, before: str, after: str) -> dict[int, Path]:
    found = {epoch_of(path.name[len(before) : -len(after)]): path for path in folder.glob(f"{before}*{after}")}
    return {epoch: found[epoch] for epoch in sorted(each for each in found if each is not None)}
