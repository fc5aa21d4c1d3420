"""What sbatch's refusals mean, in one table: final, no room now, or ask again; and which reasons to wait never clear.

The texts are those of slurm_errno.c and job_reason_string (22.05 to 25.05); a site's own words come from its site file.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from heatmark.pipeline.site import AnswersSection

# final: the user's mistake. no_room: a limit on the number of jobs. smaller: an array that is too large, or arrays as
# such. again: passes by itself, nothing was sent. unclear: passes by itself, the job may have been accepted.
# unknown: in no table.
Meaning = Literal["final", "no_room", "smaller", "again", "unclear", "unknown"]


class Answer(NamedTuple):
    """A refusal of sbatch: what it means, and the words that say so."""

    meaning: Meaning
    words: str


# fmt: off
MESSAGES: dict[Meaning, tuple[str, ...]] = {
    "smaller": ("Invalid job array specification",),
    "unclear": (
        "Socket timed out", "Zero Bytes were transmitted", "Unexpected message received", "receive failure",
        "shutdown failure", "Connection reset", "Received zero length message", "Unspecified communication error",
    ),
    "again": (
        "Unable to contact slurm controller", "Connection refused", "Connection timed out", "No route to host",
        "Communication connection failure", "Transport endpoint is not connected", "Broken pipe", "try again",
        "standby", "Protocol authentication error", "authentication credential", "uthentication agent",
        "Error generating job credential", "Invalid job credential", "Job credential expired", "Munge decode failed",
        "Munge encode failed", "Resource temporarily unavailable", "Cannot allocate memory", "I/O error writing script",
        "Failed to send entire message", "No space left on device", "Unable to connect to database",
        "Required partition not available", "Requested nodes are busy", "Required node not available",
        "Requested reservation not usable now", "Requested reservation is in use", "maintenance", "Maintenance",
        "submissions disabled", "presently disabled", "temporarily unable to accept job", "rate limit",
        "Unable to create job record", "Immediate execution impossible", "Incompatible versions",
        "Network is unreachable", "Temporary failure in name resolution", "internal error",
    ),
    "final": (
        "Invalid partition name", "No partition specified", "User's group not permitted", "not in this partition",
        "More processors requested than permitted", "Node count specification invalid",
        "Job size specification needs", "too long", "Requested node configuration is not available",
        "Invalid account", "Invalid qos", "Requested time limit is invalid", "Time limit specification required",
        "Access denied to requested reservation", "Requested reservation is invalid",
        "CPU count specification invalid", "generic resource (gres) specification", "GRES specification",
        "Trackable RESource", "Invalid feature specification", "preferred feature specification",
        "Invalid node name", "Invalid wckey", "Invalid cluster name", "ccess/permission denied", "Permission denied",
        "Memory required by task is not available", "Memory specification can not be satisfied",
        "Requested GRES option",
        "Task distribution specification invalid", "Task count specification invalid", "Invalid license",
        "Requested more tasks than available", "breached requested QOS usage threshold", "Burst Buffer permission",
        "Invalid job dependency", "Invalid directive", "Batch script", "unrecognized option", "invalid option",
        "Invalid --", "Invalid numeric value", "Invalid time limit", "Invalid group id", "Invalid user id",
        "Environment is missing", "not supported", "Only batch jobs", "Job --batch option", "--constraints",
        "Invalid time-min", "ambiguous", "requires an argument", "Unable to open file", "more threads per core",
    ),
}
# Reasons for which a job waits for ever, whatever becomes free (squeue.1, JOB REASON CODES).
NEVER = frozenset({
    "AccountNotAllowed", "BadConstraints", "DependencyNeverSatisfied", "InvalidAccount", "InvalidQOS",
    "PartitionNodeLimit", "PartitionTimeLimit", "QOSNotAllowed", "QOSTimeLimit", "AssociationTimeLimit",
    "ReservationDeleted",
})
# Reasons that every queue has: they are on record, and not told.
USUAL = frozenset({
    "", "None", "Priority", "Resources", "BeginTime", "Dependency", "JobArrayTaskLimit", "Cleaning", "Prolog",
    "PrologRunning", "Licenses",
})
# fmt: on
POLICY = "Job violates accounting/QOS policy"
_LIMIT = re.compile(r"\b(?:Assoc|QOS|MaxJob|MaxSubmit)[A-Za-z]+")
_NUMBER_OF_JOBS = re.compile(r"SubmitJob|(Grp|Max)Jobs|MaxJobCount|^(QOS|Association)JobLimit$")
_OF_ONE_JOB = re.compile(r"(Assoc|QOS)(Max\w+Per(Job|Node)(Limit)?|Min[A-Z]\w+)")


def read_answer(said: str, site: AnswersSection) -> Answer:
    """What a refusal means. said: sbatch's messages.

    Every limit of an association or a QOS is refused by the same sentence: the limit named before it decides. One on
    the number of jobs passes; the job's own size, wall time, GRES or minutes do not.
    """
    for meaning, own in (("final", site.final), ("no_room", site.no_room), ("again", site.again)):
        if any(words in said for words in own):
            return Answer(meaning, said)  # type: ignore[arg-type]
    limits = _LIMIT.findall(said)
    if any(_NUMBER_OF_JOBS.search(limit) for limit in limits):
        return Answer("no_room", said)
    if limits:
        return Answer("final", said)
    # The error that ended sbatch comes last; what stands before it may be a remark of the site's.
    last = said.rpartition("Batch job submission failed: ")[2]
    for text in (last, said):
        for meaning, known in MESSAGES.items():
            if any(words in text for words in known):
                return Answer(meaning, said)
    return Answer("unknown", said)


def can_never_start(reason: str) -> bool:
    """Whether a job that waits for this reason waits for ever."""
    return reason in NEVER or _OF_ONE_JOB.fullmatch(reason) is not None


def is_held(state: str, reason: str) -> bool:
    """Whether a job waits until somebody releases it: held by its user, an administrator, or after a failed launch."""
    return state in ("REQUEUE_HOLD", "SPECIAL_EXIT") or "held" in reason.lower()


def is_usual(reason: str) -> bool:
    """Whether a reason to wait is that of every queue."""
    return reason in USUAL
