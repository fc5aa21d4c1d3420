"""The cluster of a sweep, with the jobs that other sweeps' drivers sent for trials it now looks after.

A job is found by the sweep that sent it: a SLURM array stands in that sweep's folder, and another sweep may use another
cluster. So a trial whose drivers.json names other sweeps is asked for at their clusters too, as their sweep.json has
them. What is sent is sent to this sweep's own.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.clusters import CLUSTERS, make_cluster
from heatmark.pipeline.submit import UNANSWERED, Cluster, JobStatus
from heatmark.pipeline.sweep import validated
from heatmark.workloads.lease import live_holder
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.job_record import UNKNOWN_JOB
from heatmark.workloads.run_folder.lease_record import LeaseRecord
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file


class SharedCluster:
    """A Cluster (submit.py). own: this sweep's. sweep: its folder."""

    def __init__(self, own: Cluster, sweep: Path) -> None:
        self.own, self.sweep = own, sweep
        self.name, self.gather_s, self.notes = own.name, own.gather_s, own.notes
        self.waits_for: str | None = None
        self._others: dict[str, Cluster] = {}

    def submit(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        sent = self.own.submit(folders)
        self.waits_for = self.own.waits_for
        return sent

    def jobs(self, folders: Sequence[RunFolder]) -> dict[str, JobStatus]:
        found = self.own.jobs(folders)
        unseen = [folder for folder in folders if not _lives(found, folder)]
        for sweep, theirs in self._by_sender(unseen).items():
            answer = self._asked(sweep, theirs)
            found |= {
                folder.signature: answer[folder.signature]
                for folder in theirs
                if folder.signature in answer and _is_newer(answer[folder.signature], found, folder)
            }
        for folder in unseen:
            if not _lives(found, folder) and (status := _elsewhere(folder)) is not None:
                found[folder.signature] = status
        return found

    def log_of(self, folder: RunFolder, job_id: str) -> Path:
        own = self.own.log_of(folder, job_id)
        logs = (cluster.log_of(folder, job_id) for cluster in self._others.values())
        return own if own.exists() else next((log for log in logs if log.exists()), own)

    def cancel(self, folder: RunFolder) -> None:
        for sweep in self._by_sender([folder]):
            if (cluster := self._others.get(sweep)) is not None:
                cluster.cancel(folder)
        self.own.cancel(folder)

    def _by_sender(self, folders: Sequence[RunFolder]) -> Mapping[str, list[RunFolder]]:
        """The trials that other sweeps' drivers have looked after, by the names of these sweeps."""
        found: dict[str, list[RunFolder]] = {}
        for folder in folders:
            for sweep in folder.drivers():
                if sweep != self.sweep.name and folder.job() is not None:
                    found.setdefault(sweep, []).append(folder)
        return found

    def _asked(self, sweep: str, folders: Sequence[RunFolder]) -> Mapping[str, JobStatus]:
        """What another sweep's cluster knows of these trials. One that cannot be asked may still have their jobs."""
        try:
            cluster = self._others.get(sweep) or self._cluster(sweep)
            if cluster is None:
                return _by_lease(folders)
            found = cluster.jobs(folders)
            self.notes += cluster.notes
            cluster.notes.clear()
        except Exception as error:
            words = f"sweep {sweep} may have sent a job, and its cluster does not answer here: {error}"
            return {folder.signature: _unanswered(words) for folder in folders if _may_have_a_job(folder)}
        return found

    def _cluster(self, sweep: str) -> Cluster | None:
        """None where the sweep is gone, and with it what it knew of its jobs. Raises InputError."""
        path = self.sweep.parent / sweep
        if not sweep_file(path).is_file():
            return None
        self._others[sweep] = make_cluster(cluster_of(path), path, supplies=False)
        return self._others[sweep]


def cluster_of(sweep: Path) -> ClusterSection:
    """The cluster a sweep's folder was run on."""
    record = SweepRecord.read(sweep_file(sweep))
    section: ClusterSection = validated(
        TypeAdapter(ClusterSection), record.cluster if record else {}, str(sweep_file(sweep))
    )
    return section


def _lives(found: Mapping[str, JobStatus], folder: RunFolder) -> bool:
    status = found.get(folder.signature)
    return status is not None and status.alive


def _is_newer(status: JobStatus, found: Mapping[str, JobStatus], folder: RunFolder) -> bool:
    """Whether this is to be believed of a trial: of a job that lives, or else of the one on record."""
    if _lives(found, folder):
        return False
    job = folder.job()
    return status.alive or folder.signature not in found or (job is not None and status.job_id == job.job_id)


def _by_lease(folders: Sequence[RunFolder]) -> dict[str, JobStatus]:
    """Where nothing but the run folder itself can tell of a job."""
    holders = {folder.signature: live_holder(folder) for folder in folders}
    return {signature: _trained_by(holder) for signature, holder in holders.items() if holder is not None}


def _elsewhere(folder: RunFolder) -> JobStatus | None:
    """Where a process of another machine trains that no queue knows of: a local job of the next login node."""
    job = folder.job()
    if job is None or job.state != "submitted" or _is_queued(job.executor):
        return None
    holder = live_holder(folder)
    return None if holder is None or holder.host == socket.gethostname() else _trained_by(holder)


def _is_queued(executor: str) -> bool:
    """Whether jobs of this kind of cluster are seen from every machine."""
    return executor not in CLUSTERS or CLUSTERS[executor].elsewhere


def _trained_by(holder: LeaseRecord) -> JobStatus:
    return _unanswered(f"process {holder.pid} on {holder.host} trains it")


def _may_have_a_job(folder: RunFolder) -> bool:
    job = folder.job()
    return job is not None and job.state in ("pending", "submitted")


def _unanswered(words: str) -> JobStatus:
    return JobStatus(UNKNOWN_JOB, UNANSWERED, alive=True, waits_for=words)
