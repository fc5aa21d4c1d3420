"""Faults of SLURM's daemons, nodes and rules. Each returns its target and what was done, or None where none fits."""

from __future__ import annotations

import getpass

from tests.slurm.chaos_field import Field

Done = tuple[str, str] | None


def _start(field: Field, seconds: float, *daemon: str) -> None:
    takes = daemon[-1]
    field.later(seconds, takes, lambda: field.slurm.testbed("daemon", "start", *daemon), "started again")


def _busy_node(field: Field) -> str | None:
    nodes = sorted({rank.node for rank in field.ranks() if field.is_free([rank.node])})
    return field.rng.choice(nodes) if nodes else None


def lose_a_node(field: Field) -> Done:
    node = _busy_node(field)
    if node is None:
        return None
    seconds = field.some_time(2, 45)
    field.slurm.testbed("daemon", "kill", "slurmd", node, "--with-jobs")
    _start(field, seconds, "slurmd", node)
    return node, f"slurmd and jobs kill -9 for {seconds} s"


def restart_a_slurmd(field: Field) -> Done:
    node = _busy_node(field)
    if node is None:
        return None
    verb, seconds = field.rng.choice(["stop", "kill"]), field.some_time(1, 45)
    field.slurm.testbed("daemon", verb, "slurmd", node)
    _start(field, seconds, "slurmd", node)
    return node, f"slurmd alone, {verb} for {seconds} s"


def stop_the_controller(field: Field) -> Done:
    seconds = field.some_time(5, 25)
    field.slurm.testbed("daemon", "stop", "slurmctld")
    _start(field, seconds, "slurmctld")
    return "slurmctld", f"stopped for {seconds} s"


def kill_the_controller(field: Field) -> Done:
    seconds = field.some_time(1, 10)
    field.slurm.testbed("daemon", "kill", "slurmctld")
    _start(field, seconds, "slurmctld")
    return "slurmctld", f"kill -9 for {seconds} s"


def kill_the_controller_after_sbatch(field: Field) -> Done:
    """It forgets what it accepted in the last seconds."""
    before = field.programs.calls.stat().st_size
    killed = field.so_that_one_is_sent()
    if not killed or not field.driver.runs:
        return None
    for _ in range(100):
        if field.programs.calls.stat().st_size > before:
            break
        field.breathe(0.2)
    done = kill_the_controller(field)
    return done and (done[0], done[1] + " right after sbatch" + killed)


def stop_accounting(field: Field) -> Done:
    seconds = field.some_time(5, 40)
    field.slurm.testbed("daemon", "stop", "slurmdbd")
    _start(field, seconds, "slurmdbd")
    return "slurmdbd", f"stopped for {seconds} s"


def _partition(field: Field, state: str) -> Done:
    seconds = field.some_time(5, 25)
    field.slurm.ask("scontrol", "update", "partitionname=normal", f"state={state}")

    def up() -> None:
        field.slurm.ask("scontrol", "update", "partitionname=normal", "state=UP")

    field.later(seconds, "partition", up, "UP again")
    return "partition normal", f"{state} for {seconds} s" + field.so_that_one_is_sent()


def drain_the_partition(field: Field) -> Done:
    return _partition(field, "DRAIN")


def close_the_partition(field: Field) -> Done:
    return _partition(field, "DOWN")


def lower_the_submit_limit(field: Field) -> Done:
    limit, seconds, user = field.rng.randint(1, 4), field.some_time(10, 30), getpass.getuser()

    def set_to(number: int) -> None:
        words = f"modify user where name={user} cluster=testbed set MaxSubmitJobs={number}"
        field.slurm.ask("sacctmgr", "-i", *words.split())

    set_to(limit)
    field.later(seconds, "limit", lambda: set_to(-1), "no limit again")
    return "MaxSubmitJobs", f"{limit} for {seconds} s" + field.so_that_one_is_sent()
