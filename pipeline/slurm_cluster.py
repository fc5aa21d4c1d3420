"""Trials as elements of SLURM job arrays: submitit writes the batch script, sbatch is called once for many trials.

An array has one name, so a trial is found by its array and index. What stands at each index is written to
<sweep>/arrays/<name>.json before sbatch is called: the name is unique, so squeue tells whether an array whose id was
never written down was accepted, and the jobs are adopted. `--dependency=singleton` would guard nothing here (it does
not hold between the elements of an array); the lease of a run folder does (workloads/lease.py).
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from submitit.slurm.slurm import SlurmExecutor

from heatmark.datasets.errors import InputError
from heatmark.pipeline import slurm_client
from heatmark.pipeline.site import Site, job_setup, load_site
from heatmark.pipeline.submit import JobStatus, SubmitRefused, job_command
from heatmark.pipeline.sweep import ClusterSection
from heatmark.workloads.command import CommandFailed, run_command
from heatmark.workloads.run_folder import Record, RunFolder, read_json, write_atomic, write_json

# How long an array that sbatch gave no answer for may still turn up in squeue.
UNANSWERED_S = 60.0
# A job inherits the environment, but not that of the driver's own job.
OWN_JOBS_VARIABLES = ("SLURM_", "SLURMD_", "SRUN_", "SBATCH_", "SUBMITIT_")


class SlurmCluster:
    """sbatch, squeue, sacct and scancel for one sweep."""

    name = "slurm"
    gather_s = 4.0

    def __init__(self, settings: ClusterSection, sweep: Path) -> None:
        if shutil.which("srun") is None:
            raise InputError("cluster.executor: slurm: there is no SLURM on this machine; use a login node, or local")
        if "%" in str(sweep):
            raise InputError(f"{sweep}: sbatch replaces % in a path; give a folder without it (--out)")
        self.settings, self.sweep, self.site = settings, sweep, load_site(settings)
        self.arrays, self.log = sweep / "arrays", sweep / "log"
        self.calls = {"sbatch": 0, "squeue": 0}
        self._largest: int | None = None
        self._mine = 0
        self._full_at: int | None = None

    def submit(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        """One array for as many trials as there is room for, and another while there is."""
        sent: dict[str, str] = {}
        rest = list(folders)
        while rest and not self._is_full():
            chunk = self._send_what_fits(rest)
            if not chunk:
                break
            sent |= chunk
            rest = rest[len(chunk) :]
        return sent

    def _is_full(self) -> bool:
        """Full as long as no job has left since sbatch last refused a single one."""
        return self._full_at is not None and self._mine >= self._full_at

    def _send_what_fits(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        self._largest = self._largest or slurm_client.largest_array()
        size = min(len(folders), self._largest, self._known_room(len(folders)))
        while size >= 1:
            try:
                sent = self._send(folders[:size])
            except _NoRoom:
                size //= 2
                continue
            self._full_at = None
            self._mine += len(sent)
            return sent
        self._full_at = self._mine
        return {}

    def _known_room(self, default: int) -> int:
        """What MaxSubmitJobs leaves, where accounting tells it."""
        try:
            command = ["sacctmgr", "-n", "-P", "show", "assoc", f"user={getpass.getuser()}", "format=MaxSubmitJobs"]
            limits = [int(line) for line in run_command(command, timeout_s=20).split() if line.isdigit()]
        except CommandFailed:
            return default
        return min(limits) - self._mine if limits else default

    def _send(self, folders: Sequence[RunFolder]) -> dict[str, str]:
        name = f"{self.sweep.name}-{secrets.token_hex(4)}"
        path = self.arrays / f"{name}.json"
        content: Record = {
            "schema_version": 1,
            "name": name,
            "signatures": [folder.signature for folder in folders],
            "specs": [str(folder.spec_file) for folder in folders],
            "job_id": None,
            "time": time.time(),
        }
        write_json(path, content)
        self.log.mkdir(exist_ok=True)  # a job whose log cannot be opened fails before it says anything
        script = self.arrays / f"{name}.sh"
        write_atomic(script, self.script(path, len(folders)))
        job_id = self._sbatch(script, path)
        if job_id is None:
            return {folder.signature: "unknown" for folder in folders}
        write_json(path, content | {"job_id": job_id})
        return {folder.signature: f"{job_id}_{index}" for index, folder in enumerate(folders)}

    def _sbatch(self, script: Path, token: Path) -> str | None:
        """The array's id, or None where sbatch gave no answer that says yes or no. Raises _NoRoom, SubmitRefused."""
        kept = {key: value for key, value in os.environ.items() if key == "SLURM_CONF" or not _of_own_job(key)}
        self.calls["sbatch"] += 1
        try:
            out = run_command(["sbatch", str(script)], environment=kept)
        except CommandFailed as error:
            if any(words in error.said for words in slurm_client.NO_ROOM):
                token.unlink()
                raise _NoRoom from error
            if error.code is None or any(words in error.said for words in slurm_client.NOT_REACHED):
                return None
            token.unlink()
            raise SubmitRefused(f"sbatch: {error.said}") from error
        return str(SlurmExecutor._get_job_id_from_submission_command(out))

    def script(self, array_file: Path, size: int) -> str:
        """The text that sbatch gets, by submitit."""
        executor = SlurmExecutor(self.log)
        executor.update_parameters(**self._parameters(array_file.stem, size))
        executor.parameters["map_count"] = size
        text: str = executor._make_submission_file_text(job_command(array_file, array=True), "")
        return text

    def _parameters(self, name: str, size: int) -> dict[str, Any]:
        settings, site = self.settings, self.site
        given = {
            "partition": settings.partition or site.partition,
            "account": site.account,
            "qos": site.qos,
            "constraint": site.constraint,
            "gres": site.gres,
            "exclude": self._excluded(site),
            "mem": None if settings.memory_gb is None else f"{int(settings.memory_gb * 1024)}MB",
            "gpus_per_node": settings.gpus_per_node or None,
        }
        return {
            "job_name": name,
            "time": settings.timeout_min,
            "nodes": settings.nodes,
            "ntasks_per_node": settings.ranks,
            "cpus_per_task": settings.cpus_per_rank,
            "signal_delay_s": settings.signal_s,
            "array_parallelism": size,
            "comment": str(self.sweep),
            "stderr_to_stdout": True,
            # One dead rank would leave the others in a collective call until the time limit.
            "srun_args": ["--kill-on-bad-exit=1", f"--cpus-per-task={settings.cpus_per_rank}"],
            "setup": job_setup(site) or None,
            "additional_parameters": {"requeue": True, **site.extra},
            **{key: value for key, value in given.items() if value is not None},
        }

    def _excluded(self, site: Site) -> str | None:
        limit = site.exclude_after_failures
        bad = [node for node, count in slurm_client.failed_nodes().items() if limit and count >= limit]
        return ",".join([*([site.exclude] if site.exclude else []), *bad]) or None

    def jobs(self, folders: Sequence[RunFolder]) -> dict[str, JobStatus]:
        self.calls["squeue"] += 1
        queued = {(job.name, job.index): job for job in slurm_client.queue()}
        self._mine = sum(job.state in slurm_client.ALIVE for job in queued.values())
        wanted = {folder.signature for folder in folders}
        found: dict[str, JobStatus] = {}
        forgotten: dict[str, str] = {}
        for name, index, signature, job_id in self._sent_elements(wanted):
            job = queued.get((name, index))
            if job is None:
                forgotten[signature] = job_id
                continue
            forgotten.pop(signature, None)
            alive = job.state in slurm_client.ALIVE
            stuck = job.reason if alive and self.site.cancel_stuck and job.reason in slurm_client.NEVER else None
            found[signature] = JobStatus(job.job_id, job.state, alive, stuck)
        return found | self._past(forgotten)

    def _sent_elements(self, wanted: set[str]) -> Iterator[tuple[str, int, str, str]]:
        """name, index, signature and job id of every element that was sent for these trials, oldest first."""
        arrays = [array for path in self.arrays.glob("*.json") if (array := read_json(path)) is not None]
        for array in sorted(arrays, key=lambda array: float(array["time"])):
            if array["job_id"] is None and time.time() - array["time"] < UNANSWERED_S:
                job_id = "unknown"
            elif array["job_id"] is None:
                job_id = "refused"
            else:
                job_id = array["job_id"]
            for index, signature in enumerate(array["signatures"]):
                if signature in wanted:
                    yield (
                        array["name"],
                        index,
                        signature,
                        job_id if job_id in ("unknown", "refused") else f"{job_id}_{index}",
                    )

    def _past(self, forgotten: dict[str, str]) -> dict[str, JobStatus]:
        """Jobs that squeue no longer knows: the newest of each trial."""
        known_ids = [job_id for job_id in forgotten.values() if job_id not in ("unknown", "refused")]
        states = slurm_client.past_states(known_ids) if known_ids else {}
        past = {}
        for signature, job_id in forgotten.items():
            if job_id == "unknown":
                past[signature] = JobStatus(job_id, "UNANSWERED", alive=True)
            elif job_id != "refused":
                past[signature] = JobStatus(job_id, states.get(job_id, "GONE"), alive=False)
        return past

    def log_of(self, folder: RunFolder, job_id: str) -> Path:
        return self.log / f"{job_id}_0_log.out"

    def cancel(self, folder: RunFolder) -> None:
        status = self.jobs([folder]).get(folder.signature)
        if status is not None and status.alive and status.job_id != "unknown":
            slurm_client.cancel(status.job_id)


class _NoRoom(Exception):
    """A limit on the number of jobs."""


def _of_own_job(variable: str) -> bool:
    return variable.startswith(OWN_JOBS_VARIABLES)
