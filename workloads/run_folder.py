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

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from heatmark.datasets.errors import InputError

Record = dict[str, Any]


def utc_now() -> str:
    """The time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> float:
    """What `utc_now` wrote, in seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a whole file or nothing: temporary file in the same folder, fsync, rename, fsync of the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    data = content.encode() if isinstance(content, str) else content
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # on a full disk half a file would only take up room
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Record) -> None:
    """Write a JSON object atomically. Non-finite numbers are refused: they are not JSON."""
    write_atomic(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Record | None:
    """The object in a JSON file, or None where there is no file. Raises InputError for one that is damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    value = _parsed(content, path)
    if not isinstance(value, dict):
        raise InputError(f"{path}: damaged: no JSON object; restore it or remove it")
    return value


def _parsed(content: bytes, path: Path) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise InputError(f"{path}: damaged: not JSON ({error}); restore it or remove it") from error


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


def append_line(path: Path, record: Record) -> None:
    """Append one JSON line and make it durable; a torn last line of a killed writer is cut off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(record, allow_nan=False).encode() + b"\n"
    with path.open("ab+") as file:
        file.truncate(path.read_bytes().rfind(b"\n") + 1)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path, offset: int = 0) -> tuple[list[Record], int]:
    """The JSON lines after a byte offset, and the offset behind the last complete one."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    return [_parsed(line, path) for line in data[:end].splitlines()], offset + end


def run_folders(sweep: Path) -> Iterator[RunFolder]:
    """The run folders of a sweep, in the order of their names."""
    if sweep.is_dir():
        for path in sorted(sweep.iterdir()):
            if (path / "spec.json").is_file():
                yield RunFolder(path)
