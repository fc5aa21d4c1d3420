"""Keeps every wanted trial at exactly one job: adopts, submits, retries, cancels. A thread of the driver.

`job.json` of a run folder records what it decided. States:
    pending    about to be submitted; written first, so that a driver killed now leaves a trace
    submitted  a job has the trial
    finished   there is a result
    failed     the job ended without one, for a reason that another try cannot mend or too often
    cancelled  a decision: `heatmark sweep cancel` or the scheduler's STOP
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from heatmark.pipeline.submit import Cluster
from heatmark.workloads.run_folder import Record, RunFolder, read_json, utc_now, write_json

ENDED = frozenset({"finished", "failed", "cancelled"})
# Failures of the user's making or of the mathematics: the same job would fail the same way.
NOT_RETRIED = frozenset({"user", "diverged"})


class Broker(threading.Thread):
    """One per driver. want() and cancel() may be called from any thread."""

    def __init__(self, cluster: Cluster, retries: int, poll_s: float, log: Callable[[str], None]) -> None:
        super().__init__(name="broker", daemon=True)
        self.cluster, self.retries, self.poll_s, self.log = cluster, retries, poll_s, log
        self._wanted: dict[str, RunFolder] = {}
        self._cancelling: set[str] = set()
        self._lock = threading.Lock()
        self._changed, self._closed = threading.Event(), threading.Event()

    def want(self, folder: RunFolder) -> None:
        """See to it that the trial has a job until it ends."""
        with self._lock:
            self._wanted[folder.signature] = folder
        self._changed.set()

    def open_trials(self) -> list[RunFolder]:
        """Wanted and not ended."""
        with self._lock:
            return list(self._wanted.values())

    def close(self) -> None:
        """Stop looking after jobs; they go on."""
        self._closed.set()
        self._changed.set()
        self.join()

    def wait_until_ended(self) -> None:
        """Until every wanted trial has ended."""
        while self.open_trials() and self.is_alive():
            time.sleep(0.2)

    def run(self) -> None:
        while not self._closed.is_set():
            folders = self.open_trials()
            if folders:
                self._look_after(folders)
            self._changed.wait(self.poll_s)
            self._changed.clear()

    def _look_after(self, folders: list[RunFolder]) -> None:
        try:
            alive = self.cluster.alive(folders)
        except Exception as error:
            self.log(f"cannot ask the cluster about its jobs, asking again: {error}")
            return
        for folder in folders:
            try:
                ended = self._settle(folder, alive.get(folder.signature))
            except Exception as error:
                self.log(f"{folder.signature}: {error}; trying again")
                continue
            if ended:
                with self._lock:
                    self._wanted.pop(folder.signature, None)

    def _settle(self, folder: RunFolder, job_id: str | None) -> bool:
        """Bring one trial a step forward. job_id: of its live job. True once it has ended."""
        job = folder.job() or _new_job(self.cluster.name)
        if folder.result() is not None:
            return job_id is None and self._end(folder, job, "finished", None)
        decision = read_json(folder.cancel_file)
        if decision is not None:
            if job_id is not None:
                self._cancel(folder)
                return False
            return self._end(folder, job, "cancelled", decision["reason"])
        if job_id is not None:
            self._record_live(folder, job, job_id)
            return False
        if job["state"] == "submitted":
            reason = self._why_it_ended(folder, job)
            if reason is not None:
                return self._end(folder, job, "failed", reason)
        self._submit(folder, job)
        return False

    def _cancel(self, folder: RunFolder) -> None:
        """Once, and beside the other trials: a job takes its time to save."""
        if folder.signature not in self._cancelling:
            self._cancelling.add(folder.signature)
            threading.Thread(target=self.cluster.cancel, args=(folder,), daemon=True).start()

    def _record_live(self, folder: RunFolder, job: Record, job_id: str) -> None:
        if job["state"] == "submitted":
            return
        self.log(f"{folder.signature}: adopted job {job_id}")
        job["submissions"].append({"job_id": job_id, "time": utc_now(), "adopted": True})
        write_json(folder.job_file, job | {"state": "submitted", "job_id": job_id})

    def _submit(self, folder: RunFolder, job: Record) -> None:
        write_json(folder.job_file, job | {"state": "pending", "time": utc_now()})
        job_id = self.cluster.submit(folder)
        job["submissions"].append({"job_id": job_id, "time": utc_now(), "adopted": False})
        write_json(folder.job_file, job | {"state": "submitted", "job_id": job_id})
        self.log(f"{folder.signature}: submitted as {self.cluster.name} job {job_id}")

    def _why_it_ended(self, folder: RunFolder, job: Record) -> str | None:
        """Why a job that is gone without a result is not tried again, or None to try again."""
        failure = folder.failure() or {"kind": "lost", "message": "the job ended without a word (killed?)"}
        cause = f"{failure['kind']}: {failure['message']}"
        if failure["kind"] in NOT_RETRIED:
            return cause
        if len(job["submissions"]) > self.retries:
            return f"{cause} (after {len(job['submissions'])} jobs; log in {folder.log})"
        self.log(f"{folder.signature}: {cause}; trying again ({len(job['submissions'])} of {self.retries} retries)")
        return None

    def _end(self, folder: RunFolder, job: Record, state: str, reason: str | None) -> bool:
        if job["state"] != state:
            write_json(folder.job_file, job | {"state": state, "reason": reason, "time": utc_now()})
            self.log(f"{folder.signature}: {state}" + (f": {reason}" if reason else ""))
        return True


def _new_job(cluster: str) -> dict[str, Any]:
    return {"schema_version": 1, "executor": cluster, "state": "new", "job_id": None, "reason": None, "submissions": []}


def reopen(folder: RunFolder, by_user: bool) -> bool:
    """Make an ended trial ready to be wanted again, with a new budget of retries. False where it must stay ended.

    by_user: `sweep run` by a person takes up failed trials and those a person cancelled; one that ASHA stopped stays.
    """
    decision = read_json(folder.cancel_file)
    if decision is not None:
        if decision["by"] == "scheduler" or not by_user:
            return False
        folder.cancel_file.unlink()
    job = folder.job()
    if job is not None and job["state"] in {"failed", "cancelled"}:
        folder.failure_file.unlink(missing_ok=True)
        write_json(folder.job_file, job | {"state": "new", "reason": None, "submissions": []})
    return True


def decide_cancel(folder: RunFolder, by: str, reason: str) -> None:
    """Record the decision to cancel; a driver acts on it, and so does `heatmark sweep cancel` itself."""
    write_json(folder.cancel_file, {"schema_version": 1, "by": by, "reason": reason, "time": utc_now()})
