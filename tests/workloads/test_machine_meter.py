"""How busy the machine is: a process that works is seen, and so is what it holds."""

from __future__ import annotations

import time

from heatmark.workloads.machine_meter import MachineMeter


def test_seconds_of_work_count_and_sleep_does_not() -> None:
    """However long the machine takes for them: cores times the time between two readings."""
    begun = time.monotonic()
    meter = MachineMeter()
    deadline = time.process_time() + 0.5
    while time.process_time() < deadline:
        pass
    busy = meter.read(0)
    worked = time.monotonic()
    time.sleep(1.0)
    idle = meter.read(1)
    assert (busy.epoch, idle.epoch) == (0, 1)
    assert busy.cores * (worked - begun) > 0.45
    assert idle.cores < 0.45
    assert 0 <= busy.host_cpu <= 1 and 0 < busy.host_memory <= 1


def test_what_the_process_holds_is_seen() -> None:
    meter = MachineMeter()
    before = meter.read(0).memory_mib
    held = bytearray(b"x" * (64 * 2**20))
    assert meter.read(1).memory_mib > before + 32
    assert len(held) == 64 * 2**20
