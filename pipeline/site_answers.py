"""Lines of `heatmark site check` that SLURM's own answers tell, and a server's."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from typing import Literal, NamedTuple

from heatmark.pipeline.site_jobs import SiteJob
from heatmark.pipeline.site_run import Seen
from heatmark.pipeline.slurm_answers import can_never_start, is_held

MLFLOW_S = 10.0


class Line(NamedTuple):
    """What was found; todo: what to do about a `no`."""

    verdict: Literal["ok", "no", "?"]
    words: str
    todo: str = ""


def ok(words: str) -> Line:
    """What works."""
    return Line("ok", words)


def no(words: str, todo: str) -> Line:
    """What does not, and what to do about it."""
    return Line("no", words, todo)


def untold(why: str) -> Line:
    """What cannot be told, and why."""
    return Line("?", why)


def slurm(seen: Seen) -> Line | None:
    """Whether the controller answers."""
    if seen.limits is not None:
        return ok(f"the controller of cluster {seen.limits.cluster or '(no name)'} answers")
    if seen.controller:
        return no(seen.controller, "run this where sbatch works: a login node, with SLURM's controller up")
    return None


def limits(seen: Seen) -> Line | None:
    """MaxSubmitJobs of the association in use."""
    if seen.limits is None:
        return None
    cluster = seen.cluster
    account = cluster.keys.account or cluster.environment.get("SBATCH_ACCOUNT")
    partition = cluster.keys.partition or cluster.environment.get("SBATCH_PARTITION")
    found = cluster.client.submit_limit(seen.limits.cluster, account, partition)
    if found is None:
        return ok("no limit on the number of jobs is told")
    name, most = found
    if most == 0:
        return no(f"MaxSubmitJobs of account {name} is 0", "give another account")
    return ok(f"MaxSubmitJobs of account {name} is {most}: no more trials are sent at a time")


def sbatch(seen: Seen) -> Line | None:
    """Whether a trial's own job is accepted, with its own limits."""
    job, settings = seen.trial, seen.cluster.settings
    if job is None:
        return None
    what = f"a job of {settings.nodes} node(s) x {settings.ranks} rank(s), {settings.timeout_min} min"
    if job.refused is None:
        return ok(f"{what} is accepted")
    if job.refused.meaning in ("no_room", "again", "unclear"):
        return untold(f"{what}: {job.refused.words}; it passes by itself, run this again")
    return no(f"{what}: {job.refused.words}", "change the keys of the site or sweep file that these words are about")


def array(seen: Seen) -> Line | None:
    """How many elements an array of trials may have."""
    if seen.limits is None or seen.probe is None:
        return None
    if seen.cluster.keys.arrays is False:
        return ok("arrays: false: every trial is a job of its own")
    most = seen.limits.largest_array
    if seen.array is None or (seen.array.refused is not None and seen.array.refused.meaning == "smaller"):
        said = f": {seen.array.refused.words}" if seen.array is not None and seen.array.refused else ""
        return no(
            f"no arrays (MaxArraySize {most}){said}",
            "nothing: every trial is a job of its own then; arrays: false says so at once",
        )
    if seen.array.refused is not None:
        return untold(seen.array.refused.words)
    return ok(f"up to {most} trial(s) in one (MaxArraySize, max_array_tasks); job {seen.array.element}")


def queue(seen: Seen) -> Line | None:
    """Whether and when the probe's job started, or why it waits."""
    job = seen.probe
    if job is None or job.refused is not None:
        return None
    if job.started_at is not None:
        return ok(f"job {job.element} started {job.started_at - job.sent_at:.0f} s after it was sent")
    if can_never_start(job.reason):
        return no(f"the job can never start: {job.reason}", "change the key of the site or sweep file that it names")
    if is_held(job.state, job.reason):
        return no(f"the job is held: {job.reason}", f"scontrol release {job.job_id}, or ask the administrators")
    return _ended_at_once(job)


def _ended_at_once(job: SiteJob) -> Line | None:
    """Too short a life for squeue to show it at work; srun's line says why."""
    if job.ended_at is None or time.monotonic() - job.ended_at < 2:
        return None
    return ok(f"job {job.element} ran and ended as {job.state or 'gone'}")


def accounting(seen: Seen) -> Line | None:
    """Whether sacct knows the probe's job, and how late."""
    if seen.accounting_error:
        words = f"sacct: {seen.accounting_error or 'no answer'}"
        return no(words, "nothing: training does without; the report has no costs")
    if seen.accounted is None:
        return None
    state, late_s = seen.accounted
    return ok(f"sacct knew of the job's end ({state}) within {late_s:.0f} s after squeue")


def mlflow(seen: Seen) -> Line | None:
    """Asked from here: the driver alone talks to the server."""
    address = seen.tracking or ""
    if not address.startswith(("http://", "https://")):
        return ok(f"{address}: no server; MLflow writes there by itself")
    todo = "start the server, or mend tracking.uri; training goes on without it"
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=MLFLOW_S) as answer:
            return ok(f"{address} answers ({answer.status})")
    except urllib.error.HTTPError as error:
        return no(f"{address} answers, with {error.code} {error.reason}", todo)
    except (OSError, ValueError) as error:
        return no(f"{address}: {getattr(error, 'reason', error)}", todo)
