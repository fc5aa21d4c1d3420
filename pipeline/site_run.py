"""One run of `heatmark site check`: send the jobs, answer them by files, and tell each line as soon as it is known.

The jobs (workloads/site_probe.py): `limits` is held and cancelled at once, it has the limits of a trial; `probe` finds
out most, and requeues itself; `notice` lives on until its time limit of one minute ends it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heatmark.foundation.command import CommandFailed
from heatmark.pipeline.site_jobs import SiteJob, SiteJobs
from heatmark.pipeline.slurm_client import ENDED, Limits
from heatmark.pipeline.slurm_cluster import SlurmCluster
from heatmark.workloads.site_probe import FILE_S, PINGS, Task, try_lock

# Minutes of the probe's limit; seconds of warning that are asked for; between two looks at files; for late files.
PROBE_MIN, NOTICE_S, FILES_EACH_S, GRACE_S = 10, 20, 0.1, 5.0
Facts = dict[int, dict[str, Any]]


def short(text: str, most: int = 300) -> str:
    """One line of a message: its beginning and, where it is long, its end."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most // 3]} ... {text[-2 * most // 3 :]}"


def is_over(job: SiteJob | None) -> bool:
    """Whether a job has ended and even its last lines are here."""
    return job is not None and job.ended_at is not None and time.monotonic() - job.ended_at > GRACE_S


@dataclass
class Seen:
    """What is known so far. Times are monotonic seconds, those of pings seconds since 1970.

    pongs: by node and number, when the node saw the ping by its own clock, and when its answer was seen here.
    """

    jobs: SiteJobs
    tracking: str | None
    wait_s: float
    began: float = field(default_factory=time.monotonic)
    limits: Limits | None = None
    controller: str = ""
    trial: SiteJob | None = None
    array: SiteJob | None = None
    probe: SiteJob | None = None
    notice: SiteJob | None = None
    lock_here: Task | None = None
    locked_at: float = 0.0
    pings: dict[int, float] = field(default_factory=dict)
    pongs: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    signalled_at: float | None = None
    signal_error: str = ""
    requeue_at: float | None = None
    accounting_error: str = ""
    accounted: tuple[str, float] | None = None
    asked_at: float = 0.0

    @property
    def cluster(self) -> SlurmCluster:
        return self.jobs.cluster

    @property
    def world(self) -> int:
        return self.cluster.settings.nodes * self.cluster.settings.ranks

    @property
    def is_lock_over(self) -> bool:
        """Whether ranks that have not tried to take the lock by now are not waited for any more."""
        return time.monotonic() - self.locked_at > FILE_S / 2

    def of_all(self, step: str) -> Facts | None:
        """What every rank of the probe found, by rank; as soon as one has failed, what there is."""
        found = self.probe.found(step) if self.probe else {}
        return found if len(found) == self.world or self.error(found) else None

    def error(self, found: Facts) -> str | None:
        """How a step failed, on the first rank where it did."""
        for rank, fact in found.items():
            if "error" in fact:
                return f"{self.rank_name(rank)}: {short(fact['error'])}"
        return None

    def rank_name(self, rank: int) -> str:
        start = self.probe.found("start").get(rank, {}) if self.probe else {}
        return f"rank {rank} on {start.get('node', '(unknown)')}"

    def nodes(self) -> list[str]:
        """Where the probe's ranks are, once all have begun."""
        return sorted({fact["node"] for fact in (self.of_all("start") or {}).values()})

    def send(self) -> Iterator[None]:
        """Send one job after the other, with a look at the lines in between."""
        settings, client = self.cluster.settings, self.cluster.client
        try:
            self.limits = client.limits()
        except CommandFailed as error:
            self.controller = error.said
            return
        self._ask_accounting("0")
        yield
        arrays = self.cluster.keys.arrays is not False and self.limits.largest_array > 0
        self.trial = self.jobs.send("limits", settings.timeout_min, settings.signal_s, False, held=True)
        with suppress(CommandFailed):  # once more at the end
            self.jobs.cancel(self.trial)
        yield
        probe_min = min(PROBE_MIN, settings.timeout_min)
        job = self.jobs.send("probe", probe_min, min(NOTICE_S, settings.signal_s), arrays)
        self.array = job if arrays else None
        if job.refused is not None and job.refused.meaning == "smaller":
            job = self.jobs.send("probe", probe_min, min(NOTICE_S, settings.signal_s), False)
        self.probe = job
        yield
        if not job.refused:
            self.notice = self.jobs.send("notice", 1, NOTICE_S, False)
        yield

    def look(self) -> None:
        """Read what the ranks have written; ask SLURM now and then."""
        for job in (self.probe, self.notice):
            if job is not None and job.job_id:
                job.read()
        self._note_pongs()
        now = time.monotonic()
        if now - self.asked_at < min(self.cluster.settings.interval_s, 3.0):
            return
        self.asked_at = now
        try:
            self.jobs.look()
        except CommandFailed as error:
            self.controller = error.said
        if self.probe is not None and self.probe.ended_at and not self.accounted and not self.accounting_error:
            self._ask_accounting(self.probe.element)

    def act(self) -> None:
        """Answer the ranks: lock, pings, one after the other, and the signal."""
        probe = self.probe
        if probe is None or not probe.found("start"):
            return
        locks = probe.found("lock")
        if 0 in locks and self.lock_here is None:
            self.lock_here, self.locked_at = _try_lock_here(probe.folder / "lock"), time.monotonic()
            (probe.folder / "try").touch()
        if self.lock_here is not None and (len(locks) == self.world or self.is_lock_over):
            (probe.folder / "release").touch()
            self._ping(probe)
        if self.signalled_at is None and len(probe.found("start")) == self.world:
            self._signal(probe)

    def may_requeue(self) -> None:
        """Nothing else is asked of the job."""
        if self.probe is not None and self.requeue_at is None:
            self.requeue_at = time.monotonic()
            (self.probe.folder / "requeue").touch()

    def _ping(self, probe: SiteJob) -> None:
        nodes = {fact["node"] for fact in probe.found("start").values()}
        last = max(self.pings, default=-1)
        answered = last < 0 or all((node, last) in self.pongs for node in nodes)
        if answered and last + 1 < PINGS:
            self.pings[last + 1] = time.time()
            (probe.folder / f"ping-{last + 1}").touch()

    def _note_pongs(self) -> None:
        now = time.time()
        for fact in self.probe.facts if self.probe else ():
            if fact["step"] == "pong":
                self.pongs.setdefault((fact["node"], fact["number"]), (fact["time"], now))

    def _signal(self, probe: SiteJob) -> None:
        self.signalled_at = time.monotonic()
        try:
            self.cluster.client.run("scancel", "--signal=USR2", probe.element)
        except CommandFailed as error:
            self.signal_error = error.said

    def _ask_accounting(self, job_id: str) -> None:
        try:
            out = self.cluster.client.run("sacct", "-X", "-n", "-P", "-j", job_id, "-o", "State", timeout_s=20)
        except CommandFailed as error:
            self.accounting_error = error.said
            return
        states = [line.split()[0] for line in out.splitlines() if line.split()]
        if states and states[-1] in ENDED and self.probe is not None and self.probe.ended_at:
            self.accounted = (states[-1], time.monotonic() - self.probe.ended_at)


def _try_lock_here(path: Path) -> Task:
    """On this machine, while rank 0 holds the lock."""
    try:
        with path.open("a+") as lock:
            return try_lock(lock.fileno())
    except OSError as error:
        return {"got": False, "errno": "", "error": str(error)}
