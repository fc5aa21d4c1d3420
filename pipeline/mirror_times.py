"""When a trial began and ended, whoever sends it to MLflow and when."""

from __future__ import annotations

from heatmark.foundation.clock import moment
from heatmark.workloads.run_folder.folder import RunFolder


def begun_ms(folder: RunFolder) -> int | None:
    """The start of the first attempt, in milliseconds since 1970; None where the trial has not begun.

    Of a trial whose events are gone: when its first epoch began. Of one that ended before it began: when it did.
    """
    attempts = folder.attempts()
    if attempts:
        return milliseconds(attempts[0].time)
    epochs = folder.epochs()
    if epochs:
        return milliseconds(epochs[0].time) - round(epochs[0].wall_s * 1000)
    job = folder.job()
    return milliseconds(job.time) if job is not None and job.has_ended and job.time else None


def ended_ms(folder: RunFolder) -> int | None:
    """When a trial that goes on no more did its last, in milliseconds since 1970; None where nothing says so."""
    result = folder.result()
    if result is not None:
        return milliseconds(result.finished)
    job, failure = folder.job(), folder.failure()
    times = [event.time for event in folder.events()[-1:]] + [record.time for record in folder.epochs()[-1:]]
    times += [failure.time] if failure is not None else []
    # A trial that another sweep took over has a job that goes on.
    times += [job.time] if job is not None and job.has_ended and job.time else []
    return max(map(milliseconds, times), default=None)


def milliseconds(iso: str) -> int:
    """Since 1970, as MLflow counts."""
    return int(moment(iso) * 1000)
