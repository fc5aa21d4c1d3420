"""The site file: what is the same for every sweep of a cluster, apart from the sweep file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter, field_validator

from heatmark.foundation.errors import InputError
from heatmark.foundation.section import Section
from heatmark.foundation.yaml_file import read_yaml
from heatmark.pipeline.cluster_section import ClusterSection, Minutes, SlurmKeys, StageSection
from heatmark.pipeline.sweep import expand_path, validated

SITE_VARIABLE = "HEATMARK_SITE"
# sbatch's options that heatmark sets itself, by their long names and letters, and where to say what is meant instead.
ITS_OWN = "heatmark sets it itself and follows its jobs by it; leave it out"
OWN_OPTIONS = {
    **dict.fromkeys(("job-name", "J", "array", "a", "output", "o", "error", "e", "open-mode", "comment"), ITS_OWN),
    **dict.fromkeys(("requeue", "no-requeue", "parsable", "wait", "W", "wrap", "test-only", "hold", "H"), ITS_OWN),
    **dict.fromkeys(("dependency", "d", "chdir", "D", "quiet", "Q"), ITS_OWN),
    **dict.fromkeys(("time", "t", "time-min"), "write cluster.timeout_min in the sweep file: {value}"),
    "signal": "write cluster.signal_s in the sweep file",
    **dict.fromkeys(("nodes", "N"), "write cluster.nodes in the sweep file: {value}"),
    **dict.fromkeys(("ntasks", "n", "ntasks-per-node"), "write cluster.ranks in the sweep file (per node)"),
    **dict.fromkeys(("cpus-per-task", "c"), "write cluster.cpus_per_rank in the sweep file: {value}"),
    **dict.fromkeys(("mem", "mem-per-cpu", "mem-per-gpu"), "write memory_gb (of a node; 0 is all of it)"),
    **dict.fromkeys(("gpus", "G", "gpus-per-node", "gpus-per-task"), "write gpus_per_node: {value}"),
    **dict.fromkeys(("clusters", "M"), "write clusters: {value}"),
    **dict.fromkeys(("partition", "p"), "write partition: {value}"),
    **dict.fromkeys(("account", "A"), "write account: {value}"),
    **dict.fromkeys(("qos", "q"), "write qos: {value}"),
    **dict.fromkeys(("constraint", "C"), "write constraint: {value}"),
    **dict.fromkeys(("exclude", "x"), "write exclude: {value}"),
    "gres": "write gres: {value}",
    "wckey": "write wckey: {value} (none is sent unless it is given)",
}


class AnswersSection(Section):
    """A site's own words in sbatch's messages, as parts of them; they come before the table of slurm_answers.py."""

    final: tuple[str, ...] = Field((), description="The user's mistake.")
    no_room: tuple[str, ...] = Field((), description="A limit on the number of jobs.")
    again: tuple[str, ...] = Field((), description="Passes by itself.")


class DriverSection(Section):
    """The driver's own job (`sbatch slurm/sweep.sh`), which needs no GPU; what is left out is as for the trials."""

    partition: str | None = Field(None, description="sbatch's option of that name.")
    account: str | None = Field(None, description="sbatch's option of that name.")
    qos: str | None = Field(None, description="sbatch's option of that name.")
    timeout_min: Minutes | None = Field(None, description="Its time limit, in minutes or as SLURM writes it.")
    memory_gb: float | None = Field(None, ge=0, description="As `cluster.parallel` needs it where it is left out.")
    cpus: int | None = Field(None, ge=1, description="As `cluster.parallel` needs them where they are left out.")
    extra: dict[str, str | int | float | Literal[True]] = Field(
        default_factory=dict, description="Any other sbatch option; `true` for one that takes no value."
    )


class Site(SlurmKeys):
    """slurm/site.example.yaml explains each; the keys of SlurmKeys may stand in a sweep file's cluster section, too."""

    setup: tuple[str, ...] = Field(
        (), description="Shell lines before a job's command, on its first node; one that fails ends the job."
    )
    exclude_after_failures: int = Field(
        2, ge=0, description="A node that failed under so many jobs in a day is left out; 0 for never."
    )
    cancel_stuck: bool = Field(True, description="A job that can never start is cancelled and told.")
    cancel_held: bool = Field(False, description="Likewise one that is held.")
    ask_again_min: float = Field(
        10.0, ge=0, description="How long a message of sbatch that is in no table counts as passing."
    )
    answers: AnswersSection = Field(AnswersSection(), description="The site's own words in sbatch's messages.")
    driver: DriverSection = Field(DriverSection(), description="The driver's own job.")
    extra: dict[str, str | int | float | Literal[True]] = Field(
        default_factory=dict, description="Any other sbatch option; `true` for one that takes no value."
    )

    @field_validator("extra")
    @classmethod
    def _none_of_its_own(cls, given: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        for key, value in given.items():
            option = key.replace("_", "-").lstrip("-")
            if option in OWN_OPTIONS:
                raise ValueError(f"{key}: not here: {OWN_OPTIONS[option].format(value=value)}")
        return given


def load_site(cluster: ClusterSection) -> Site:
    """The site file of a sweep, or that of $HEATMARK_SITE, or none. Raises InputError."""
    named = cluster.site or os.environ.get(SITE_VARIABLE)
    if not named:
        return Site()
    return read_site(expand_path(named))


def read_site(path: Path) -> Site:
    """Raises InputError with the file, the key and what is wrong."""
    content = read_yaml(path, "give a site file such as slurm/site.example.yaml") or {}
    site: Site = validated(TypeAdapter(Site), content, str(path))
    return site


def slurm_keys(cluster: ClusterSection, site: Site) -> SlurmKeys:
    """What holds for a sweep on a site. Raises InputError for GPUs that are asked for twice."""
    names = SlurmKeys.model_fields
    given = {name: getattr(cluster, name) for name in names if getattr(cluster, name) is not None}
    merged = {name: getattr(site, name) for name in names} | given
    if merged["gpus_per_node"] and _has_gpus(merged["gres"]):
        if "gpus_per_node" in given and "gres" not in given:
            others = [part for part in merged["gres"].split(",") if not _has_gpus(part)]
            merged["gres"] = ",".join(others) or None
        else:
            raise InputError(
                f"gpus_per_node: {merged['gpus_per_node']} and gres: {merged['gres']} both ask for GPUs; leave one out"
            )
    return SlurmKeys.model_construct(**merged)


def _has_gpus(gres: str | None) -> bool:
    return any(part.removeprefix("gres/").partition(":")[0] == "gpu" for part in (gres or "").split(","))


def stage_of(cluster: ClusterSection) -> StageSection | None:
    """Where the nodes of a sweep keep data of their own. Raises InputError for a site file that cannot be used."""
    return slurm_keys(cluster, load_site(cluster) if cluster.kind.has_site else Site()).stage
