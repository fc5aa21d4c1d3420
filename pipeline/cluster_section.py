"""Where trials run: the cluster section of a sweep file, and the keys of SLURM that it shares with the site file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from heatmark.pipeline.clusters import CLUSTERS, ClusterKind, KnownExecutor
from heatmark.pipeline.walltime import walltime_minutes
from heatmark.workloads.spec import Section


def _minutes(given: Any) -> Any:
    return walltime_minutes(given) if isinstance(given, str) else given


# A whole number of minutes, or a text as SLURM writes it: `12:00:00`, `2-12:00:00`.
Minutes = Annotated[int, BeforeValidator(_minutes), Field(ge=1)]


class StageSection(Section):
    """Data on a node's own disk.

    to: a folder there, such as `$SLURM_TMPDIR` or `/local/$USER`; variables are filled in on the node. Every data set
    is copied into a folder of its own below it, once per node, and removed with the last trial that uses it.
    tars: for some data sets (by their name in `data`) the archive that is unpacked there instead of `root` being
    copied; its content is that of `root`.
    """

    to: str
    tars: dict[str, str] = Field(default_factory=dict)


class SlurmKeys(Section):
    """What a site (for all sweeps) or a sweep says about its jobs; a sweep's value comes before the site's.

    partition, account, qos, wckey, constraint, gres, exclude: sbatch's options of those names; no wckey unless given.
    clusters: which of a site's clusters, for all of SLURM's commands (`-M`).
    gpus_per_node: a number, or a type and a number (`a100:4`). memory_gb: of a node; 0 is all of it. exclusive: whole
    nodes. arrays: whether the site takes job arrays; without, every trial is a job of its own.
    srun: options of srun itself, such as pyxis' `--container-image=...`.
    launcher: a command before python on the nodes, such as `apptainer exec --nv heatmark.sif`; the shell fills in its
    variables there. python: another interpreter than the driver's.
    host_suffix: what stands behind a node's name in the fast network's names (`i` on JUWELS): ranks meet there.
    interface: the network that ranks talk over; they meet at rank 0's address in it unless host_suffix is given.
    scratch: TMPDIR of a job; made where it is absent. stage: see StageSection; a text alone is its `to`.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    wckey: str | None = None
    constraint: str | None = None
    gres: str | None = None
    exclude: str | None = None
    clusters: str | None = None
    gpus_per_node: int | str | None = None
    memory_gb: float | None = Field(None, ge=0)
    exclusive: bool | None = None
    arrays: bool | None = None
    srun: tuple[str, ...] | None = None
    launcher: str | None = None
    python: str | None = None
    host_suffix: str | None = None
    interface: str | None = None
    scratch: str | None = None
    stage: StageSection | None = None

    @field_validator("stage", mode="before")
    @classmethod
    def _folder_alone(cls, given: Any) -> Any:
        return {"to": given} if isinstance(given, str) else given

    @field_validator("gpus_per_node")
    @classmethod
    def _count_or_typed(cls, given: int | str | None) -> int | str | None:
        if isinstance(given, int) and given < 0:
            raise ValueError("must be 0 or more")
        if isinstance(given, str) and not re.fullmatch(r"[A-Za-z0-9._-]+(:[A-Za-z0-9._-]+)*:[1-9]\d*", given):
            raise ValueError("must be a number, or a type and a number such as 'a100:4'")
        return given


class ClusterSection(SlurmKeys):
    """Where trials run; for SLURM also the keys of SlurmKeys, which come before those of the site file.

    executor: the kind of cluster (pipeline/clusters/).
    nodes, ranks: of one trial; ranks are processes per node, one per GPU where there are any. parallel: trials in
    flight at a time. threads: torch threads per rank, 0 for an equal share of this machine's cores (under SLURM, of
    cpus_per_rank).
    workers: loader processes per rank. retries: new jobs after a crash of the old one (never after a user's mistake or
    a diverged loss). timeout_min: time limit of one job, in minutes or as SLURM writes it (`2-12:00:00`); a trial that
    needs longer goes on in the next one.
    signal_s: seconds before the limit at which a job is warned, time for a step and a save. hang_s: the longest time
    one step may take. cpus_per_rank: of a SLURM job. site: a site file (slurm/site.example.yaml) with what is the same
    for every sweep of a cluster. poll_s: seconds between two looks at all jobs; SLURM's controller is asked one
    question about all of them, and not often. image_cache: a folder, on a node's own disk say, for decoded images, so
    that each is decoded once; its variables are filled in by the job.
    """

    executor: KnownExecutor = "local"
    nodes: int = Field(1, ge=1)
    ranks: int = Field(1, ge=1)
    parallel: int = Field(2, ge=1)
    threads: int = Field(0, ge=0)
    workers: int = Field(0, ge=0)
    zero_stage: Literal[0, 1, 2] = 0
    channels_last: bool = True
    keep_checkpoints: int = Field(2, ge=1)
    timeout_min: Minutes = 24 * 60
    retries: int = Field(2, ge=0)
    signal_s: int = Field(300, ge=1, validate_default=True)
    hang_s: float = Field(600.0, gt=0)
    cpus_per_rank: int = Field(1, ge=1)
    site: str | None = None
    poll_s: float | None = Field(None, gt=0)
    image_cache: str | None = None
    strict: bool = False

    @field_validator("signal_s")
    @classmethod
    def _before_the_limit(cls, value: int, info: ValidationInfo) -> int:
        limit_min = info.data.get("timeout_min")
        kind = CLUSTERS.get(info.data.get("executor", ""))
        if kind is not None and kind.warns and limit_min is not None and value >= 60 * limit_min:
            raise ValueError(f"must be less than timeout_min, which is {limit_min} min")
        return value

    @property
    def interval_s(self) -> float:
        return self.poll_s or self.kind.poll_s

    @property
    def kind(self) -> ClusterKind:
        return CLUSTERS[self.executor]
