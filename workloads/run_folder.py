"""The run folder `runs/<sweep>/<signature>/`: the single source of truth of a trial. Needs no library.

    spec.json          the TrialSpec and its signature, written before anything is submitted
    job.json           the job and its attempts, written by the driver (pipeline/broker.py)
    lease.json         the process that holds the folder, written by rank 0 of a running job
    metrics.jsonl      one line per epoch, appended and fsynced by rank 0; no epoch twice; a torn last line is ignored
    events.jsonl       every start, checkpoint and end of an attempt, appended by rank 0
    heartbeats/        the last sign of life of every rank (workloads/heartbeat.py)
    checkpoints/       one folder per checkpoint with its manifest (workloads/checkpoint.py)
    predictions.json   the last evaluation, in COCO's keypoint results format
    predictions.mat    the same as `preds`, for the formats that are scored from such a file
    evaluations/       for every evaluated epoch what was found for every person (workloads/records.py), and for some
                       epochs the heatmaps of a few people (workloads/heatmap_samples.py)
    result.json        written last: the trial is finished and never run again
    cancel.json        the decision to cancel: of a person or of the scheduler
    accounting.json    what the trial's jobs cost, from SLURM's accounting (pipeline/accounting.py)
    failure.json       why the last attempt ended without a result
    log/               what the job printed

Everything else (Tune, MLflow, the report, `sweep status`) is a view of these files and can be rebuilt from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heatmark.foundation.files import Record, append_line, read_json, read_lines


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
    def predictions_file(self) -> Path:
        return self.path / "predictions.json"

    @property
    def usual_predictions_file(self) -> Path:
        return self.path / "predictions.mat"

    def records_file(self, epoch: int) -> Path:
        """What the evaluation after an epoch, counted from 0, found for every person."""
        return self.path / "evaluations" / f"epoch-{epoch:04d}.parquet"

    def heatmaps_file(self, epoch: int) -> Path:
        """The heatmaps of a few people after an epoch, counted from 0."""
        return self.path / "evaluations" / f"heatmaps-{epoch:04d}.npz"

    @property
    def result_file(self) -> Path:
        return self.path / "result.json"

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
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def log(self) -> Path:
        return self.path / "log"

    def spec(self) -> Record | None:
        """The TrialSpec as plain values."""
        return read_json(self.spec_file)

    def job(self) -> Record | None:
        return read_json(self.job_file)

    def result(self) -> Record | None:
        """The finished trial: state, final metrics, versions, machine. None while there is none."""
        return read_json(self.result_file)

    def failure(self) -> Record | None:
        return read_json(self.failure_file)

    def append_metrics(self, record: Record) -> None:
        """Append one epoch, durably."""
        append_line(self.metrics_file, record)

    def metrics(self) -> list[Record]:
        """Every epoch on record, in order."""
        return read_lines(self.metrics_file)[0]

    def metrics_since(self, offset: int) -> tuple[list[Record], int]:
        """The epochs after a byte offset, and the offset behind the last complete line."""
        return read_lines(self.metrics_file, offset)

    def append_event(self, record: Record) -> None:
        """Append a start, a checkpoint or an end, durably."""
        append_line(self.events_file, record)

    def events(self) -> list[Record]:
        """What happened to the trial, in order."""
        return read_lines(self.events_file)[0]

    def attempts(self) -> list[Record]:
        """Every start of the trial's job, in order."""
        return [event for event in self.events() if event["event"] == "start"]


def run_folders(sweep: Path) -> Iterator[RunFolder]:
    """The run folders of a sweep, in the order of their names."""
    if sweep.is_dir():
        for path in sorted(sweep.iterdir()):
            if (path / "spec.json").is_file():
                yield RunFolder(path)
