"""The site file: what is the same for every sweep of a cluster, apart from the sweep file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter

from heatmark.pipeline.sweep import ClusterSection, expand_path, validated
from heatmark.pipeline.yaml_file import read_yaml
from heatmark.workloads.spec import Section

SITE_VARIABLE = "HEATMARK_SITE"


class Site(Section):
    """slurm/site.example.yaml explains each.

    setup: shell lines before a job's command. extra: any sbatch option;
    `true` for one that takes no value (`exclusive: true`)."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gres: str | None = None
    exclude: str | None = None
    setup: tuple[str, ...] = ()
    interface: str | None = None
    scratch: str | None = None
    exclude_after_failures: int = Field(2, ge=0)
    cancel_stuck: bool = True
    extra: dict[str, str | int | float | Literal[True]] = Field(default_factory=dict)


def load_site(cluster: ClusterSection) -> Site:
    """The site file of a sweep, or that of $HEATMARK_SITE, or none. Raises InputError."""
    named = cluster.site or os.environ.get(SITE_VARIABLE)
    if not named:
        return Site()
    path: Path = expand_path(named)
    content = read_yaml(path, "give a site file such as slurm/site.example.yaml") or {}
    site: Site = validated(TypeAdapter(Site), content, str(path))
    return site


def job_setup(site: Site) -> list[str]:
    """The shell lines of a site, with its network interface and scratch folder in the places programs look at."""
    lines = list(site.setup)
    if site.interface:
        lines += [f"export GLOO_SOCKET_IFNAME={site.interface}", f"export NCCL_SOCKET_IFNAME={site.interface}"]
    if site.scratch:
        lines.append(f"export TMPDIR={site.scratch}")
    return lines
