"""How jobs end without a result, and why: asked of whoever knows best."""

from __future__ import annotations

import re
import time
from pathlib import Path

from heatmark.foundation.clock import moment
from heatmark.foundation.files import Record
from heatmark.pipeline.submit import JobStatus
from heatmark.workloads.heartbeat import silent_ranks
from heatmark.workloads.run_folder import RunFolder, run_folders

STATE_KINDS = {
    "OUT_OF_MEMORY": "oom",
    "NODE_FAIL": "node_fail",
    "BOOT_FAIL": "node_fail",
    "TIMEOUT": "timeout",
    "PREEMPTED": "preempted",
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


def why_it_ended(folder: RunFolder, job: Record, status: JobStatus | None, log: Path) -> tuple[str, str]:
    """Kind and message, from whoever knows best: the driver that ended it, the job itself, the cluster, its log."""
    if job.get("killed_for"):
        kind, _, message = job["killed_for"].partition(": ")
        return kind, message
    failure = folder.failure()
    if failure is not None:
        return failure["kind"], failure["message"]
    state = status.state if status is not None else "GONE"
    if state == "CANCELLED":
        return "cancelled", "cancelled outside heatmark (scancel)"
    if state in STATE_KINDS:
        return STATE_KINDS[state], f"the job ended as {state}"
    ends = [event for event in folder.events() if event["event"] in ("start", "end")]
    if ends and ends[-1].get("how") == "requeue":
        return "interrupted", "the job saved its state and could not put itself back into the queue"
    return _before_its_start(folder, job, log) or ("lost", "the job ended without a word (killed?)")


def _before_its_start(folder: RunFolder, job: Record, log: Path) -> tuple[str, str] | None:
    """Why a job ended that never came as far as the trial: its last words; None for one that did, or said nothing.

    Where no job of the sweep has ever started it is the site's set-up, which another try would not mend.
    """
    sent = job["submissions"][-1]
    for start in folder.attempts():
        if start.get("job") == sent["job_id"] or moment(start["time"]) >= moment(sent["time"]):
            return None
    words = last_words(log)
    if not words or KILLED.search(words):
        return None
    others = (each for each in run_folders(folder.path.parent) if each.attempts())
    kind = "launch" if next(others, None) is not None and MARK not in words else "user"
    return kind, f"the job ended before the trial began: {words}"


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
    spec = folder.spec() or {}
    limit_s = SILENT_FACTOR * float(spec.get("runtime", {}).get("hang_s", 600.0))
    silent = silent_ranks(folder, limit_s)
    if time.time() - running_since < limit_s + START_S:
        silent = {rank: beat for rank, beat in silent.items() if beat["mtime"] > running_since}
    if not silent:
        return None
    return f"no sign of life from rank {', '.join(map(str, silent))} for {limit_s:.0f} s"
