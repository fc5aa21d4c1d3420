"""Keeps every wanted trial at exactly one job: adopts, submits, retries, cancels. A thread of the driver.

What it decided stands in job.json of the run folder (workloads/run_folder/job_record.py). A trial that several sweeps
want is looked after by one of their drivers (claims.py); the others wait for its end, or for that driver's.

So many trials as have a place are in flight, in the order they were wanted; when one ends the next takes its place.
Whether anybody follows them (tune.py) is of no matter here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from heatmark.pipeline.claims import Claims
from heatmark.pipeline.decisions import as_end, take_up
from heatmark.pipeline.job_ends import silence, why_it_ended
from heatmark.pipeline.submit import UNANSWERED, Cluster, JobStatus, SubmitRefused
from heatmark.workloads.run_folder.ends import End, EndKind
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.job_record import UNKNOWN_JOB, JobRecord, State

GATHER_LIMIT_S = 30.0
COMPLAIN_S = 60.0
# Threads that write what was sent: a disk makes many files durable in the time of a few.
WRITERS = 8
# How often a trial is sent again after each kind of end; the others take the sweep file's cluster.retries.
# A user's mistake and a diverged loss come back the same way; what took a job from outside may happen many times.
BUDGETS: dict[EndKind, int] = {
    "user": 0,
    "diverged": 0,
    "oom": 1,
    "timeout": 3,
    "node_fail": 5,
    "preempted": 100,
    "interrupted": 100,
}


class Broker(threading.Thread):
    """One per driver. want() may be called from any thread. names: what people call a trial, by its signature.

    places: how many trials are in flight at a time, None for all that are wanted. Those that another sweep's driver
    looks after take none.
    """

    def __init__(
        self,
        cluster: Cluster,
        retries: int,
        poll_s: float,
        log: Callable[[str], None],
        claims: Claims | None = None,
        names: Callable[[str], str] = str,
        places: int | None = None,
    ) -> None:
        super().__init__(name="broker", daemon=True)
        self.cluster, self.retries, self.poll_s, self.log = cluster, retries, poll_s, log
        self.claims, self.names, self.places = claims or Claims(), names, places
        self._wanted: dict[str, RunFolder] = {}
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        self._waits: set[str] = set()
        self._cancelling: set[str] = set()
        self._running_since: dict[str, float] = {}
        self._new_waits: dict[str, list[str]] = {}
        self._complained: dict[str, float] = {}
        self._lock = threading.Lock()
        self._changed, self._closed = threading.Event(), threading.Event()
        self._asked, self._answered = 0, 0

    def want(self, *folders: RunFolder) -> None:
        """See to it that these trials have a job until they end, in this order."""
        with self._lock:
            again = {folder.signature: folder for folder in folders}
            self._wanted |= again
            self._ended -= again.keys()
            self._asked += 1
        self._changed.set()

    def open_trials(self) -> list[RunFolder]:
        """Wanted and not ended."""
        with self._lock:
            return list(self._wanted.values())

    def close(self) -> None:
        """Stop looking after jobs; they go on, and other sweeps that want their trials look after them."""
        self._closed.set()
        self._changed.set()
        self.join()
        self.claims.close()

    def has_turned(self) -> bool:
        """Whether it was tried once to send all that is wanted."""
        return self._answered == self._asked or not self.is_alive()

    def wait_until_ended(self) -> None:
        """Until every wanted trial has ended."""
        while self.open_trials() and self.is_alive():
            time.sleep(0.2)

    def run(self) -> None:
        while not self._closed.is_set():
            asked = self._asked
            try:
                while self._look_after(self._in_turn()):
                    pass
            except Exception as error:  # a full disk, say: without this thread the sweep would wait for ever
                self._complain(f"{error}; trying again")
            self._answered = asked
            self._changed.wait(self.poll_s)
            self._gather()

    def _gather(self) -> None:
        """Tune starts trials one by one: wait until no other has come for a moment, so that they go out together."""
        deadline = time.monotonic() + GATHER_LIMIT_S
        while self._changed.is_set() and not self._closed.is_set() and time.monotonic() < deadline:
            self._changed.clear()
            self._changed.wait(self.cluster.gather_s)
        self._changed.clear()

    def _in_turn(self) -> list[RunFolder]:
        """The trials in flight, with those that have a place now."""
        with self._lock:
            for signature in self._wanted:
                if not self._has_place():
                    break
                self._begun.add(signature)
            return [folder for signature, folder in self._wanted.items() if signature in self._begun]

    def _has_place(self) -> bool:
        return self.places is None or len(self._begun - self._waits) < self.places

    def _look_after(self, wanted: list[RunFolder]) -> bool:
        """Returns whether there is a place for others now, which are then looked after at once."""
        folders = [folder for folder in wanted if self._is_ours(folder)]
        if folders:
            self._bring_forward(folders)
        self._leave_ended()
        with self._lock:
            others = self.places is not None and len(self._wanted) > len(self._begun)
            return others and self._has_place() and not self._closed.is_set()

    def _bring_forward(self, folders: list[RunFolder]) -> None:
        try:
            statuses = self.cluster.jobs(folders)
        except Exception as error:
            self._complain(f"cannot ask the cluster about its jobs, asking again: {error}")
            return
        while self.cluster.notes:
            self.log(self.cluster.notes.pop(0))
        to_send = []
        for folder in folders:
            try:
                step = self._settle(folder, statuses.get(folder.signature))
            except Exception as error:
                self._complain(f"{self._called(folder)}: {error}; trying again")
                continue
            if step == "send":
                to_send.append(folder)
        if to_send:
            self._send(to_send)
        self._tell_waits()

    def _called(self, folder: RunFolder) -> str:
        return self.names(folder.signature)

    def _is_ours(self, folder: RunFolder) -> bool:
        """Whether this driver looks after the trial: not where its sweep left it to others or another driver does."""
        try:
            if folder.is_left_to_others():
                self._forget(folder, "left to other sweeps")
                return False
            other = self.claims.take(folder)
            if other is None:
                return folder.signature not in self._waits or self._is_taken_over(folder)
            job = folder.job()
            if folder.finished:
                self._forget(folder, "finished")
            elif job is not None and job.state == "failed":
                self._forget(folder, f"failed: {job.end}")
            elif folder.signature not in self._waits:
                self._waits.add(folder.signature)
                self.log(f"{self._called(folder)}: waits for {other}")
        except Exception as error:
            self._complain(f"{self._called(folder)}: {error}; trying again")
        return False

    def _is_taken_over(self, folder: RunFolder) -> bool:
        """After waiting: whether there is anything left to look after. What the other sweep gave up is taken up."""
        self._waits.discard(folder.signature)
        job = folder.job()
        decided = take_up(folder) or folder.decision() is not None
        if not decided and job is not None and job.state in ("failed", "cancelled"):
            self._forget(folder, f"{job.state}: {job.end}")
            return False
        self.log(f"{self._called(folder)}: no other driver looks after it any more, this one does")
        return True

    def _wait_for(self, folder: RunFolder, job: JobRecord, words: str | None, usual: bool = False) -> JobRecord:
        """Put on record why a trial does not run, in the cluster's words; and tell it, unless every queue says it."""
        if words == job.waits_for:
            return job
        if words is not None and not usual:
            self._new_waits.setdefault(without_job_id(words, job.job_id), []).append(words)
        return _recorded(folder, job.waiting_for(words))

    def _tell_waits(self) -> None:
        """One line for all trials that began to wait for the same."""
        for first, *others in self._new_waits.values():
            self._complain(f"{len(others) + 1} trials wait: {first}" if others else f"1 trial waits: {first}")
        self._new_waits.clear()

    def _complain(self, line: str) -> None:
        """Once a minute, however often it is tried."""
        if time.monotonic() - self._complained.get(line, -COMPLAIN_S) >= COMPLAIN_S:
            self._complained[line] = time.monotonic()
            self.log(line)

    def _settle(self, folder: RunFolder, status: JobStatus | None) -> str:
        """Bring one trial a step forward: what is to be done next is `wait`, `send`, or nothing as it has `ended`."""
        job = self._job_of(folder)
        alive = status is not None and status.alive
        seen = status is not None and status.is_seen
        if folder.finished:
            return "wait" if alive and seen else self._end(folder, job, "finished", None)
        decision = folder.decision()
        if decision is not None and not alive:
            return self._end(folder, job, "cancelled", as_end(decision))
        if decision is not None:
            self._cancel(folder)
            if seen or (status is not None and status.state == UNANSWERED):
                return "wait"
            # It was told to end where it was sent to; nothing will ever say that it did.
            return self._end(folder, job, "cancelled", as_end(decision))
        if status is not None and alive:
            self._follow(folder, job, status)
            return "wait"
        if job.state != "submitted":
            return "send"
        return self._after_end(folder, job, status)

    def _follow(self, folder: RunFolder, job: JobRecord, status: JobStatus) -> None:
        """A job that lives: adopted if need be; ended if it can never start or no longer gives a sign of life."""
        if status.job_id == UNKNOWN_JOB:
            self._wait_for(folder, job, status.waits_for)
            return
        another = bool(status.name) and job.job_id != status.job_id
        if job.state != "submitted" or job.job_id in (None, UNKNOWN_JOB) or another:
            self.log(f"{self._called(folder)}: adopted job {status.job_id}")
            job = _recorded(folder, job.submitted(status.job_id, adopted=True))
        job = self._wait_for(folder, job, status.waits_for, status.usual)
        if status.stuck and not job.killed_for:
            why = End(kind="user", message=f"the job can never start: {status.stuck}")
            _recorded(folder, job.killed(why))
            self._cancel(folder)
            return
        if status.state != "RUNNING":
            self._running_since.pop(status.job_id, None)
            return
        since = self._running_since.setdefault(status.job_id, time.time())
        if not job.killed_for and (reason := silence(folder, since)):
            self.log(f"{self._called(folder)}: {reason}; its job {status.job_id} is ended")
            _recorded(folder, job.killed(End(kind="hung", message=reason)))
            self._cancel(folder)

    def _cancel(self, folder: RunFolder) -> None:
        """Once, and beside the other trials: a job takes its time to save."""
        if folder.signature not in self._cancelling:
            self._cancelling.add(folder.signature)
            threading.Thread(target=self._cancel_and_forget, args=(folder,), daemon=True).start()

    def _cancel_and_forget(self, folder: RunFolder) -> None:
        try:
            self.cluster.cancel(folder)
        except Exception as error:
            self.log(f"{self._called(folder)}: cannot cancel: {error}; trying again")
        self._cancelling.discard(folder.signature)

    def _send(self, folders: list[RunFolder]) -> None:
        for folder in folders:
            job = self._job_of(folder)
            if job.executor != self.cluster.name:  # the numbers of its jobs would be those of others here
                job = JobRecord.new(self.cluster.name)
            if job.state != "pending":
                _recorded(folder, job.pending())
        waits_for: str | None = None
        try:
            sent = self.cluster.submit(folders)
        except SubmitRefused as error:
            for folder in folders:
                self._end(folder, self._job_of(folder), "failed", End(kind="user", message=str(error)))
            return
        except Exception as error:
            self._complain(f"cannot send {len(folders)} trials, trying again: {error}")
            sent, waits_for = {}, str(error)
        else:
            waits_for = self.cluster.waits_for
        with ThreadPoolExecutor(WRITERS) as beside:
            list(beside.map(partial(self._record_sent, sent), (each for each in folders if each.signature in sent)))
        for folder in folders:
            if folder.signature in sent:
                self.log(f"{self._called(folder)}: submitted as {self.cluster.name} job {sent[folder.signature]}")
            else:
                self._wait_for(folder, self._job_of(folder), waits_for)

    def _record_sent(self, sent: Mapping[str, str], folder: RunFolder) -> JobRecord:
        return _recorded(folder, self._job_of(folder).submitted(sent[folder.signature], adopted=False))

    def _job_of(self, folder: RunFolder) -> JobRecord:
        return folder.job() or JobRecord.new(self.cluster.name)

    def _after_end(self, folder: RunFolder, job: JobRecord, status: JobStatus | None) -> str:
        """A job that ended without a result: why, and whether the trial is sent again."""
        log = self.cluster.log_of(folder, job.submissions[-1].job_id)
        why = why_it_ended(folder, job, status, log)
        end = End(kind=why.kind, message=f"{why.message} (log in {log})")
        job = job.job_ended(end)
        if end.kind == "cancelled":
            return self._end(folder, job, "cancelled", end)
        times, budget = job.ends_of(end.kind), BUDGETS.get(end.kind, self.retries)
        if times > budget:
            after = f" (after {times} such jobs)" if times > 1 else ""
            return self._end(folder, job, "failed", End(kind=end.kind, message=end.message + after))
        _recorded(folder, job.pending())
        folder.failure_file.unlink(missing_ok=True)
        self.log(f"{self._called(folder)}: {end}; sent again, {times} of {budget} times")
        return "send"

    def _end(self, folder: RunFolder, job: JobRecord, state: State, end: End | None) -> str:
        """Record it, and want the trial no longer."""
        told = None
        if job.state != state:
            _recorded(folder, job.ended(state, end))
            told = f"{state}: {end}" if end else state
        self._forget(folder, told)
        return "ended"

    def _forget(self, folder: RunFolder, told: str | None) -> None:
        """Want the trial no longer. told: why, for people."""
        if told:
            self.log(f"{self._called(folder)}: {told}")
        self._waits.discard(folder.signature)
        self.claims.let_go(folder)
        with self._lock:
            self._ended.add(folder.signature)

    def _leave_ended(self) -> None:
        """Once a turn: first the other sweeps hear of it. What was wanted again in the meantime stays."""
        self.claims.tell()
        with self._lock:
            for signature in self._ended:
                self._wanted.pop(signature, None)
                self._begun.discard(signature)
            self._ended.clear()


def without_job_id(words: str, job_id: str | None) -> str:
    """What trials wait for, to be told once for all that wait for the same."""
    return words.replace(job_id, "...") if job_id else words


def _recorded(folder: RunFolder, job: JobRecord) -> JobRecord:
    """Written down before anything follows from it."""
    job.write(folder.job_file)
    return job
