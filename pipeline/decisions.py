"""To cancel a trial, and to take it up again: decisions of a person or of the scheduler, for one sweep or for all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from heatmark.foundation.clock import utc_now
from heatmark.foundation.file_lock import locked
from heatmark.pipeline.claims import wanted_by_others
from heatmark.workloads.run_folder.decision import Decision
from heatmark.workloads.run_folder.ends import End
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.job_record import JobRecord


def as_end(decision: Decision) -> End:
    """Why a trial that was cancelled has no result."""
    return End(kind="cancelled", message=decision.reason)


def reopen(folder: RunFolder, by_user: bool) -> bool:
    """Make an ended trial ready to be wanted again, with a new budget of retries. False where it must stay ended.

    by_user: `sweep run` by a person takes up failed trials and those a person cancelled; one that ASHA stopped in this
    sweep stays. What was decided in another sweep alone is no reason here.
    """
    given_up, decision = folder.given_up(), folder.decision()
    own = given_up or (None if folder.path.is_symlink() else decision)
    if (own is not None and own.by == "scheduler") or (decision is not None and not by_user):
        return False
    folder.given_up_file.unlink(missing_ok=True)
    job = folder.job()
    if job is not None and job.has_ended:  # finished: but now something more is to be measured
        folder.failure_file.unlink(missing_ok=True)
        job.reopened().write(folder.job_file)
    folder.cancel_file.unlink(missing_ok=True)
    return True


def take_up(folder: RunFolder) -> bool:
    """Take up what another sweep cancelled, where this one wants it still. Returns whether it was so."""
    with locked(_lock_of(folder)):  # a decision of this sweep's own is seen whole
        return folder.decision() is not None and folder.given_up() is None and reopen(folder, by_user=True)


def end_cancelled(folder: RunFolder, cluster: str) -> None:
    """Record that a decision to cancel was carried out where no driver does it: a trial that ended already stays so."""
    job = folder.job() or JobRecord.new(cluster)
    decision = folder.decision()
    if decision is not None and not job.has_ended:
        job.ended("cancelled", as_end(decision)).write(folder.job_file)


def decide_cancel(folder: RunFolder, by: Literal["user", "scheduler"], reason: str) -> list[str]:
    """Record the decision to cancel; a driver acts on it, and so does `heatmark sweep cancel` itself.

    Returns the names of other sweeps that want the trial and have a driver: then it is only given up here, and goes on.
    """
    decision = Decision(by=by, reason=reason, time=utc_now())
    # Two sweeps that give a trial up at once do not both leave it to the other.
    with locked(_lock_of(folder)):
        others = wanted_by_others(folder)
        if not others:
            decision.write(folder.cancel_file)
        decision.write(folder.given_up_file)
    return others


def _lock_of(folder: RunFolder) -> Path:
    return folder.path / "cancel.lock"
