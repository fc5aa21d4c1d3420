"""Which process of which job this is, as the launcher tells it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Launch:
    """job: the job's id. restart: how often the cluster has run this job before. host: this node's name for the others.

    nodes: 1 means every rank runs on this host.
    """

    job: str
    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    nodes: int = 1
    restart: int = 0
    host: str = "127.0.0.1"

    @property
    def token(self) -> str:
        """An id that no other attempt shares."""
        return f"{self.job}-{self.restart}"

    @staticmethod
    def from_environment() -> Launch:
        """submitit's environment (SLURM or local) inside a job, one rank elsewhere."""
        if "SUBMITIT_EXECUTOR" not in os.environ:
            return Launch(job=f"{socket.gethostname()}-{os.getpid()}")
        from submitit import JobEnvironment

        job = JobEnvironment()
        several = job.num_nodes > 1
        return Launch(
            job=job.job_id,
            rank=job.global_rank,
            world_size=job.num_tasks,
            local_rank=job.local_rank,
            nodes=job.num_nodes,
            restart=int(os.environ.get("SLURM_RESTART_COUNT", "0")),
            host=os.environ.get("SLURMD_NODENAME", socket.gethostname()) if several else "127.0.0.1",
        )
