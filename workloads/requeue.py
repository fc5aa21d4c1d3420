"""How a job puts itself back into SLURM's queue."""

from __future__ import annotations

import sys
import time


def requeue(job: str) -> None:
    """Ask for the job to be run again, which ends it at once; one that is being cancelled is left.

    job: of an element of an array `A_i`: SLURM_JOB_ID of an array's last element is the number of the whole array.
    """
    from heatmark.foundation.command import CommandFailed, run_command
    from heatmark.workloads.slurm_environment import on_own_cluster

    try:
        state = run_command(["squeue", "-h", "-j", job, "-o", "%T"], environment=on_own_cluster()).strip()
        if state == "RUNNING":
            run_command(["scontrol", "requeue", job], environment=on_own_cluster())
    except CommandFailed as error:
        print(f"cannot requeue: {error}; the driver will send the trial again", file=sys.stderr, flush=True)
        return
    wait_for_the_end()


def wait_for_the_end() -> None:
    """Killed here: an exit before SLURM acts would count as the job's end."""
    time.sleep(30)
