"""How busy the machine is between two epochs, as rank 0 sees it: a few questions to the system for each epoch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psutil
import torch

from heatmark.workloads.run_folder.machine_use import MachineUse

MIB = 2**20


class MachineMeter:
    """Measures from one `read` to the next, the first time from when it was made."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._cpu_s, self._at = self._cpu_seconds(), time.monotonic()
        psutil.cpu_percent(None)

    def read(self, epoch: int) -> MachineUse:
        """epoch: the one that ends now, counted from 0."""
        cpu_s, now = self._cpu_seconds(), time.monotonic()
        # A loader that has ended since took its time with it.
        cores = max(0.0, cpu_s - self._cpu_s) / max(now - self._at, 1e-9)
        self._cpu_s, self._at = cpu_s, now
        memory = sum(self._memory(each) for each in self._family())
        return MachineUse(
            epoch=epoch,
            cores=round(cores, 3),
            memory_mib=round(memory / MIB, 1),
            host_cpu=round(psutil.cpu_percent(None) / 100, 4),
            host_memory=round(psutil.virtual_memory().percent / 100, 4),
            gpu_memory_mib=_gpu_memory_mib(),
            gpu_busy=_gpu_busy(),
        )

    def _family(self) -> Iterator[psutil.Process]:
        yield self._process
        with contextlib.suppress(psutil.Error):
            yield from self._process.children(recursive=True)

    def _cpu_seconds(self) -> float:
        """Of this process, its children that have ended, and those that live."""
        own = self._process.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for each in self._family():
            if each != self._process:
                with contextlib.suppress(psutil.Error):
                    times = each.cpu_times()
                    total += times.user + times.system
        return total

    @staticmethod
    def _memory(process: psutil.Process) -> int:
        with contextlib.suppress(psutil.Error):
            return int(process.memory_info().rss)
        return 0


def _gpu_memory_mib() -> float | None:
    if not torch.cuda.is_available():
        return None
    most = torch.cuda.max_memory_allocated() / MIB
    torch.cuda.reset_peak_memory_stats()
    return round(most, 1)


def _gpu_busy() -> float | None:
    """None where NVIDIA's library for it is not installed, too, or refuses."""
    if not torch.cuda.is_available():
        return None
    try:
        return torch.cuda.utilization() / 100
    except Exception:  # the library raises classes of its own, which are there only where it is
        return None
