"""How packed jobs are sent: as SLURM's jobs on whole nodes, or as processes of this machine."""

from __future__ import annotations

import re
from pathlib import Path

from heatmark.foundation.errors import InputError
from heatmark.pipeline.cluster_section import ClusterSection, SlurmKeys
from heatmark.pipeline.local_cluster import LocalCluster
from heatmark.pipeline.packed_cluster import PackedCluster, most_packs
from heatmark.pipeline.slurm_cluster import SlurmCluster
from heatmark.pipeline.slurm_script import srun_options
from heatmark.pipeline.submit import node_command
from heatmark.workloads.packed.files import PackRecord
from heatmark.workloads.run_folder.folder import RunFolder

KEEPER, TRIAL = "heatmark.workloads.packed.keeper", "heatmark.workloads.job"
_GPUS = re.compile(r"gpu(?::(?P<type>[^:,()]+))?:(?P<count>\d+)")


class SlurmPacks(SlurmCluster):
    """Jobs that hold `cluster.trials_per_job` trials: their command is the keeper's, on the first node."""

    def __init__(self, settings: ClusterSection, sweep: Path) -> None:
        super().__init__(settings, sweep)
        self.places = settings.trials_per_job

    def command(self, array_file: Path, keys: SlurmKeys) -> str:
        # Without the launcher in front of python: a container may have no srun.
        own = keys.model_copy(update={"launcher": None, "python": None})
        return node_command(KEEPER, ["--array", str(array_file)], own)


class LocalPacks(LocalCluster):
    """The same on this machine."""

    @property
    def processes(self) -> int:
        return 1

    @property
    def gpus_of_a_job(self) -> int:
        return self.settings.ranks * self.settings.trials_per_job

    def command(self, folder: RunFolder) -> str:
        return node_command(KEEPER, [str(folder.spec_file)])


def slurm_packs(settings: ClusterSection, sweep: Path, supplies: bool) -> PackedCluster:
    """Raises InputError."""
    below = SlurmPacks(settings, sweep)
    return _packed(below, settings, sweep, pack_record(settings, below.keys), supplies)


def local_packs(settings: ClusterSection, sweep: Path, supplies: bool) -> PackedCluster:
    """On this machine."""
    return _packed(LocalPacks(settings), settings, sweep, pack_record(settings), supplies)


def _packed(
    below: SlurmCluster | LocalCluster, settings: ClusterSection, sweep: Path, record: PackRecord, supplies: bool
) -> PackedCluster:
    most = most_packs(settings.trials_per_job, settings.parallel)
    return PackedCluster(below, sweep, record, most, supplies)


def pack_record(settings: ClusterSection, keys: SlurmKeys | None = None) -> PackRecord:
    """How a job shares its nodes out. keys: of SLURM; None on this machine.

    Raises InputError for GPUs that cannot be shared out equally.
    """
    places = settings.trials_per_job
    return PackRecord(
        launcher="local" if keys is None else "srun",
        places=places,
        nodes=settings.nodes,
        ranks=settings.ranks,
        cpus_per_rank=settings.cpus_per_rank,
        step=node_command(TRIAL, [], keys),
        srun=srun_options(keys) if keys else "",
        gpus=_gpu_option(keys, places) if keys else None,
        warned_s=float(settings.signal_s),
        linger_s=settings.interval_s,
        stream_makers=max(1, settings.workers) if settings.shared_stream else 0,
    )


def _gpu_option(keys: SlurmKeys, places: int) -> str | None:
    """srun's option for one place's part of what the job asks of a node."""
    if keys.gpus_per_node:
        kind, _, count = str(keys.gpus_per_node).rpartition(":")
        share = _share(int(count), places, f"gpus_per_node: {keys.gpus_per_node}")
        return f"--gpus-per-node={kind + ':' if kind else ''}{share}"
    parts = [found for part in (keys.gres or "").split(",") if (found := _GPUS.fullmatch(part))]
    if not parts:
        return "--gres=none" if keys.gres else None
    shares = [
        f"gpu:{found['type'] + ':' if found['type'] else ''}{_share(int(found['count']), places, f'gres: {keys.gres}')}"
        for found in parts
    ]
    return f"--gres={','.join(shares)}"


def _share(count: int, places: int, given: str) -> int:
    if count % places:
        raise InputError(
            f"cluster.trials_per_job: {places}: {given} cannot be shared out equally; choose a divisor of {count}"
        )
    return count // places
