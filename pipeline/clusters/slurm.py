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

    def make_packed(self, settings: ClusterSection, sweep: Path, supplies: bool) -> Cluster:
        from heatmark.pipeline.packed_jobs import slurm_packs

        return slurm_packs(settings, sweep, supplies)

    def preview(self, settings: ClusterSection, sweep: Path, trials: int) -> str:
        """The batch script, or why there is none to show."""
        from heatmark.pipeline.packed_cluster import packs_for
        from heatmark.pipeline.packed_jobs import SlurmPacks, pack_record
        from heatmark.pipeline.site import load_site, slurm_keys
        from heatmark.pipeline.slurm_cluster import SlurmCluster

        # A mistake in the site file is the user's; that there is no SLURM here may be as it should.
        keys, packed = slurm_keys(settings, load_site(settings)), settings.trials_per_job > 1
        if packed:
            pack_record(settings, keys)
        try:
            cluster = (SlurmPacks if packed else SlurmCluster)(settings, sweep)
        except InputError as error:
            return f"# not shown: {error}"
        jobs = packs_for(trials, settings.trials_per_job, settings.parallel)
        return cluster.script(cluster.arrays / f"{sweep.name}-XXXXXXXX.json", jobs or 1)

    def account(
        self, settings: ClusterSection, sweep: Path, folders: Sequence[RunFolder], log: Callable[[str], None]
    ) -> int:
        from heatmark.pipeline.accounting import account
        from heatmark.pipeline.packed_accounting import account_packs
        from heatmark.pipeline.site import load_site, slurm_keys
        from heatmark.pipeline.slurm_cluster import clusters_of

        own = [folder for folder in folders if (job := folder.job()) is not None and job.executor == self.name]
        clusters = clusters_of(slurm_keys(settings, load_site(settings)), sweep)
        packed = account_packs(own, sweep, log, clusters)
        return len(packed) + account([folder for folder in own if folder.signature not in packed], log, clusters)
