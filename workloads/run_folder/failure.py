"""failure.json: why the last attempt ended without a result, in the words of the job itself."""

from __future__ import annotations

from heatmark.workloads.run_folder.ends import End, EndKind
from heatmark.workloads.run_folder.record import Record


class Failure(Record):
    """rank: the first that has a cause of its own. job: its id. traceback: of Python, where it has one."""

    kind: EndKind
    message: str
    rank: int
    time: str
    job: str | None = None
    traceback: str = ""

    @property
    def end(self) -> End:
        return End(kind=self.kind, message=self.message)
