"""arrays/<name>.json of a sweep's folder: which trials a SLURM array has. Written before sbatch is called.

Its jobs read which spec is theirs from it (workloads/job.py); the driver finds them again by it after any fault.
"""

from __future__ import annotations

from collections.abc import Sequence

from heatmark.workloads.run_folder.record import Record


class ArrayRecord(Record):
    """name: of the array in the queue, unique. signatures, specs: of its elements, in order. time: seconds since 1970.

    array: False for a job of its own. job_id, cluster: as sbatch told them. seen: squeue has shown it. refused: surely
    never accepted. withdrawn: signatures whose element was withdrawn, as another job lives for them.
    """

    name: str
    signatures: Sequence[str]
    specs: Sequence[str]
    array: bool = True
    job_id: str | None = None
    cluster: str | None = None
    seen: bool = False
    refused: bool = False
    withdrawn: Sequence[str] = ()
    time: float
