"""`heatmark site check`: an explicit table of what training needs of a site, and who says whether it is there.

A check looks at what is known so far (site_run.Seen) and gives its line, or None as long as it cannot be told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import NamedTuple

from heatmark.pipeline import site_answers, site_exchange, site_facts
from heatmark.pipeline.site_answers import Line
from heatmark.pipeline.site_jobs import WAITING, SiteJob, SiteJobs
from heatmark.pipeline.site_run import FILES_EACH_S, GRACE_S, Seen, short
from heatmark.pipeline.slurm_answers import can_never_start, is_held
from heatmark.pipeline.slurm_cluster import SlurmCluster
from heatmark.workloads.site_probe import TORCH_S


class Check(NamedTuple):
    """needed: training does not go without. applies: whether the site or sweep file asks for it at all.

    job: `probe` and `notice` are told by the ranks of that job, `again` by the probe once it has put itself back into
    the queue, `end` after its end; empty for what is asked here. within_s: how long after its first rank began.
    """

    name: str
    look: Callable[[Seen], Line | None]
    needed: bool
    job: str = ""
    within_s: float = 120.0
    applies: Callable[[Seen], bool] = lambda _seen: True


def _has_stage(seen: Seen) -> bool:
    return seen.cluster.keys.stage is not None


def _is_tracked(seen: Seen) -> bool:
    return seen.tracking is not None


# fmt: off
CHECKS = (
    Check("slurm", site_answers.slurm, True),
    Check("mlflow", site_answers.mlflow, False, applies=_is_tracked),
    Check("limits", site_answers.limits, True),
    Check("sbatch", site_answers.sbatch, True),
    Check("array", site_answers.array, False),
    Check("queue", site_answers.queue, True, "probe"),
    Check("srun", site_facts.srun, True, "probe"),
    Check("environment", site_facts.environment, False, "probe"),
    Check("python", site_facts.python, True, "probe"),
    Check("heatmark", site_facts.heatmark, True, "probe"),
    Check("signals", site_exchange.signals, True, "probe"),
    Check("interface", site_facts.interface, True, "probe"),
    Check("scratch", site_facts.scratch, True, "probe"),
    Check("stage", site_facts.stage, True, "probe", applies=_has_stage),
    Check("locks", site_exchange.locks, True, "probe", 150.0),
    Check("shared", site_exchange.shared, True, "probe", 240.0),
    Check("clock", site_exchange.clock, False, "probe", 240.0),
    Check("torch", site_facts.torch, True, "probe", TORCH_S + 60),
    Check("rendezvous", site_facts.rendezvous, True, "probe", TORCH_S + 90),
    Check("gpus", site_facts.gpus, True, "probe", TORCH_S + 90),
    Check("compiler", site_facts.compiler, False, "probe", TORCH_S + 90),
    Check("warning", site_exchange.warning, True, "notice", 150.0),
    Check("notice", site_exchange.notice, True, "notice", 300.0),
    Check("requeue", site_exchange.requeue, False, "again"),
    Check("accounting", site_answers.accounting, False, "end"),
)
# fmt: on
_SENT = object()
# How late accounting may know of a job's end.
ACCOUNTED_S = 60.0
# How long a container may take to start; how long the probe may take for its last step once it is asked for.
BEGIN_S, REQUEUE_S = 300.0, 60.0


def check_site(
    cluster: SlurmCluster, tracking: str | None, wait_s: float, say: Callable[[str], None]
) -> Generator[tuple[Check, Line], None, None]:
    """Each check with its line, in the order in which they become known. Whatever was sent is cancelled at the end.

    wait_s: how long a job may wait in the queue. say: gets what it waits for, and what has to be done by hand.
    """
    seen = Seen(SiteJobs(cluster), tracking, wait_s)
    untold = [check for check in CHECKS if check.applies(seen)]
    sending, sent, waits = seen.send(), False, ""
    try:
        while untold:
            sent = sent or next(sending, _SENT) is _SENT
            seen.look()
            seen.act()
            waits = _tell_waiting(seen, waits, say)
            for check in list(untold):
                line = check.look(seen) or (overdue(check, seen) if sent else None)
                if line is not None:
                    untold.remove(check)
                    yield check, line
            if sent and not any(check.job == "probe" for check in untold):
                seen.may_requeue()
            time.sleep(FILES_EACH_S)
    finally:
        for command in seen.jobs.cancel_all():
            say(f"a job could not be cancelled; do it by hand: {command}")


def _tell_waiting(seen: Seen, told: str, say: Callable[[str], None]) -> str:
    """Once for each reason why the job has not begun: nobody should take a queue for a hang."""
    job = seen.probe
    if job is None or job.started_at is not None or job.reason in ("", "None", told) or job.state not in WAITING:
        return told
    say(f"job {job.element} waits: {job.reason} (for up to {seen.wait_s / 60:g} min: --wait)")
    return job.reason


def overdue(check: Check, seen: Seen) -> Line | None:
    """`?` and the reason, for what cannot be told any more or has taken too long."""
    now = time.monotonic()
    if not check.job:
        return site_answers.untold("SLURM gave no answer") if now - seen.began > check.within_s else None
    job = seen.notice if check.job == "notice" else seen.probe
    if job is None or job.refused is not None:
        return site_answers.untold("there is no job to tell it: sbatch took none")
    if job.started_at is None and job.ended_at is None:
        return _waits(job, now - job.sent_at, seen.wait_s, seen.controller)
    if job.ended_at is not None and now - job.ended_at > (ACCOUNTED_S if check.job == "end" else GRACE_S):
        words = short(job.last_words()) if job.found("start") else "no rank began, see srun"
        return site_answers.untold(f"the job ended before ({job.state or 'gone'}): {words}")
    if job.began_at is None and now - (job.started_at or now) > BEGIN_S:
        return site_answers.untold(f"no rank began within {BEGIN_S:.0f} s after the job's start; see {job.log}")
    if check.job in ("again", "end"):
        return _overdue_again(seen, job)
    if now - (job.began_at or now) > check.within_s:
        return site_answers.untold(f"nothing heard of it within {check.within_s:.0f} s; see {job.log}")
    return None


def _overdue_again(seen: Seen, job: SiteJob) -> Line | None:
    """For what follows once the job has put itself back into the queue."""
    since = time.monotonic() - seen.requeue_at if seen.requeue_at is not None else 0.0
    if since > REQUEUE_S and not job.found("requeuing"):
        return site_answers.untold(f"the job has not come to it {since:.0f} s after all else; see {job.log}")
    return _waits(job, since, seen.wait_s, seen.controller)


def _waits(job: SiteJob, waited_s: float, limit_s: float, silent: str) -> Line | None:
    """For a job that has not begun yet, or has put itself back into the queue. silent: why SLURM gave no answer."""
    reason = job.reason if job.reason not in ("", "None") else job.state or silent or "squeue does not show it"
    if can_never_start(job.reason):
        return site_answers.untold(f"the job can never start: {reason}")
    if is_held(job.state, job.reason):
        return site_answers.untold(f"the job is held: {reason}")
    if waited_s > limit_s:
        return site_answers.untold(f"still waiting in the queue: {reason} (--wait {limit_s / 60:g} is over)")
    return None
