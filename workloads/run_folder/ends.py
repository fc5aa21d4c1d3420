"""How a trial or one of its jobs ends without a result: a kind, which decides what follows, and words for people."""

from __future__ import annotations

from typing import Literal, get_args

from heatmark.workloads.run_folder.record import Part

# user: a mistake that another try would bring again, and the only kind with exit code 2. launch: before the trial
# began. interrupted: saved, but not put back into the queue. lost: without a word. cancelled: by a decision.
EndKind = Literal[
    "user", "diverged", "oom", "crash", "hung",
    "launch", "interrupted", "timeout", "preempted", "node_fail", "lost", "cancelled",
]  # fmt: skip
END_KINDS: frozenset[str] = frozenset(get_args(EndKind))


class End(Part):
    """kind: for programs. message: for people."""

    kind: EndKind
    message: str

    def __str__(self) -> str:
        """A decision to cancel says all by itself."""
        return self.message if self.kind == "cancelled" else f"{self.kind}: {self.message}"


def end_of_text(text: str) -> dict[str, str]:
    """`kind: message`, as the first version of job.json had it."""
    kind, colon, message = text.partition(": ")
    return {"kind": kind, "message": message} if colon and kind in END_KINDS else {"kind": "lost", "message": text}
