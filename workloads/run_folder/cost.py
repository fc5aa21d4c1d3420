"""accounting.json: what the trial's jobs cost, from the cluster's accounting (pipeline/accounting.py)."""

from __future__ import annotations

from collections.abc import Sequence

from heatmark.workloads.run_folder.record import Record


class Cost(Record):
    """attempts: runs of the trial's jobs, and how each ended in the cluster's word (states).

    Wasted are the hours between the last checkpoint and a bad end.
    """

    attempts: int
    states: Sequence[str]
    cpu_hours: float
    gpu_hours: float
    wasted_cpu_hours: float
    wasted_gpu_hours: float

    @property
    def hours(self) -> dict[str, float]:
        """By name, `cpu_hours` and the like."""
        return {name: value for name, value in self if name.endswith("_hours")}
