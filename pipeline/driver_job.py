"""The driver as a job of its own: what `sbatch slurm/sweep.sh` has to ask for, from the sweep and the site file."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping

from heatmark.pipeline.relay_count import RELAY_GB, relays_of
from heatmark.pipeline.site import Site, load_site, slurm_keys
from heatmark.pipeline.sweep import SweepFile

# Measured: the driver and Ray's own processes.
DRIVER_GB = 2.0
RELAYS_PER_CORE = 16
MOST_CORES = 8


def driver_options(sweep: SweepFile, environment: Mapping[str, str] | None = None) -> list[str]:
    """sbatch's options for the driver's job; none where this process is in a job that already is as it should be.

    Account, partition and QOS are the driver's own in the site file, else those of the trials; but a driver needs no
    GPU, so it never asks for any. Raises InputError for a site file that cannot be used.
    """
    given = os.environ if environment is None else environment
    site = load_site(sweep.cluster)
    wanted = _named(sweep, site) | _sizes(sweep, site)
    if "SLURM_JOB_ID" in given and all(_has(given, option, value) for option, value in wanted.items()):
        return []
    extra = [f"--{key}" if value is True else f"--{key}={value}" for key, value in site.driver.extra.items()]
    return [*(f"--{option}={value}" for option, value in wanted.items()), *extra]


def _named(sweep: SweepFile, site: Site) -> dict[str, str]:
    keys, driver = slurm_keys(sweep.cluster, site), site.driver
    named = {
        "account": driver.account or keys.account,
        "partition": driver.partition or keys.partition,
        # A QOS is often one of a partition: that of the trials is not the driver's elsewhere.
        "qos": driver.qos or (None if driver.partition else keys.qos),
        "clusters": keys.clusters,
        "time": str(driver.timeout_min) if driver.timeout_min else None,
    }
    return {option: value for option, value in named.items() if value}


def _sizes(sweep: SweepFile, site: Site) -> dict[str, str]:
    """Memory and cores for the relays."""
    relays, driver = relays_of(sweep), site.driver
    memory_gb = driver.memory_gb if driver.memory_gb is not None else math.ceil(DRIVER_GB + RELAY_GB * relays)
    cores = driver.cpus or min(MOST_CORES, 1 + math.ceil(relays / RELAYS_PER_CORE))
    return {"mem": f"{int(memory_gb * 1024)}M", "cpus-per-task": str(cores)}


def _has(given: Mapping[str, str], option: str, value: str) -> bool:
    """Whether the job that this process is in has at least this."""
    if option == "mem":
        return int(given.get("SLURM_MEM_PER_NODE", "0")) >= int(value.removesuffix("M"))
    if option == "cpus-per-task":
        return int(given.get("SLURM_CPUS_PER_TASK", "1")) >= int(value)
    names = {"account": "SLURM_JOB_ACCOUNT", "partition": "SLURM_JOB_PARTITION", "qos": "SLURM_JOB_QOS"}
    return given.get(names[option]) == value if option in names else True


def as_shell_words(options: list[str]) -> str:
    """One line for the shell's `eval`."""
    return " ".join(map(shlex.quote, options))
