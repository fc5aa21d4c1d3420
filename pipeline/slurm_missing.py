"""Jobs that squeue does not show: what else knows of them, and when they count as ended.

Not being seen is no end: squeue may look at another cluster, or be blind for a moment. A job has ended when accounting
or the job itself says so, or when the controller that once showed jobs of this sweep says that it knows no such job.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from heatmark.foundation.command import CommandFailed
from heatmark.pipeline.slurm_client import ALIVE, SlurmClient
from heatmark.pipeline.submit import UNANSWERED, UNSEEN, JobStatus
from heatmark.workloads.lease import is_held_by
from heatmark.workloads.run_folder.array_record import ArrayRecord
from heatmark.workloads.run_folder.folder import RunFolder

# How long an array that sbatch gave no answer for may still turn up in squeue: one that showed this sweep's jobs, any.
UNANSWERED_S, UNANSWERED_UNTRUSTED_S = 60.0, 600.0
# How long a job must be gone from squeue and from accounting, though the controller answers.
GONE_S = 30.0


@dataclass(frozen=True)
class SentElement:
    """A trial as an element of an array, or as a job of its own (single). array_id: None where sbatch told none.

    cluster: where sbatch said the job is. sent_at: seconds since 1970.
    """

    name: str
    index: int
    signature: str
    array_id: str | None
    single: bool
    cluster: str | None
    sent_at: float

    @property
    def job_id(self) -> str:
        """`A_i`: the array's number alone, or the element's, would name other jobs as well."""
        if self.array_id is None:
            return "unknown"
        return self.array_id if self.single else f"{self.array_id}_{self.index}"


class MissingJobs:
    """Keeps how long each job has been missing. trusted: clusters on which squeue has shown jobs of this sweep."""

    def __init__(self, client: SlurmClient) -> None:
        self.client = client
        self.trusted: set[str | None] = set()
        self._since: dict[str, float] = {}

    def looked_for(self, array: ArrayRecord) -> ArrayRecord:
        """An array that sbatch gave no answer for, with its id where something knows its name.

        It counts as refused where nothing does for so long that it was surely not accepted.
        """
        age_s = time.time() - array.time
        if age_s < UNANSWERED_S:
            return array
        trusted = array.cluster in self.trusted or self.client.is_only_cluster()
        limit_s = UNANSWERED_S if trusted else UNANSWERED_UNTRUSTED_S
        job_id = None
        with suppress(CommandFailed):
            job_id = self.client.id_of_name(array.name)
        return array.model_copy(update={"job_id": job_id, "refused": job_id is None and age_s >= limit_s})

    def statuses(self, missing: Mapping[str, SentElement], folders: Mapping[str, RunFolder]) -> dict[str, JobStatus]:
        """By signature: the newest job of each trial."""
        still = {element.job_id for element in missing.values()}
        self._since = {job_id: since for job_id, since in self._since.items() if job_id in still}
        known = self._accounted([element for element in missing.values() if element.array_id is not None])
        return {
            signature: self._status(element, known.get(element.job_id), folders[signature])
            for signature, element in missing.items()
        }

    def _accounted(self, elements: list[SentElement]) -> dict[str, str]:
        """The states that accounting has; a number that was given out again belongs to a job of another name."""
        names = {element.job_id: element.name for element in elements}
        states = {}
        for cluster in {element.cluster for element in elements}:
            ids = [element.job_id for element in elements if element.cluster == cluster]
            for job_id, (state, name) in self.client.past_states(ids, cluster).items():
                # slurmdbd calls a job `allocation` until it has its record.
                if name in (names.get(job_id), "allocation"):
                    states[job_id] = state
        return states

    def _status(self, element: SentElement, accounted: str | None, folder: RunFolder) -> JobStatus:
        if element.array_id is None:
            words = "sbatch gave no answer; looking whether the job turns up"
            return JobStatus("unknown", UNANSWERED, alive=True, waits_for=words)
        state = accounted if accounted is not None and accounted not in ALIVE else self._end(element, folder)
        if state is not None:
            return JobStatus(element.job_id, state, alive=False, cluster=element.cluster, name=element.name)
        others = f"accounting has it as {accounted}" if accounted else "nor does accounting"
        return JobStatus(
            element.job_id,
            UNSEEN,
            alive=True,
            waits_for=f"squeue does not show job {element.job_id}, {others}; it is not sent again "
            f"(on a site of several clusters set `clusters` in the site file)",
            cluster=element.cluster,
            name=element.name,
        )

    def _end(self, element: SentElement, folder: RunFolder) -> str | None:
        """How a job ended of which accounting does not say so, or None: asked of the controller and of the job."""
        try:
            known = self.client.known_job(element.job_id, element.cluster)
        except CommandFailed:
            return None
        if known is not None and known[0] == element.name:
            self._since.pop(element.job_id, None)
            return None if known[1] in ALIVE else known[1]
        failure = folder.failure()
        if failure is not None and failure.job == element.job_id:
            return "FAILED"
        trusted = element.cluster in self.trusted
        if known is not None:  # the number was given out again, by a controller that lost its memory
            return "GONE" if trusted or self.client.is_only_cluster() else None
        if not trusted or is_held_by(folder, element.job_id):
            return None
        since = self._since.setdefault(element.job_id, time.monotonic())
        return "GONE" if time.monotonic() - since >= GONE_S else None
