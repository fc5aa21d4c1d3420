"""The jobs of `heatmark site check`: sent like trials, watched by one question about all of them, always cancelled."""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heatmark.foundation.command import CommandFailed, run_command
from heatmark.foundation.files import write_atomic, write_json
from heatmark.pipeline.job_ends import last_words
from heatmark.pipeline.slurm_answers import Answer, read_answer
from heatmark.pipeline.slurm_client import ALIVE, QueuedJob
from heatmark.pipeline.slurm_cluster import SlurmCluster
from heatmark.pipeline.slurm_script import script_of_command
from heatmark.pipeline.submit import node_command
from heatmark.workloads.site_probe import VARIABLE

_SENT = re.compile(r"Submitted batch job (\d+)(?: on cluster (\S+))?")
WAITING = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "REQUEUE_FED"})
Fact = dict[str, Any]


@dataclass
class SiteJob:
    """One job. state: squeue's word, empty before it shows the job and once it is gone.

    Times are monotonic seconds. started_at: by SLURM. began_at: by the first line of a rank, once python is up.
    """

    name: str
    folder: Path
    timeout_min: int
    signal_s: int
    array: bool
    job_id: str = ""
    refused: Answer | None = None
    state: str = ""
    reason: str = ""
    sent_at: float = 0.0
    started_at: float | None = None
    began_at: float | None = None
    ended_at: float | None = None
    missed: int = 0
    facts: list[Fact] = field(default_factory=list)

    @property
    def element(self) -> str:
        """What SLURM's commands take."""
        return f"{self.job_id}_0" if self.array else self.job_id

    @property
    def log(self) -> Path:
        return self.folder.parent / "log" / f"{self.element}_0_log.out"

    def read(self) -> None:
        """Every whole line that the ranks have written so far."""
        self.facts = []
        for path in sorted(self.folder.glob("*.jsonl")):
            *whole, _ = path.read_text(errors="replace").split("\n")
            self.facts += [json.loads(line) for line in whole if line.startswith("{") and line.endswith("}")]
        if self.facts:
            self.began_at = self.began_at or time.monotonic()
            self.started_at = self.started_at or self.began_at  # seen sooner than by squeue

    def found(self, step: str, restart: int = 0, **equal: Any) -> dict[int, Fact]:
        """What each rank found in a step, by rank."""
        wanted = {"step": step, "restart": restart, **equal}
        return {fact["rank"]: fact for fact in self.facts if wanted.items() <= fact.items()}

    def note(self, queue: list[QueuedJob]) -> None:
        """What squeue says of this job; one that it does not show twice in a row is gone."""
        mine = [job for job in queue if job.name == self.name]
        if not mine:
            self.missed += 1
            if self.missed >= 2 and (self.state or time.monotonic() - self.sent_at > 30):
                self.state, self.ended_at = "", self.ended_at or time.monotonic()
            return
        self.missed, self.state, self.reason = 0, mine[0].state, mine[0].reason
        self.job_id = self.job_id or mine[0].job_id.partition("_")[0]
        if self.state not in ALIVE:
            self.ended_at = self.ended_at or time.monotonic()
        elif self.state not in WAITING:
            self.started_at = self.started_at or time.monotonic()

    def last_words(self) -> str:
        """What the job itself said last."""
        return last_words(self.log) or f"no log at {self.log}; do the nodes see this folder?"


class SiteJobs:
    """All jobs of one check, by their names, which nobody else has. cluster: sends nothing here, knows the site."""

    def __init__(self, cluster: SlurmCluster) -> None:
        self.cluster, self.jobs = cluster, list[SiteJob]()
        self.token = secrets.token_hex(4)
        self.environment = cluster.environment | {VARIABLE: self.token}

    def send(self, part: str, timeout_min: int, signal_s: int, array: bool, held: bool = False) -> SiteJob:
        """Send a job; `refused` says where that was of no use. held: it is not to start."""
        cluster, keys = self.cluster, self.cluster.keys
        job = SiteJob(
            f"site-check-{part}-{self.token}" + ("" if array else "-single"),
            cluster.sweep / part,
            timeout_min,
            signal_s,
            array,
        )
        job.folder.mkdir(parents=True, exist_ok=True)
        cluster.log.mkdir(exist_ok=True)
        task = cluster.arrays / f"{job.name}.json"
        stage = keys.stage.to if keys.stage else None
        write_json(task, {"folder": str(job.folder), "part": part, "scratch": keys.scratch, "stage": stage})
        script = cluster.arrays / f"{job.name}.sh"
        settings = cluster.settings.model_copy(update={"timeout_min": timeout_min, "signal_s": signal_s})
        command = node_command("heatmark.workloads.site_probe", [str(task)], keys)
        size = 1 if array else None
        text = script_of_command(command, settings, cluster.site, keys, task, size=size, exclude=keys.exclude)
        write_atomic(script, text)
        self.jobs.append(job)
        self._sbatch(job, ["--hold", str(script)] if held else [str(script)])
        return job

    def _sbatch(self, job: SiteJob, arguments: list[str]) -> None:
        job.sent_at = time.monotonic()
        try:
            out = run_command(["sbatch", *arguments], environment=self.environment)
        except CommandFailed as error:
            job.refused = read_answer(error.said, self.cluster.site.answers)
            if error.code is None:
                job.refused = Answer("unclear", error.said)
            return
        found = _SENT.search(out)
        if found is None:
            job.refused = Answer("unclear", f"sbatch told no job id: {' '.join(out.split())!r}")
        else:
            job.job_id = found[1]

    def look(self) -> None:
        """Ask squeue once about all. Raises CommandFailed."""
        queue = self.cluster.client.queue()
        for job in self.jobs:
            if job.job_id:
                job.note(queue)

    def cancel(self, job: SiteJob) -> None:
        """End a job, by its name, which also finds one whose number sbatch could not tell."""
        if job.refused is None or job.refused.meaning == "unclear":
            self.cluster.client.run("scancel", f"--name={job.name}")

    def cancel_all(self) -> list[str]:
        """End whatever still lives; returns what is to be done by hand where that fails."""
        left = []
        for job in self.jobs:
            try:
                if job.ended_at is None:
                    self.cancel(job)
            except CommandFailed as error:
                left.append(f"scancel --name={job.name}  ({error})")
        return left
