"""The environment that sbatch gets: what the user set for sbatch counts, unless sweep or site file say otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from heatmark.pipeline.cluster_section import SlurmKeys
from heatmark.pipeline.site import Site
from heatmark.workloads.slurm_environment import outside_own_job, without

# What heatmark says in every batch script; sbatch would take the variable instead.
ALWAYS_SET = (
    *("JOB_NAME", "ARRAY_INX", "OUTPUT", "ERROR", "OPEN_MODE", "REQUEUE", "NO_REQUEUE", "SIGNAL", "TIMELIMIT", "WAIT"),
    "COMMENT",
)
# The variables of the keys of a site or sweep file.
OF_KEYS = {
    "partition": ("PARTITION",),
    "account": ("ACCOUNT",),
    "qos": ("QOS",),
    "wckey": ("WCKEY",),
    "constraint": ("CONSTRAINT",),
    "gres": ("GRES",),
    "clusters": ("CLUSTERS",),
    "gpus_per_node": ("GPUS", "GPUS_PER_NODE", "GPUS_PER_TASK", "GRES"),
    "memory_gb": ("MEM_PER_NODE", "MEM_PER_CPU", "MEM_PER_GPU"),
    "exclusive": ("EXCLUSIVE",),
}


def submit_environment(given: Mapping[str, str], keys: SlurmKeys, site: Site) -> tuple[dict[str, str], list[str]]:
    """The environment for sbatch, and a line for each variable of the user's that the files overrule."""
    environment = outside_own_job(given)
    overruled = {f"SBATCH_{name}": "heatmark's own" for name in ALWAYS_SET}
    for key, names in OF_KEYS.items():
        if getattr(keys, key) not in (None, ""):
            overruled |= {f"SBATCH_{name}": f"that of `{key}` in the sweep or site file" for name in names}
    for option in site.extra:
        name = option.lstrip("-").replace("-", "_").upper()
        overruled[f"SBATCH_{name}"] = f"that of extra.{option} in the site file"
    found = [name for name in overruled if name in environment]
    notes = [f"{name}={environment[name]} is not used: {overruled[name]} counts" for name in found]
    return without(environment, found), notes
