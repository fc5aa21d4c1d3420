"""The evaluation files of a trial, by the epochs that people count."""

from __future__ import annotations

from pathlib import Path

from heatmark.reports.reading.collect import Trial
from heatmark.workloads.run_folder.evaluation import Records, read_records


def record_files(trial: Trial) -> dict[int, Path]:
    """The files by epoch, counted from 1; empty where there are none."""
    return {number + 1: path for number, path in trial.evaluations.records_files().items()} if trial.evaluations else {}


def heatmap_files(trial: Trial) -> dict[int, Path]:
    """The heatmaps that were kept, by epoch, counted from 1."""
    folder = trial.evaluations
    return {number + 1: path for number, path in folder.heatmaps_files().items()} if folder else {}


def last_records(trial: Trial) -> Records | None:
    """Those of the newest evaluation; None where there are none. Raises InputError for a file that is no good."""
    files = record_files(trial)
    return read_records(files[max(files)]) if files else None


def records_at(trial: Trial, epoch: int) -> Records | None:
    """Those of one epoch, counted from 1; None where there are none."""
    path = record_files(trial).get(epoch)
    return read_records(path) if path else None
