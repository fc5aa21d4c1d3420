"""How many trials Ray Tune follows at a time, and what that costs on the driver's node."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import psutil

from heatmark.pipeline.sweep import SweepFile

# Measured: of each relay (`heatmark bench sweep`).
RELAY_GB = 0.15


def relays_of(sweep: SweepFile) -> int:
    """Under ASHA one for each trial in flight: it can stop only what it follows."""
    parallel = sweep.cluster.parallel
    return parallel if sweep.tune.stops_trials else min(parallel, sweep.tune.relays)


def affordable_relays(sweep: SweepFile, log: Callable[[str], None], free_gb: float | None = None) -> int:
    """As `relays_of`, but no more than memory holds; says so in one line where that is fewer.

    free_gb: memory that the driver may use, as this machine or its job has it where it is left out.
    """
    wanted = relays_of(sweep)
    free_gb = memory_left_gb(os.environ) if free_gb is None else free_gb
    most = max(1, int(free_gb / RELAY_GB))
    if wanted <= most:
        return wanted
    key, fewer = "tune.relays", "so many trials are followed live"
    if sweep.tune.stops_trials:
        key, fewer = "cluster.parallel", "so many trials are in flight"
    log(
        f"{key}: {wanted} relays of {RELAY_GB:g} GB each do not fit into the {free_gb:.1f} GB of memory left here: "
        f"{fewer} at a time: {most}"
    )
    return most


def memory_left_gb(environment: Mapping[str, str]) -> float:
    """What this process may still use: what the machine has left, but no more than SLURM gave the job on its node."""
    left_gb = psutil.virtual_memory().available / 1024**3
    given_mb = environment.get("SLURM_MEM_PER_NODE", "")
    return min(left_gb, int(given_mb) / 1024) if given_mb.isdigit() and int(given_mb) else left_gb
