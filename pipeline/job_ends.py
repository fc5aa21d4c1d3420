"""How jobs end without a result, and why: asked of whoever knows best."""

from __future__ import annotations

import re
import time
from pathlib import Path

from heatmark.foundation.clock import moment
from heatmark.pipeline.submit import JobStatus
from heatmark.workloads.run_folder.ends import End, EndKind
from heatmark.workloads.run_folder.events import Ended, Started
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.heartbeats import beats
from heatmark.workloads.run_folder.job_record import JobRecord

STATE_KINDS: dict[str, EndKind] = {
    "OUT_OF_MEMORY": "oom",
    "NODE_FAIL": "node_fail",
    "BOOT_FAIL": "node_fail",
    "TIMEOUT": "timeout",
    "PREEMPTED": "preempted",
    "INTERRUPTED": "interrupted",  # heatmark's own word: in a packed job that ended (packed_cluster.py)
}
# What heatmark's own lines of a job's log begin with, and how much of a log is looked at for its last words.
MARK, LOG_TAIL = "heatmark: ", 4000
# Words of a job that something outside ended.
KILLED = re.compile(r"Killed|Terminated|[Ss]ignal|Segmentation|Bus error|Aborted")
# What srun says of every step that it ends, whatever the cause.
NOISE = re.compile(
    r"srun: (launch/|Terminating|Job step aborted|Force Terminated)|slurmstepd: error: \*\*\* (STEP|JOB) "
)
# A rank finds its own hang within 1.25 hang_s; this late, even its watchdog is stopped.
SILENT_FACTOR = 2.0
START_S = 600.0
# What it says of every task that ended, after that task's own words.
EXITED = re.compile(r"srun: error: \S+: tasks? [^:]*: Exited with exit code")


def why_it_ended(folder: RunFolder, job: JobRecord, status: JobStatus | None, log: Path) -> End:
    """From whoever knows best: the driver that ended it, the job itself, the cluster, its log."""
    if job.killed_for:
        return job.killed_for
    failure = folder.failure()
    if failure is not None:
        return failure.end
    state = status.state if status is not None else "GONE"
    if state == "CANCELLED":
        return End(kind="cancelled", message="cancelled outside heatmark (scancel)")
    if state in STATE_KINDS:
        words = "its packed job ended before it did" if state == "INTERRUPTED" else f"the job ended as {state}"
        return End(kind=STATE_KINDS[state], message=words)
    last = next((event for event in reversed(folder.events()) if isinstance(event, Started | Ended)), None)
    if isinstance(last, Ended) and last.how == "requeue":
        message = "the job saved its state and could not put itself back into the queue"
        return End(kind="interrupted", message=message)
    return _before_its_start(folder, job, log) or End(kind="lost", message="the job ended without a word (killed?)")


def _before_its_start(folder: RunFolder, job: JobRecord, log: Path) -> End | None:
    """Why a job ended that never came as far as the trial: its last words; None for one that did, or said nothing.

    Where no job of the sweep has ever started it is the site's set-up, which another try would not mend.
    """
    sent = job.submissions[-1]
    for start in folder.attempts():
        if start.job == sent.job_id or moment(start.time) >= moment(sent.time):
            return None
    words = last_words(log)
    if not words or KILLED.search(words):
        return None
    others = (each for each in run_folders(folder.path.parent) if each.attempts())
    by_site = next(others, None) is not None and MARK not in words
    return End(kind="launch" if by_site else "user", message=f"the job ended before the trial began: {words}")


def last_words(log: Path) -> str:
    """The line of a job's log that says why it ended: heatmark's own, else the last few."""
    try:
        lines = [" ".join(line.split()) for line in log.read_text(errors="replace")[-LOG_TAIL:].splitlines()]
    except OSError:
        return ""
    lines = [line for line in lines if line and not NOISE.match(line)]
    marked = [line for line in lines if line.startswith(MARK)]
    telling = marked[-1:] or [line for line in lines if not EXITED.match(line)] or lines
    return " | ".join(telling[-3:])


def silence(folder: RunFolder, running_since: float) -> str | None:
    """Why a job that runs since then counts as hung although none of its ranks said so, or None.

    A heartbeat from before is an earlier attempt's: this one is still starting, for which it has START_S.
    """
    limit_s = SILENT_FACTOR * folder.spec().runtime.hang_s
    still_starting = time.time() - running_since < limit_s + START_S
    silent = [
        rank
        for rank, _, age_s in beats(folder.path)
        if age_s > limit_s and not (still_starting and time.time() - age_s <= running_since)
    ]
    if not silent:
        return None
    return f"no sign of life from rank {', '.join(map(str, silent))} for {limit_s:.0f} s"
