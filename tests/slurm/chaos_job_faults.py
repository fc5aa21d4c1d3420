"""Faults of a trial's processes, jobs and files. Each returns its target and what was done, or None where none fits."""

from __future__ import annotations

import contextlib
import time
from signal import SIGSTOP

from heatmark.workloads import checkpoint
from tests.slurm.chaos_field import Field
from tests.slurm.chaos_slurm import Element, SlurmFailed, SlurmSilent

Done = tuple[str, str] | None
SAVE_S = 8.0
TORN = b'{"schema_version": 1, "epoch": 7, "step": 84, "samples_se'


def kill_a_rank(field: Field) -> Done:
    alive = field.training()
    if not alive or not field.kill(rank := field.rng.choice(alive)):
        return None
    return rank.signature, f"kill -9 of rank {rank.rank}, job {rank.job_id}"


def kill_a_rank_while_it_starts(field: Field) -> Done:
    starting = sorted(set(field.ranks()) - set(field.training()), key=lambda rank: rank.pid)
    if not starting or not field.kill(rank := field.rng.choice(starting)):
        return None
    return rank.signature, f"kill -9 of rank {rank.rank}, job {rank.job_id}, before its first heartbeat or at its end"


def kill_rank_0_while_it_saves(field: Field) -> Done:
    firsts = [rank for rank in field.training() if rank.rank == 0]
    if not firsts:
        return None
    rank = field.rng.choice(firsts)
    checkpoints = field.sweep / rank.signature / "checkpoints"
    deadline = time.monotonic() + SAVE_S
    while time.monotonic() < deadline:
        if any(checkpoints.glob(".step-*.tmp")):
            return (
                (rank.signature, f"kill -9 of rank 0, job {rank.job_id}, while it saves") if field.kill(rank) else None
            )
    return None


def stop_a_rank(field: Field) -> Done:
    alive = field.training()
    if not alive or not field.kill(rank := field.rng.choice(alive), SIGSTOP):
        return None
    return rank.signature, f"SIGSTOP to rank {rank.rank}, job {rank.job_id}"


def remove_a_lease(field: Field) -> Done:
    leases = sorted(field.sweep.glob("*/lease.json"))
    if not leases:
        return None
    lease = field.rng.choice(leases)
    lease.unlink(missing_ok=True)
    return lease.parent.name, "lease.json removed"


def tear_the_metrics(field: Field) -> Done:
    """Only of a trial that nobody writes."""
    waiting = [folder for _, folder in field.waiting() if folder.metrics_file.exists()]
    if not waiting:
        return None
    folder = field.rng.choice(waiting)
    with folder.metrics_file.open("ab") as file:
        file.write(TORN)
    return folder.signature, "half a line at the end of metrics.jsonl"


def damage_the_newest_checkpoint(field: Field) -> Done:
    """Of a trial that waits and has an intact one left then."""
    candidates = []
    for _, folder in field.waiting():
        saved = checkpoint.newest_first(folder)
        if len([path for path in saved if checkpoint.defect(path, folder.signature) is None]) >= 2:
            candidates.append((folder, saved[0]))
    if not candidates:
        return None
    folder, newest = field.rng.choice(candidates)
    how = field.rng.choice(["one byte changed", "cut in half", "without its manifest", "with an empty manifest"])
    state, manifest = newest / checkpoint.STATE_FILE, newest / checkpoint.MANIFEST_FILE
    if "byte" in how and state.exists():
        content = bytearray(state.read_bytes())
        content[len(content) // 2] ^= 1
        state.write_bytes(content)
    elif "half" in how and state.exists():
        state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    elif "without" in how:
        manifest.unlink(missing_ok=True)
    else:
        manifest.write_bytes(b"")
    return folder.signature, f"{newest.name} {how}"


def _at(field: Field, place: str) -> list[Element]:
    """Elements that run, at the first, a middle or the last place of an array of several."""
    return [
        element
        for element in field.elements()
        if element.state == "RUNNING"
        and element.size > 1
        and place == {0: "first", element.size - 1: "last"}.get(element.index, "middle")
    ]


def _warn(field: Field, place: str) -> Done:
    running = _at(field, place)
    if not running:
        return None
    element = field.rng.choice(running)
    # It is sent at once; scancel itself goes on asking for a minute where the job has requeued itself by then.
    with contextlib.suppress(SlurmSilent):
        field.slurm.ask("scancel", "--signal=USR2", element.job_id, timeout=5)
    return element.signature, f"SIGUSR2 to {element.job_id}, the {place} of {element.size}"


def warn_the_first(field: Field) -> Done:
    return _warn(field, "first")


def warn_one_in_the_middle(field: Field) -> Done:
    return _warn(field, "middle")


def warn_the_last(field: Field) -> Done:
    return _warn(field, "last")


def requeue_by_hand(field: Field) -> Done:
    running = [element for element in field.elements() if element.state == "RUNNING"]
    if not running:
        return None
    element = field.rng.choice(running)
    field.slurm.ask("scontrol", "requeue", element.job_id)
    return element.signature, f"scontrol requeue {element.job_id}"


def hold_and_release(field: Field) -> Done:
    waiting = [element for element, _ in field.waiting()]
    if not waiting:
        return None
    element, seconds = field.rng.choice(waiting), field.some_time(4, 20)
    field.slurm.ask("scontrol", "hold", element.job_id)

    def release() -> None:
        try:
            field.slurm.ask("scontrol", "release", element.job_id)
        except SlurmFailed as error:
            if "Invalid job id" not in str(error) and "already" not in str(error):
                raise

    field.later(seconds, f"hold of {element.job_id}", release, "released")
    return element.signature, f"scontrol hold {element.job_id} for {seconds} s"


def preempt(field: Field) -> Done:
    nodes, seconds = field.rng.randint(1, len(field.slurm.nodes)), field.rng.randint(2, 6)
    options = ["-p", "urgent", f"-N{nodes}", "--exclusive", "-J", "urgent", "-o", "/dev/null"]
    job = field.slurm.ask("sbatch", "--parsable", *options, "--wrap", f"sleep {seconds}").strip()
    return f"{nodes} nodes", f"urgent job {job} for {seconds} s"
