"""Kinds of cluster: one class in one file of this folder.

A new one is such a file, with a class from kind.py under `@register` that makes a Cluster (submit.py), and needs no
other change.
"""

from heatmark.pipeline.clusters.kind import ClusterKind
from heatmark.pipeline.clusters.registry import CLUSTERS, KnownExecutor, make_cluster, register

__all__ = ["CLUSTERS", "ClusterKind", "KnownExecutor", "make_cluster", "register"]
