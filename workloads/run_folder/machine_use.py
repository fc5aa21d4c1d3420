"""machine.jsonl: how busy the machine was in every epoch, appended by rank 0 just before the epoch's metrics."""

from __future__ import annotations

from heatmark.workloads.run_folder.record import Record


class MachineUse(Record):
    """Of the host of rank 0, since the epoch before, with its evaluation. epoch: as in metrics.jsonl.

    cores: that rank 0 and its loaders kept busy, on average. memory_mib: that they hold at the end. host_cpu: the share
    of all cores that was busy, whoever kept them; host_memory: the share of the memory that is in use. gpu_memory_mib:
    the most that rank 0 held on its GPU; gpu_busy: the share of the last moments in which that GPU worked. None where
    there is no GPU, or no driver to ask.
    """

    epoch: int
    cores: float
    memory_mib: float
    host_cpu: float
    host_memory: float
    gpu_memory_mib: float | None
    gpu_busy: float | None
