"""job.json: which job a trial has, which it had, and what the driver decided. Written by pipeline/broker.py alone.

States:
    new        nothing is decided yet
    pending    about to be submitted; written first, so that a driver killed now leaves a trace
    submitted  a job has the trial
    finished   there is a result
    failed     the job ended without one, for a reason that another try cannot mend or too often
    cancelled  a decision: `heatmark sweep cancel` or the scheduler's STOP
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from heatmark.foundation.clock import utc_now
from heatmark.workloads.run_folder.ends import End, EndKind, end_of_text
from heatmark.workloads.run_folder.record import Part, Record

State = Literal["new", "pending", "submitted", "finished", "failed", "cancelled"]
ENDED: frozenset[State] = frozenset({"finished", "failed", "cancelled"})
# The id of a job that may have been accepted though nothing told its number.
UNKNOWN_JOB = "unknown"


class Submission(Part):
    """One job. adopted: found alive, not sent by this driver. ended, kind, message: when and why, once it has."""

    job_id: str
    time: str
    adopted: bool = False
    ended: str | None = None
    kind: EndKind | None = None
    message: str | None = None


class Waiting(Part):
    """Why a job does not run, in the cluster's words (`for`), and since when."""

    words: str = Field(alias="for")
    since: str


def _first_version_of(values: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had kinds in texts, and left out what was not yet."""
    state, reason = values["state"], values.pop("reason", None)
    if reason is not None:
        cancelled = {"kind": "cancelled", "message": reason}
        values["end"] = cancelled if state == "cancelled" else end_of_text(reason)
    if values.get("killed_for") is not None:
        values["killed_for"] = end_of_text(values["killed_for"])
    return {"job_id": None, "end": None, "killed_for": None, "waiting": None, "time": None, "earlier": [], **values}


class JobRecord(Record):
    """executor: the cluster's name. time: of the last change of state. end: why there is no result, once it is sure.

    killed_for: why the driver ended the job that it now waits for. submissions: the jobs of this run of the sweep,
    earlier: those of runs before it, the oldest first.
    """

    VERSION: ClassVar[int] = 2
    UPGRADES: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {1: _first_version_of}

    executor: str
    state: State
    job_id: str | None
    time: str | None
    end: End | None
    killed_for: End | None
    waiting: Waiting | None
    submissions: Sequence[Submission]
    earlier: Sequence[Submission]

    @classmethod
    def new(cls, executor: str) -> JobRecord:
        nothing: dict[str, Any] = dict.fromkeys(("job_id", "time", "end", "killed_for", "waiting"))
        return cls(executor=executor, state="new", submissions=(), earlier=(), **nothing)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def reason(self) -> str | None:
        """Why there is no result, for people."""
        return str(self.end) if self.end else None

    @property
    def waits_for(self) -> str | None:
        return self.waiting.words if self.waiting else None

    @property
    def job_ids(self) -> set[str]:
        """Of all the jobs that the trial ever had and whose number is known."""
        return {each.job_id for each in (*self.earlier, *self.submissions)} - {UNKNOWN_JOB}

    def ends_of(self, kind: EndKind) -> int:
        """How many jobs of this run of the sweep ended so."""
        return sum(each.kind == kind for each in self.submissions)

    def pending(self) -> JobRecord:
        return self._with(state="pending", killed_for=None, time=utc_now())

    def submitted(self, job_id: str, adopted: bool) -> JobRecord:
        sent = Submission(job_id=job_id, time=utc_now(), adopted=adopted)
        return self._with(submissions=(*self.submissions, sent), state="submitted", job_id=job_id, waiting=None)

    def waiting_for(self, words: str | None) -> JobRecord:
        """In the cluster's words; None once it runs."""
        waiting = None if words is None else Waiting.model_validate({"for": words, "since": utc_now()})
        return self._with(waiting=waiting)

    def killed(self, end: End) -> JobRecord:
        """Its job is being ended for a reason that the job itself cannot give."""
        return self._with(killed_for=end)

    def job_ended(self, end: End) -> JobRecord:
        """The newest job has ended without a result; whether the trial has is not decided yet."""
        last = self.submissions[-1].model_copy(update={"ended": utc_now(), "kind": end.kind, "message": end.message})
        return self._with(submissions=(*self.submissions[:-1], last))

    def ended(self, state: State, end: End | None) -> JobRecord:
        return self._with(state=state, end=end, waiting=None, time=utc_now())

    def reopened(self) -> JobRecord:
        """As if it had never been sent, with a new budget of retries; its jobs are kept on record."""
        fresh = dict.fromkeys(("end", "killed_for", "waiting"))
        return self._with(state="new", submissions=(), earlier=(*self.earlier, *self.submissions), **fresh)

    def _with(self, **changes: Any) -> JobRecord:
        return self.model_copy(update=changes)
