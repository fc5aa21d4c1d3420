"""One writer per run folder, on whichever host the other one lives."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import psutil
import pytest

from heatmark.foundation.clock import utc_now
from heatmark.workloads import heartbeat, lease
from heatmark.workloads.lease import LeaseHeld, hold_lease
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.lease_record import LeaseRecord
from tests.made_up import until


@pytest.mark.parametrize("pid", [os.getpid(), 4711], ids=["ours", "another"])
def test_a_live_holder_on_another_host_keeps_the_folder_whatever_its_number(pid: int, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    holder = LeaseRecord(host="elsewhere", pid=pid, started=0.0, job="1", restart=0, time=utc_now())
    holder.write(folder.lease_file)
    with pytest.raises(LeaseHeld, match=f"process {pid} on elsewhere, job 1"), hold_lease(folder, "2", 0):
        pass
    with hold_lease(folder, "1", 1) as held:  # the same job, run again after its node failed
        held.check()


def test_a_holder_that_is_dead_does_not_keep_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    started = psutil.Process().create_time() + 1
    here = LeaseRecord(host=socket.gethostname(), pid=os.getppid(), started=started, job="1", restart=0, time=utc_now())
    here.write(folder.lease_file)
    with hold_lease(folder, "2", 0) as held:
        held.check()


def test_a_lease_is_renewed_long_before_it_counts_as_given_up_however_long_a_step_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "LONGEST_PAUSE_S", 0.02)
    renewed: list[float] = []
    beating = heartbeat.Heartbeat(RunFolder(tmp_path), 0, 1e4, lambda: renewed.append(time.monotonic()))
    beating.start()
    until(lambda: len(renewed) >= 4)
    beating.close()
    assert lease.STALE_S >= 4 * 30
