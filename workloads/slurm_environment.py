"""The environment for SLURM's commands: what the user set for SLURM counts, what belongs to our own job does not.

Standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

# Set by SLURM, srun or submitit for the job that this process is in.
OF_A_JOB = ("SLURM_", "SLURMD_", "SRUN_", "SUBMITIT_", "PMI", "PMIX_")
# Of these names, what a user or a site sets for SLURM's commands.
OF_THE_USER = frozenset({"SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT", "SLURM_DEBUG", "SLURM_HINT", "SLURM_MPI_TYPE"})
# Of a job's, the folder that some sites give it on its node's own disk: for what runs on this very node.
OF_THE_NODE = frozenset({"SLURM_TMPDIR"})
# Of squeue, sacct and the rest: they choose and shape what is printed, which is parsed here.
SHAPES = ("SQUEUE_", "SACCT_", "SINFO_", "SACCTMGR_", "SCONTROL_", "SCANCEL_", "SPRIO_")
SHAPING = frozenset({"SLURM_TIME_FORMAT", "SLURM_BITSTR_LEN", "SLURM_EXIT_ERROR", "LANG", "LANGUAGE"})


def outside_own_job(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without what SLURM set for the job that this process runs in.

    Outside any job everything of these names is the user's.
    """
    given = os.environ if environment is None else environment
    if "SLURM_JOB_ID" not in given and "SUBMITIT_EXECUTOR" not in given:
        return dict(given)
    return {key: value for key, value in given.items() if key in OF_THE_USER or not key.startswith(OF_A_JOB)}


def on_this_node() -> dict[str, str]:
    """For programs beside this one: as outside any job, with the folder that the site gave the job on its node."""
    return outside_own_job() | {key: value for key, value in os.environ.items() if key in OF_THE_NODE}


def for_questions() -> dict[str, str]:
    """For commands whose answers are parsed: times, columns, filters and language as they are by default."""
    kept = {
        key: value
        for key, value in outside_own_job().items()
        if key not in SHAPING and not key.startswith((*SHAPES, "LC_"))
    }
    return {**kept, "LC_ALL": "C", "SLURM_TIME_FORMAT": "standard"}


def on_own_cluster() -> dict[str, str]:
    """For a job's questions and orders about itself: on a node the default cluster is its own."""
    return without(for_questions(), ("SLURM_CLUSTERS",))


def without(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """A copy without some names."""
    left_out = set(names)
    return {key: value for key, value in environment.items() if key not in left_out}
