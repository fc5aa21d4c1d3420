"""SLURM: trials are elements of its job arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from heatmark.foundation.errors import InputError
from heatmark.pipeline.clusters.kind import ClusterKind
from heatmark.pipeline.clusters.registry import register

if TYPE_CHECKING:
    from heatmark.pipeline.cluster_section import ClusterSection
    from heatmark.pipeline.submit import Cluster
    from heatmark.workloads.run_folder.folder import RunFolder


@register
class Slurm(ClusterKind):
    """Each rank has its own cores on a node; its controller is asked one question about all jobs, and not often."""

    name: ClassVar[str] = "slurm"
    order: ClassVar[int] = 1
    poll_s: ClassVar[float] = 15.0
    warns: ClassVar[bool] = True
    has_site: ClassVar[bool] = True
    elsewhere: ClassVar[bool] = True
    sender: ClassVar[str] = "sbatch"

    def make(self, settings: ClusterSection, sweep: Path) -> Cluster:
        from heatmark.pipeline.slurm_cluster import SlurmCluster

        return SlurmCluster(settings, sweep)

    def preview(self, settings: ClusterSection, sweep: Path, trials: int) -> str:
        """The batch script, or why there is none to show."""
        from heatmark.pipeline.site import load_site
        from heatmark.pipeline.slurm_cluster import SlurmCluster

        load_site(settings)  # a mistake in it is the user's; that there is no SLURM here may be as it should
        try:
            cluster = SlurmCluster(settings, sweep)
        except InputError as error:
            return f"# not shown: {error}"
        return cluster.script(cluster.arrays / f"{sweep.name}-XXXXXXXX.json", min(trials, settings.parallel) or 1)

    def account(
        self, settings: ClusterSection, sweep: Path, folders: Sequence[RunFolder], log: Callable[[str], None]
    ) -> int:
        from heatmark.pipeline.accounting import account
        from heatmark.pipeline.site import load_site, slurm_keys
        from heatmark.pipeline.slurm_cluster import clusters_of

        own = [folder for folder in folders if (job := folder.job()) is not None and job.executor == self.name]
        return account(own, log, clusters_of(slurm_keys(settings, load_site(settings)), sweep))
