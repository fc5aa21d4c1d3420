"""The kinds of cluster by their names, the values of `cluster.executor`; and the cluster that a sweep file asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator

from heatmark.foundation.known_names import KnownNames
from heatmark.foundation.registry import Registry
from heatmark.pipeline.clusters.kind import ClusterKind

if TYPE_CHECKING:
    from heatmark.pipeline.cluster_section import ClusterSection
    from heatmark.pipeline.submit import Cluster

KindT = TypeVar("KindT", bound=ClusterKind)

CLUSTERS: Registry[ClusterKind] = Registry("executor", "heatmark.pipeline.clusters", "heatmark.clusters")


def register(kind: type[KindT]) -> type[KindT]:
    """Decorator of a kind's class: a sweep file may ask for it from then on."""
    CLUSTERS.add(kind.name, kind(), kind.order)
    return kind


def make_cluster(settings: ClusterSection, sweep: Path, supplies: bool = True) -> Cluster:
    """The cluster a sweep file asks for. sweep: the sweep's folder. supplies: see `ClusterKind.make_packed`."""
    if settings.trials_per_job > 1:
        return settings.kind.make_packed(settings, sweep, supplies)
    return settings.kind.make(settings, sweep)


def _known(name: str) -> str:
    CLUSTERS.named(name)
    return name


# The name of a kind as a field of pydantic's.
KnownExecutor = Annotated[str, AfterValidator(_known), KnownNames(lambda: CLUSTERS)]
