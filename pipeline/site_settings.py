"""What `heatmark site check` is told: the cluster section of a sweep file, from --set alone, and where MLflow is."""

from __future__ import annotations

from typing import Any

from pydantic import Field, TypeAdapter

from heatmark.foundation.errors import InputError
from heatmark.foundation.section import Section
from heatmark.pipeline.cluster_section import ClusterSection
from heatmark.pipeline.sweep import TrackingSection, apply_change, validated


class SiteQuestion(Section):
    """The sections of a sweep file that say something of a site."""

    cluster: ClusterSection = Field(ClusterSection(), description="Where trials run.")
    tracking: TrackingSection = Field(TrackingSection(), description="Where MLflow keeps them.")


def site_settings(site: str | None, changes: list[str]) -> tuple[ClusterSection, str | None]:
    """The cluster section, and the address of MLflow where one is given. Raises InputError."""
    content: dict[str, Any] = {"cluster": {"executor": "slurm"} | ({"site": site} if site is not None else {})}
    for change in changes:
        apply_change(content, change)
    question: SiteQuestion = validated(TypeAdapter(SiteQuestion), content, "--set")
    if not question.cluster.kind.has_site:
        raise InputError("--set cluster.executor: a site is checked through SLURM alone; leave it out")
    return question.cluster, question.tracking.uri
