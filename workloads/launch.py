"""Which process of which job this is, as the launcher tells it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import psutil

# In the environment of a trial in a place of a packed job (workloads/packed): the id of its ticket.
IN_PLACE = "HEATMARK_TICKET"
# In that of every process of a trial on this machine: its run folder.
RUN_VARIABLE = "HEATMARK_RUN"
# What CUDA takes: numbers or UUIDs, separated by commas. Ours stands in a job's environment beside it.
VISIBLE, GIVEN = "CUDA_VISIBLE_DEVICES", "HEATMARK_GPUS"


@dataclass(frozen=True)
class Launch:
    """job: the job's id, of an element of an array `A_i`. restart: how often the cluster has run this job before.

    host: this node's name for the others. nodes: 1 means every rank runs on this host. in_slurm: whether a sweep sent
    this very job to SLURM; any other may well run inside somebody's allocation, which it leaves alone.
    """

    job: str
    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    nodes: int = 1
    restart: int = 0
    host: str = "127.0.0.1"
    in_slurm: bool = False

    @property
    def token(self) -> str:
        """An id that no other attempt shares."""
        return f"{self.job}-{self.restart}"

    @staticmethod
    def from_environment(sent_by_sweep: bool = False) -> Launch:
        """submitit's environment (SLURM or local) inside a job, one rank elsewhere.

        sent_by_sweep: see run_trial (workloads/job.py).
        """
        if IN_PLACE in os.environ:
            return _in_a_place()
        if "SUBMITIT_EXECUTOR" not in os.environ:
            return Launch(job=f"{socket.gethostname()}-{os.getpid()}")
        from submitit import JobEnvironment

        job = JobEnvironment()
        in_slurm = os.environ["SUBMITIT_EXECUTOR"] == "slurm"
        return Launch(
            job=job.job_id,
            rank=job.global_rank,
            world_size=job.num_tasks,
            local_rank=job.local_rank,
            nodes=job.num_nodes,
            restart=int(os.environ.get("SLURM_RESTART_COUNT", "0")) if in_slurm else 0,
            host=_name_for_others() if job.num_nodes > 1 else "127.0.0.1",
            in_slurm=in_slurm and sent_by_sweep,
        )


def _in_a_place() -> Launch:
    """As a packed job's keeper started it: whether the job is run again is the keeper's concern."""
    if os.environ["HEATMARK_LAUNCHER"] == "srun":
        names = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_NUM_NODES")
        rank, world_size, local_rank, nodes = (int(os.environ[name]) for name in names)
    else:
        rank, world_size = int(os.environ["HEATMARK_RANK"]), int(os.environ["HEATMARK_RANKS"])
        local_rank, nodes = rank, 1
    return Launch(
        job=os.environ[IN_PLACE],
        rank=rank,
        world_size=world_size,
        local_rank=local_rank,
        nodes=nodes,
        restart=int(os.environ["HEATMARK_RESTART"]),
        host=_name_for_others() if nodes > 1 else "127.0.0.1",
    )


def _name_for_others() -> str:
    """Where other nodes reach this one: by its name or address in the fast network, or by its node's name."""
    node = os.environ.get("SLURMD_NODENAME", socket.gethostname())
    suffix = os.environ.get("HEATMARK_HOST_SUFFIX")
    if suffix:
        return node + suffix
    addresses = psutil.net_if_addrs()
    for interface in os.environ.get("HEATMARK_INTERFACE", "").split(","):
        for address in addresses.get(interface, []):
            if address.family == socket.AF_INET:
                return str(address.address)
    return node
