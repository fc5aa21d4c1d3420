"""Where trials run: the cluster section of a sweep file, and the keys of SLURM that it shares with the site file."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from heatmark.foundation.section import Section
from heatmark.pipeline.clusters import CLUSTERS, ClusterKind, KnownExecutor
from heatmark.pipeline.walltime import walltime_minutes
from heatmark.workloads.runtime import RunSettings


def _minutes(given: Any) -> Any:
    return walltime_minutes(given) if isinstance(given, str) else given


# A whole number of minutes, or a text as SLURM writes it: `12:00:00`, `2-12:00:00`.
Minutes = Annotated[
    int, Field(ge=1), BeforeValidator(_minutes, json_schema_input_type=Annotated[int, Field(ge=1)] | str)
]


class StageSection(Section):
    """Data on a node's own disk: copied there once per node, and removed with the last trial that uses it."""

    to: str = Field(
        description="A folder there, such as `$SLURM_TMPDIR` or `/local/$USER`; its variables are filled in on "
        "the node."
    )
    tars: dict[str, str] = Field(
        default_factory=dict,
        description="For some data sets, by their name in `data`, the archive that is unpacked there instead of "
        "`root` being copied; its content is that of `root`.",
    )


class SlurmKeys(Section):
    """What a site (for all sweeps) or a sweep says about its jobs; a sweep's value comes before the site's."""

    partition: str | None = Field(None, description="sbatch's option of that name.")
    account: str | None = Field(None, description="sbatch's option of that name.")
    qos: str | None = Field(None, description="sbatch's option of that name.")
    wckey: str | None = Field(None, description="sbatch's option of that name; none is sent unless it is given.")
    constraint: str | None = Field(None, description="sbatch's option of that name.")
    gres: str | None = Field(None, description="sbatch's option of that name.")
    exclude: str | None = Field(None, description="sbatch's option of that name: nodes to avoid.")
    clusters: str | None = Field(None, description="Which of a site's clusters, for all of SLURM's commands (`-M`).")
    gpus_per_node: int | str | None = Field(None, description="A number, or a type and a number (`a100:4`).")
    memory_gb: float | None = Field(None, ge=0, description="Of a node; 0 is all of it.")
    exclusive: bool | None = Field(None, description="Whole nodes.")
    arrays: bool | None = Field(
        None, description="Whether the site takes job arrays; without, every trial is a job of its own."
    )
    srun: tuple[str, ...] | None = Field(
        None, description="Options of srun itself, such as pyxis' `--container-image=...`."
    )
    launcher: str | None = Field(
        None,
        description="A command before python on the nodes, such as `apptainer exec --nv heatmark.sif`; the shell "
        "fills in its variables there.",
    )
    python: str | None = Field(None, description="Another interpreter on the nodes than the driver's.")
    host_suffix: str | None = Field(
        None,
        description="What stands behind a node's name in the fast network's names (`i` on JUWELS): ranks meet there.",
    )
    interface: str | None = Field(
        None,
        description="The network that ranks talk over; they meet at rank 0's address in it unless host_suffix is "
        "given.",
    )
    scratch: str | None = Field(None, description="TMPDIR of a job; made where it is absent.")
    stage: StageSection | None = Field(None, description="Data on a node's own disk; a text alone is its `to`.")

    @field_validator("stage", mode="before", json_schema_input_type=StageSection | str | None)
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


class ClusterSection(SlurmKeys, RunSettings):
    """Where trials run; for SLURM also the keys of SlurmKeys, which come before those of the site file."""

    executor: KnownExecutor = Field("local", description="The kind of cluster (pipeline/clusters/).")
    nodes: int = Field(1, ge=1, description="Of one trial.")
    ranks: int = Field(1, ge=1, description="Processes of a trial per node, one per GPU where there are any.")
    parallel: int = Field(2, ge=1, description="Trials in flight at a time.")
    trials_per_job: int = Field(
        1,
        ge=1,
        description="Places of one job on its nodes, each with its share of cores, memory and GPUs and with one trial "
        "after the other: for sites that give out whole nodes.",
    )
    shared_stream: bool = Field(
        False,
        description="Trials of one job that train on the same crops in the same order are fed by one loader: a picture "
        "is decoded, warped and augmented once for all of them.",
    )
    threads: int = Field(
        0,
        ge=0,
        description="Torch threads per rank; 0 for an equal share of this machine's cores, under SLURM of "
        "cpus_per_rank.",
    )
    timeout_min: Minutes = Field(
        24 * 60,
        description="Time limit of one job, in minutes or as SLURM writes it (`2-12:00:00`); a trial that needs "
        "longer goes on in the next one.",
    )
    retries: int = Field(
        2, ge=0, description="New jobs after a crash of the old one; never after a user's mistake or a diverged loss."
    )
    signal_s: int = Field(
        300,
        ge=1,
        validate_default=True,
        description="Seconds before the limit at which a job is warned: time for a step and a save.",
    )
    cpus_per_rank: int = Field(1, ge=1, description="Of a SLURM job.")
    site: str | None = Field(
        None, description="A site file (slurm/site.example.yaml) with what is the same for every sweep of a cluster."
    )
    poll_s: float | None = Field(
        None,
        gt=0,
        description="Seconds between two looks at all jobs; SLURM's controller is asked one question about all of"
        " them, and not often.",
    )

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
