"""The table of faults: what each is, and what must be at hand and not be disturbed already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.slurm import chaos_cluster_faults as cluster
from tests.slurm import chaos_driver_faults as driver
from tests.slurm import chaos_job_faults as job
from tests.slurm.chaos_field import Field

CONTROLLER, ACCOUNTING, DRIVER = "slurmctld", "slurmdbd", "driver"


@dataclass(frozen=True)
class Kind:
    """deed: see the modules of faults. needs: names of which no fault may be under way (chaos_field.Undo.takes)."""

    said: str
    deed: Callable[[Field], tuple[str, str] | None]
    needs: tuple[str, ...] = ()


KINDS = {
    "rank": Kind("kill -9 of a rank", job.kill_a_rank),
    "rank-starting": Kind("kill -9 of a rank that starts or ends", job.kill_a_rank_while_it_starts),
    "rank0-saving": Kind("kill -9 of rank 0 while it saves", job.kill_rank_0_while_it_saves),
    "rank-stopped": Kind("SIGSTOP to a rank", job.stop_a_rank),
    "warn-first": Kind("SIGUSR2 to an array's first element", job.warn_the_first, (CONTROLLER,)),
    "warn-middle": Kind("SIGUSR2 to one in the middle", job.warn_one_in_the_middle, (CONTROLLER,)),
    "warn-last": Kind("SIGUSR2 to an array's last element", job.warn_the_last, (CONTROLLER,)),
    "preempt": Kind("an urgent job takes nodes", job.preempt, (CONTROLLER, "partition", "limit")),
    "requeue": Kind("scontrol requeue of a running job", job.requeue_by_hand, (CONTROLLER,)),
    "hold": Kind("scontrol hold, later release, of a waiting job", job.hold_and_release, (CONTROLLER,)),
    "lease": Kind("lease.json removed", job.remove_a_lease),
    "torn-metrics": Kind("half a line in metrics.jsonl of a waiting trial", job.tear_the_metrics, (CONTROLLER,)),
    "checkpoint": Kind("newest checkpoint of a waiting trial damaged", job.damage_the_newest_checkpoint, (CONTROLLER,)),
    "node": Kind("a node dies with its jobs and comes back", cluster.lose_a_node),
    "slurmd": Kind("a slurmd alone is away for a while", cluster.restart_a_slurmd),
    "ctld-stop": Kind("slurmctld is stopped for a while", cluster.stop_the_controller, (CONTROLLER,)),
    "ctld-kill": Kind("kill -9 of slurmctld", cluster.kill_the_controller, (CONTROLLER,)),
    "ctld-kill-sbatch": Kind(
        "kill -9 of slurmctld after it accepted jobs",
        cluster.kill_the_controller_after_sbatch,
        (CONTROLLER, "sbatch", "squeue", "partition", "limit", DRIVER),
    ),
    "dbd-stop": Kind("slurmdbd is stopped for a while", cluster.stop_accounting, (ACCOUNTING,)),
    "drain": Kind("the partition is in DRAIN for a while", cluster.drain_the_partition, (CONTROLLER, "partition")),
    "down": Kind("the partition is DOWN for a while", cluster.close_the_partition, (CONTROLLER, "partition")),
    "limit": Kind("MaxSubmitJobs lowered", cluster.lower_the_submit_limit, (CONTROLLER, ACCOUNTING, "limit")),
    "driver-kill": Kind("kill -9 of the driver, started again", driver.kill_the_driver, (DRIVER,)),
    "driver-term": Kind("SIGTERM to the driver, started again", driver.terminate_the_driver, (DRIVER,)),
    "mirror": Kind("kill -9 of the MLflow mirror", driver.kill_the_mirror),
    "mlflow-run": Kind("a run deleted in MLflow", driver.delete_a_run_in_mlflow),
    "sbatch-unexpected": Kind(
        "sbatch: Unexpected message received", driver.sbatch_says("unexpected"), ("sbatch", DRIVER)
    ),
    "sbatch-timeout": Kind("sbatch: Socket timed out", driver.sbatch_says("timed out"), ("sbatch", DRIVER)),
    "sbatch-busy": Kind("sbatch: Requested nodes are busy", driver.sbatch_says("busy"), ("sbatch", DRIVER)),
    "sbatch-room": Kind("sbatch: a QOS' submit limit", driver.sbatch_says("no room"), ("sbatch", DRIVER)),
    "sbatch-unheard": Kind("sbatch accepts, its answer is lost", driver.sbatch_says("unheard"), ("sbatch", DRIVER)),
    "squeue-blind": Kind("squeue sees nothing", driver.squeue_is_blind, ("squeue", DRIVER)),
    "squeue-fails": Kind("squeue fails", driver.squeue_fails, ("squeue", DRIVER)),
    "squeue-garbage": Kind("squeue prints garbage", driver.squeue_prints_garbage, ("squeue", DRIVER)),
    "squeue-half": Kind("squeue's answer is cut off", driver.squeue_is_cut_off, ("squeue", DRIVER)),
    "sacct-fails": Kind("sacct fails", driver.sacct_fails, ("sacct", DRIVER)),
}
