"""This machine: trials are its processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from heatmark.pipeline.clusters.kind import ClusterKind
from heatmark.pipeline.clusters.registry import register

if TYPE_CHECKING:
    from heatmark.pipeline.cluster_section import ClusterSection
    from heatmark.pipeline.submit import Cluster


@register
class Local(ClusterKind):
    """All ranks of all trials share one machine."""

    name: ClassVar[str] = "local"
    order: ClassVar[int] = 0
    most_nodes: ClassVar[int | None] = 1

    def make(self, settings: ClusterSection, sweep: Path) -> Cluster:
        from heatmark.pipeline.local_cluster import LocalCluster

        return LocalCluster(settings)

    def make_packed(self, settings: ClusterSection, sweep: Path, supplies: bool) -> Cluster:
        from heatmark.pipeline.packed_jobs import local_packs

        return local_packs(settings, sweep, supplies)

    def threads_per_rank(self, settings: ClusterSection) -> int:
        return max(1, len(os.sched_getaffinity(0)) // (settings.parallel * settings.ranks))
