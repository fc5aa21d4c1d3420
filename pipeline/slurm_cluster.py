"""Trials as elements of SLURM job arrays: submitit writes the batch script, sbatch is called once for many trials.

An array has one name, so a trial is found by its array and index. What stands at each index is written to
<sweep>/arrays/<name>.json before sbatch is called: the name is unique, so squeue tells whether an array whose id was
never written down was accepted, and the jobs are adopted. `--dependency=singleton` would guard nothing here (it does
not hold between the elements of an array); the lease of a run folder does (workloads/lease.py).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from heatmark.foundation.command import CommandFailed, run_command
from heatmark.foundation.errors import InputError
from heatmark.foundation.files import write_atomic
from heatmark.pipeline.cluster_section import ClusterSection, SlurmKeys
from heatmark.pipeline.site import load_site, slurm_keys
from heatmark.pipeline.slurm_answers import can_never_start, is_held, is_usual, read_answer
from heatmark.pipeline.slurm_client import ALIVE, QueuedJob, SlurmClient
from heatmark.pipeline.slurm_missing import MissingJobs, SentElement
from heatmark.pipeline.slurm_room import Later, Room
from heatmark.pipeline.slurm_script import script_of_command
from heatmark.pipeline.submit import JobStatus, SubmitRefused, job_command
from heatmark.pipeline.submit_environment import submit_environment
from heatmark.workloads.run_folder.array_record import ArrayRecord
from heatmark.workloads.run_folder.folder import RunFolder

_SENT = re.compile(r"Submitted batch job (\d+)(?: on cluster (\S+))?")


class SlurmCluster:
    """sbatch, squeue, sacct and scancel for one sweep.

    waits_for: why the trials that the last `submit` left out were left out. notes: what a person should know.
    """

    name = "slurm"
    gather_s = 4.0
    # Of jobs that hold several trials (packed_jobs.py).
    places: int | None = None

    def __init__(self, settings: ClusterSection, sweep: Path) -> None:
        if shutil.which("srun") is None:
            raise InputError("cluster.executor: slurm: there is no SLURM on this machine; use a login node, or local")
        if "%" in str(sweep):
            raise InputError(f"{sweep}: sbatch replaces % in a path; give a folder without it (--out)")
        self.settings, self.sweep, self.site = settings, sweep, load_site(settings)
        self.keys = slurm_keys(settings, self.site)
        self.environment, self.notes = submit_environment(os.environ, self.keys, self.site)
        self.client = SlurmClient(clusters_of(self.keys, sweep))
        self.arrays, self.log = sweep / "arrays", sweep / "log"
        self.calls = {"sbatch": 0, "squeue": 0}
        self.waits_for: str | None = None
        self._room = Room(self.client, self.keys, self.environment)
        self._unknown_since: float | None = None
        self._missing = MissingJobs(self.client)

    def submit(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        """One array for as many trials as there is room for, and another while there is."""
        self.waits_for = None
        sent: dict[str, str] = {}
        rest = list(folders)
        try:
            while rest:
                chunk = self._send_what_fits(rest)
                sent |= chunk
                rest = rest[len(chunk) :]
        except Later as later:
            self.waits_for = str(later)
        except SubmitRefused as refused:
            if not sent:
                raise
            self.waits_for = str(refused)  # asked again for the rest, and refused then
        return sent

    def _send_what_fits(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        """At least one trial. Raises Later where none can be sent now, SubmitRefused where none ever can."""
        size = self._room.for_an_array(len(folders))
        while True:
            try:
                sent = self._send(folders[:size])
            except _TooMany as error:
                if size > 1:
                    size //= 2
                    continue
                raise self._room.refused(str(error), error.is_array) from error
            self._room.taken(len(sent))
            return sent

    def _send(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        name = f"{self.sweep.name}-{secrets.token_hex(4)}"
        path = self.arrays / f"{name}.json"
        array = self._room.takes_arrays
        record = ArrayRecord(
            name=name,
            signatures=[folder.signature for folder in folders],
            specs=[str(folder.spec_file) for folder in folders],
            array=array,
            time=time.time(),
        )
        record.write(path)
        self.log.mkdir(exist_ok=True)  # a job whose log cannot be opened fails before it says anything
        script = self.arrays / f"{name}.sh"
        write_atomic(script, self.script(path, len(folders) if array else None))
        job_id, cluster = self._sbatch(script, path)
        record = record.model_copy(update={"job_id": job_id, "cluster": cluster})
        record.write(path)
        return {element.signature: element.job_id for element in _elements(record)}

    def _sbatch(self, script: Path, token: Path) -> tuple[str, str | None]:
        """The array's id and the cluster that sbatch named. Raises _TooMany, Later, SubmitRefused.

        The token stays where the jobs may have been accepted though sbatch could not say so.
        """
        self.calls["sbatch"] += 1
        try:
            out = run_command(["sbatch", str(script)], environment=self.environment)
        except CommandFailed as error:
            if error.code is None:
                raise Later(f"sbatch: {error.said}; looking whether the jobs turn up") from error
            raise self._refusal(error, token) from error
        found = _SENT.search(out)
        if found is None:
            raise Later(f"sbatch told no job id ({' '.join(out.split())!r}); looking whether the jobs turn up")
        self._unknown_since = None
        return found[1], found[2]

    def _refusal(self, error: CommandFailed, token: Path) -> Exception:
        """What to do about a message of sbatch."""
        answer = read_answer(error.said, self.site.answers)
        said = "sbatch: " + answer.words.replace("sbatch: error: ", "").replace("sbatch: ", "")
        if answer.meaning == "unclear":
            return Later(f"{said}; looking whether the jobs turn up")
        token.unlink()
        if answer.meaning in ("no_room", "smaller"):
            return _TooMany(said, is_array=answer.meaning == "smaller")
        if answer.meaning == "again":
            return Later(said)
        if answer.meaning == "unknown":
            self._unknown_since = self._unknown_since or time.monotonic()
            left_s = 60 * self.site.ask_again_min - (time.monotonic() - self._unknown_since)
            if left_s > 0:
                return Later(f"{said}; asked again for {left_s / 60:.0f} more minutes")
            self._unknown_since = None
        return SubmitRefused(said)

    def script(self, array_file: Path, size: int | None) -> str:
        """The text that sbatch gets, by submitit. size: elements of the array, None for a job of its own."""
        command, excluded = self.command(array_file, self.keys), self._excluded()
        return script_of_command(
            command, self.settings, self.site, self.keys, array_file, size=size, exclude=excluded, places=self.places
        )

    def command(self, array_file: Path, keys: SlurmKeys) -> str:
        """What every rank of every element executes."""
        return job_command(array_file, True, keys)

    def _excluded(self) -> str | None:
        """The site's own list, and nodes that failed again and again; so many nodes are left as a trial needs."""
        given, limit = self.keys.exclude, self.site.exclude_after_failures
        failed = self.client.failed_nodes() if limit else {}
        bad = [node for node, count in sorted(failed.items(), key=lambda item: -item[1]) if count >= limit]
        if bad:
            avoided = set(self.client.nodes_of(given)) if given else set()
            left = self.client.partition_nodes(self.keys.partition) - avoided
            spare = max(0, len(left) - self.settings.nodes)
            bad = [node for node in bad if node in left][:spare] if left else []
        return ",".join([*([given] if given else []), *sorted(bad)]) or None

    def jobs(self, folders: Sequence[RunFolder]) -> dict[str, JobStatus]:
        self.calls["squeue"] += 1
        self.client.clusters = clusters_of(self.keys, self.sweep)
        queue = self.client.queue()
        self._room.seen(queue)
        queued = {(job.name, job.index): job for job in queue}
        wanted = {folder.signature: folder for folder in folders}
        ended: dict[str, JobStatus] = {}
        alive: dict[str, list[JobStatus]] = {}
        missing: dict[str, SentElement] = {}
        for element in self._sent_elements(queued):
            if element.signature not in wanted:
                continue
            job = queued.get((element.name, element.index))
            if job is None:
                missing[element.signature] = element
                continue
            missing.pop(element.signature, None)
            status = self._status(job)
            if status.alive:
                alive.setdefault(element.signature, []).append(status)
            else:
                ended[element.signature] = status
        shown = {signature: self._only_one(signature, statuses) for signature, statuses in alive.items()}
        unseen = {signature: element for signature, element in missing.items() if signature not in shown}
        return ended | self._missing.statuses(unseen, wanted) | shown

    def _only_one(self, signature: str, statuses: list[JobStatus]) -> JobStatus:
        """The job that goes on, of those that are alive for one trial; the others are withdrawn.

        A controller that was killed may bring a job back to life that it had seen end, after another was sent.
        """
        kept = next((status for status in statuses if status.state == "RUNNING"), statuses[0])
        for status in statuses:
            if status is not kept:
                self.notes.append(f"{signature}: job {status.job_id} is withdrawn: job {kept.job_id} lives as well")
                path = self.arrays / f"{status.name}.json"
                array = ArrayRecord.read(path)
                if array is not None:
                    array.model_copy(update={"withdrawn": (*array.withdrawn, signature)}).write(path)
                self.client.cancel(status.job_id, status.name, status.cluster)
        return kept

    def _status(self, job: QueuedJob) -> JobStatus:
        alive = job.state in ALIVE
        waits = alive and job.state not in ("RUNNING", "COMPLETING")
        stuck = waits and (
            (self.site.cancel_stuck and can_never_start(job.reason))
            or (self.site.cancel_held and is_held(job.state, job.reason))
        )
        held = waits and is_held(job.state, job.reason)
        hint = f"; release it with: scontrol release {job.job_id}" if held else ""
        word = job.reason if job.reason not in ("", "None") else job.state
        return JobStatus(
            job.job_id,
            job.state,
            alive,
            stuck=job.reason if stuck else None,
            waits_for=f"{word}{hint}" if waits else None,
            usual=is_usual(job.reason),
            name=job.name,
        )

    def _sent_elements(self, queued: dict[tuple[str, int], QueuedJob]) -> Iterator[SentElement]:
        """Every trial of every array of this sweep that may have been accepted, oldest first."""
        for path, known in sorted(_arrays(self.sweep), key=lambda each: each[1].time):
            array = self._brought_up_to_date(known, queued)
            if array != known:
                array.write(path)
            if array.job_id is not None or not array.refused:
                yield from _elements(array)

    def _brought_up_to_date(self, array: ArrayRecord, queued: dict[tuple[str, int], QueuedJob]) -> ArrayRecord:
        """With what is found out once: that squeue shows it, and the id of one for which sbatch gave no answer."""
        ids = {job.job_id.partition("_")[0] for (name, _), job in queued.items() if name == array.name}
        if ids and not array.seen:
            array = array.model_copy(update={"seen": True, "job_id": array.job_id or min(ids)})
        if array.seen:
            self._missing.trusted.add(array.cluster)
        return array if array.job_id is not None or array.refused else self._missing.looked_for(array)

    def log_of(self, folder: RunFolder, job_id: str) -> Path:
        return self.log / f"{job_id}_0_log.out"

    def cancel(self, folder: RunFolder) -> None:
        status = self.jobs([folder]).get(folder.signature)
        if status is not None and status.alive and status.job_id != "unknown":
            self.client.cancel(status.job_id, status.name, status.cluster)


def clusters_of(keys: SlurmKeys, sweep: Path) -> str | None:
    """Where a sweep's jobs are, as `-M` takes it: as the files say, or the user's environment, or as sbatch answered.

    None is the default cluster.
    """
    chosen = keys.clusters or os.environ.get("SBATCH_CLUSTERS") or os.environ.get("SLURM_CLUSTERS")
    if chosen:
        return chosen
    named = {array.cluster for _, array in _arrays(sweep)}
    return ",".join(sorted(name for name in named if name)) or None


def _arrays(sweep: Path) -> list[tuple[Path, ArrayRecord]]:
    """Every array of a sweep, with its file."""
    paths = (sweep / "arrays").glob("*.json")
    return [(path, array) for path in paths if (array := ArrayRecord.read(path)) is not None]


def _elements(array: ArrayRecord) -> list[SentElement]:
    """The trials of an array."""
    return [
        SentElement(
            name=array.name,
            index=index,
            signature=signature,
            array_id=array.job_id,
            single=not array.array,
            cluster=array.cluster,
            sent_at=array.time,
        )
        for index, signature in enumerate(array.signatures)
        if signature not in array.withdrawn
    ]


class _TooMany(Exception):
    """A limit on the number of jobs, or (is_array) on the size of an array."""

    def __init__(self, said: str, is_array: bool) -> None:
        super().__init__(said)
        self.is_array = is_array
