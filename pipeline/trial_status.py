"""What the trials of a sweep are at, read from their run folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from heatmark.datasets.boxes import in_boxes, title_of
from heatmark.datasets.formats import format_of
from heatmark.pipeline.trial_labels import Label, label_of, shared_parts
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.job_record import ENDED, JobRecord
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file
from heatmark.workloads.spec import TrialSpec

# Trials that an epoch takes about the same time of: of one backbone, on the same people.
Kind = tuple[str, str, int]
Stamp = tuple[tuple[str, int, int, int] | None, ...]


@dataclass(frozen=True)
class TrialStatus:
    """One trial, for people. epoch: finished epochs of `epochs`. left_s: at the speed so far, None unless it runs.

    short_label: what tells it from the sweep's other trials. used_s: training and evaluation on record. ahead_s: those
    still to come, of a trial that has not begun as long as others of its backbone and data set take; None if unknown.
    metric: the first one of its data set's format, in these boxes, with the last value of it. waits_for: why its job
    does not run, in the cluster's words.
    """

    signature: str
    label: str
    state: str
    epoch: int
    epochs: int
    metric: str
    boxes: str
    value: float | None
    epe: float | None
    images_per_s: float | None
    left_s: float | None
    job_id: str | None
    reason: str | None
    waits_for: str | None
    short_label: str
    used_s: float
    ahead_s: float | None


@dataclass(frozen=True)
class SweepStatus:
    """shared: what the labels of all trials have in common. parallel: how many trials are in flight at a time."""

    folder: Path
    shared: tuple[str, ...]
    parallel: int
    trials: tuple[TrialStatus, ...]

    @property
    def used_s(self) -> float:
        """Training and evaluation on record."""
        return sum(trial.used_s for trial in self.trials)

    @property
    def ahead_s(self) -> float:
        """Of the trials that are still to run, as far as it is known (`TrialStatus.ahead_s`)."""
        return sum(trial.ahead_s or 0.0 for trial in self.still_to_run)

    @property
    def still_to_run(self) -> tuple[TrialStatus, ...]:
        """Those that run or wait."""
        return tuple(trial for trial in self.trials if trial.state not in ENDED)


def trial_statuses(sweep: Path) -> tuple[TrialStatus, ...]:
    """Every trial of a sweep's folder in the order of its grid."""
    return sweep_status(sweep).trials


def sweep_status(sweep: Path) -> SweepStatus:
    """What a sweep's folder says of its trials."""
    return StatusReader(sweep).read()


class StatusReader:
    """Reads a sweep's status again and again: of hundreds of trials only those whose files changed are read anew."""

    def __init__(self, sweep: Path) -> None:
        self.sweep = sweep
        self._specs: dict[str, tuple[Stamp, TrialSpec]] = {}
        self._statuses: dict[str, tuple[Stamp, str, TrialStatus]] = {}

    def read(self) -> SweepStatus:
        """As `sweep_status`."""
        record = SweepRecord.read(sweep_file(self.sweep))
        labels = {cell.signature: cell.label for cell in record.cells} if record else {}
        order = {signature: position for position, signature in enumerate(labels)}
        folders = sorted(run_folders(self.sweep), key=lambda folder: order.get(folder.signature, len(order)))
        specs = [self._spec(folder) for folder in folders]
        told = [label_of(spec, labels.get(folder.signature)) for folder, spec in zip(folders, specs, strict=True)]
        shared = shared_parts(told)
        statuses = [self._status(*each, shared) for each in zip(folders, specs, told, strict=True)]
        parallel = record.cluster.get("parallel", 1) if record else 1
        return SweepStatus(self.sweep, shared, parallel, _with_time_ahead(statuses, [_kind(spec) for spec in specs]))

    def _spec(self, folder: RunFolder) -> TrialSpec:
        stamp = _stamp(folder.spec_file)
        known = self._specs.get(folder.signature)
        if known is None or known[0] != stamp:
            known = self._specs[folder.signature] = stamp, folder.spec()
        return known[1]

    def _status(self, folder: RunFolder, spec: TrialSpec, label: Label, shared: Sequence[str]) -> TrialStatus:
        stamp, short = _stamp(folder.given_up_file, *_files_in(folder.path)), label.without(shared)
        known = self._statuses.get(folder.signature)
        if known is None or known[:2] != (stamp, short):
            known = self._statuses[folder.signature] = stamp, short, _status(folder, spec, label, shared)
        return known[2]


def _files_in(folder: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_file())


def _stamp(*files: Path) -> Stamp:
    """What changes with any of the files: names, sizes, times of change, and which file it is."""
    found: list[tuple[str, int, int, int] | None] = []
    for file in files:
        try:
            about = file.stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((file.name, about.st_size, about.st_mtime_ns, about.st_ino))
    return tuple(found)


def _status(folder: RunFolder, spec: TrialSpec, label: Label, shared: Sequence[str]) -> TrialStatus:
    job = folder.job()
    known = folder.epochs()
    records = [record for record in known if record.epoch >= 0]
    last = records[-1] if records else None
    evaluated = next((record.val for record in reversed(known) if record.val), {})
    boxes = spec.data.bbox_source
    metric = format_of(spec.data).headline
    epochs = spec.train.epochs
    state = _state(folder, job)
    left = last.wall_s / len(records) * (epochs - len(records)) if last else None
    return TrialStatus(
        signature=folder.signature,
        label=str(label),
        state=state,
        epoch=len(records),
        epochs=epochs,
        metric=metric,
        boxes=title_of(boxes),
        value=evaluated.get(in_boxes(boxes, metric)),
        epe=evaluated.get(in_boxes(boxes, "EPE")),
        images_per_s=last.images_per_s if last else None,
        left_s=left if state == "running" else None,
        job_id=job.job_id if job else None,
        reason="left to other sweeps that want it" if folder.is_left_to_others() else job.reason if job else None,
        waits_for=job.waits_for if job and state in ("pending", "submitted", "running") else None,
        short_label=label.without(shared),
        used_s=last.wall_s if last else 0.0,
        ahead_s=0.0 if state == "finished" else left,
    )


def _kind(spec: TrialSpec) -> Kind:
    return spec.backbone, spec.data.name, spec.train.max_people


def _with_time_ahead(statuses: Sequence[TrialStatus], kinds: Sequence[Kind]) -> tuple[TrialStatus, ...]:
    """Of those that have not begun as well, by the mean epoch of their kind."""
    epochs_s: dict[Kind, list[float]] = {}
    for status, kind in zip(statuses, kinds, strict=True):
        if status.epoch:
            epochs_s.setdefault(kind, []).append(status.used_s / status.epoch)
    return tuple(
        replace(status, ahead_s=status.epochs * sum(known) / len(known))
        if status.ahead_s is None and (known := epochs_s.get(kind))
        else status
        for status, kind in zip(statuses, kinds, strict=True)
    )


def _state(folder: RunFolder, job: JobRecord | None) -> str:
    if folder.finished:
        return "finished"
    if folder.is_left_to_others():
        return "cancelled"
    if job is None or job.state == "new":
        return "waiting"
    return "running" if job.state == "submitted" and folder.attempts() else job.state
