"""Faults of the driver, of the programs it calls and of MLflow. Each returns target and deed, or None."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

from tests.slurm.chaos_field import Field
from tests.slurm.chaos_processes import mirrors
from tests.slurm.chaos_programs import BLIND, FAILS, GARBAGE, HALF, UNHEARD, refusal

Done = tuple[str, str] | None
NO_ROOM = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
SBATCH = {
    "unexpected": refusal("Unexpected message received"),
    "timed out": refusal("Socket timed out on send/recv operation"),
    "busy": refusal("Requested nodes are busy"),
    "no room": refusal(NO_ROOM, before="QOSMaxSubmitJobPerUserLimit"),
    "unheard": UNHEARD,
}


def _end_driver(field: Field, number: signal.Signals) -> Done:
    if not field.driver.runs:
        return None
    code, seconds = field.driver.end(number), field.some_time(1, 20)
    if code is None:
        field.find(f"the driver did not end on {number.name}: {field.driver.said()[-300:]}")
    field.later(seconds, "driver", field.start_driver, "started again")
    return "driver", f"{number.name}, exit code {code}, away for {seconds} s"


def kill_the_driver(field: Field) -> Done:
    return _end_driver(field, signal.SIGKILL)


def terminate_the_driver(field: Field) -> Done:
    return _end_driver(field, signal.SIGTERM)


def kill_the_mirror(field: Field) -> Done:
    alive = mirrors(field.mark)
    if not alive:
        return None
    for pid in alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return "mirror", f"kill -9 of process {', '.join(map(str, alive))}"


def delete_a_run_in_mlflow(field: Field) -> Done:
    from mlflow import MlflowClient

    database = field.sweep / "mlflow.db"
    if not database.exists():
        return None
    client = MlflowClient(tracking_uri=f"sqlite:///{database.absolute()}")
    experiment = client.get_experiment_by_name(field.sweep.name)
    found = client.search_runs([experiment.experiment_id]) if experiment else []
    if not found:
        return None
    chosen = field.rng.choice(sorted(found, key=lambda run: str(run.info.run_name)))
    client.delete_run(chosen.info.run_id)
    return str(chosen.data.tags.get("signature", "the sweep's run")), f"MLflow run {chosen.info.run_name!r} deleted"


def switched(program: str, how: str, script: str, low: float, high: float) -> Callable[[Field], Done]:
    """A fault: a program on the driver's PATH answers otherwise for a while."""

    def deed(field: Field) -> Done:
        seconds = field.some_time(low, high)
        field.programs.switch(program, script)
        field.later(seconds, program, lambda: field.programs.restore(program), "answers as usual")
        sent = field.so_that_one_is_sent() if program == "sbatch" else ""
        return program, f"{how} for {seconds} s{sent}"

    return deed


def sbatch_says(how: str) -> Callable[[Field], Done]:
    return switched("sbatch", how, SBATCH[how], 8, 30)


squeue_is_blind = switched("squeue", "sees nothing", BLIND, 5, 30)
squeue_fails = switched("squeue", "fails", FAILS, 5, 30)
squeue_prints_garbage = switched("squeue", "prints garbage", GARBAGE, 5, 30)
squeue_is_cut_off = switched("squeue", "prints half of its answer", HALF, 5, 30)
sacct_fails = switched("sacct", "fails", FAILS, 10, 40)
