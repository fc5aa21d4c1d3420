"""The Tune trial: a thin relay that follows one run folder. The training itself is a job that knows nothing of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from heatmark.pipeline.trial_labels import name_of
from heatmark.workloads.run_folder.epoch import EpochRecord
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.job_record import JobRecord


class TrialFailed(RuntimeError):
    """The trial's job failed for good; the message says why and where its log is."""


def relay(config: dict[str, Any]) -> None:
    """Report every epoch of a trial to Tune, those on record first. config: folder, poll_s.

    It never cancels a job: a dead or signalled driver leaves jobs running.
    """
    from ray import tune

    from heatmark.pipeline.ray_relay import TrialGauges

    folder = RunFolder(Path(config["folder"]))
    gauges = TrialGauges(folder)
    for record in follow(folder, config["poll_s"]):
        gauges.tell(record)
        tune.report(reported(record))


def reported(record: EpochRecord) -> dict[str, Any]:
    """An epoch as Tune sees it. epoch counts finished epochs and is the time attribute."""
    values: dict[str, Any] = {"epoch": record.epoch + 1}
    for key in ("samples_seen", "wall_s", "images_per_s", "lr"):
        values[key] = getattr(record, key)
    for name, value in {**prefixed("train", record.train), **(record.val or {})}.items():
        if value is not None:
            values[name] = value
    return values


def prefixed(prefix: str, values: Mapping[str, float | None] | None) -> dict[str, float | None]:
    """The same values under prefix/name; none where there are no values."""
    return {f"{prefix}/{name}": value for name, value in (values or {}).items()}


def follow(folder: RunFolder, poll_s: float) -> Iterator[EpochRecord]:
    """The epochs of a trial as they come, until it ends. Raises TrialFailed."""
    offset = 0
    while True:
        # Asked before reading: an epoch written between the two is then read in this round.
        job = folder.job()
        ended = folder.finished or folder.is_left_to_others() or _has_ended(folder, job)
        records, offset = folder.epochs_since(offset)
        yield from records
        if ended:
            break
        time.sleep(poll_s)
    if not folder.finished and job is not None and job.state == "failed":
        raise TrialFailed(f"trial {name_of(folder.signature, folder.spec().label)}: {job.reason}")


def _has_ended(folder: RunFolder, job: JobRecord | None) -> bool:
    """But for a trial that another sweep cancelled and this one has not given up: its driver takes it up."""
    if job is None or not job.has_ended:
        return False
    return job.state != "cancelled" or folder.decision() is None or folder.given_up() is not None
