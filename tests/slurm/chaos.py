"""A sweep under fire: many random faults on one running sweep, compared with the same sweep left alone.

    eval "$(slurm/testbed/up | tail -1)" && python -m tests.slurm.chaos --faults 100 --seed 0

Needs a testbed (SLURM_CONF) of its own: its daemons are killed. A line for each fault, a summary at the end; exit code
0 only if every fault could be tried and all that must hold does. The seed draws faults and targets; when they come
depends on the machine. --out keeps the undisturbed sweep: the same command with another seed takes it up again.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from tests.slurm.chaos_driver import Driver
from tests.slurm.chaos_field import Field
from tests.slurm.chaos_kinds import KINDS
from tests.slurm.chaos_processes import MARK
from tests.slurm.chaos_programs import Programs
from tests.slurm.chaos_slurm import Slurm, SlurmFailed
from tests.slurm.chaos_verdict import CHECKS, starts

ROOT = Path(__file__).resolve().parents[2]
# Faults come at the sweep's own pace, so that the last one finds it still at work: no closer than this,
GAP_S = 4.0
# and, where the sweep is held up, no further apart than this.
PATIENCE_S = 14.0
END_S = 2400.0
# On a machine full of other work even this one may not start at once (Ray waits 15 s for its own agent).
UNDISTURBED_TRIES = 3
METHODS = ("detection", "ipr", "bcir")


def sweep_file(trials: int, epochs: int, places: int) -> str:
    """Two of the trials run at a time on the testbed's usual four nodes, the others wait.

    places: of one job; where there are several, a trial has one rank, and two jobs are sent.
    """
    sizes = {"nodes": 2, "ranks": 1, "cpus_per_rank": 4, "zero_stage": 1, "parallel": 100}
    if places > 1:
        sizes = {"nodes": 1, "ranks": 1, "cpus_per_rank": 1, "trials_per_job": places, "parallel": 2 * places}
    seeds = max(1, -(-trials // len(METHODS)))
    methods = list(METHODS) if trials >= len(METHODS) else list(METHODS)[:trials]
    content = {
        "name": "chaos",
        "grid": {
            "method": methods,
            "beta": [10],
            "backbone": ["sbl-r18-w8"],
            "dataset": ["drawn"],
            "seed": list(range(seeds)),
        },
        "train": {"epochs": epochs, "batch_size": 8, "flip_test": False},
        "data": {"drawn": {"synthetic": {"people_train": 96, "people_val": 16, "seed": 0}, "input_size": [64, 64]}},
        "cluster": {
            "executor": "slurm",
            **sizes,
            **{"threads": 1, "timeout_min": 120, "signal_s": 60, "poll_s": 2, "hang_s": 30, "retries": 1000},
        },
        "tune": {"dashboard": False},
        "report": {"enabled": False},
    }
    return json.dumps(content, indent=1)


def arguments() -> argparse.Namespace:
    kinds = "\n".join(f"  {name:18} {kind.said}" for name, kind in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="chaos", description=__doc__, epilog=f"kinds:\n{kinds}", formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=100, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--kinds", default=",".join(KINDS), metavar="A,B", help="default: all of them")
    parser.add_argument("--trials", type=int, default=12, metavar="N", help="in threes")
    parser.add_argument("--epochs", type=int, metavar="N", help="of a trial; default: enough for so many faults")
    parser.add_argument("--places", type=int, default=1, metavar="N", help="trials of one job (cluster.trials_per_job)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/chaos-<seed>")
    options = parser.parse_args()
    options.kinds = options.kinds.split(",")
    unknown = [name for name in options.kinds if name not in KINDS]
    if unknown:
        parser.error(f"no kind {', '.join(unknown)}")
    options.epochs = options.epochs or max(8, round(5 * options.faults / options.trials))
    options.out = (options.out or ROOT / "runs" / f"chaos-{options.seed}").absolute()
    return options


def environment(slurm: Slurm, programs: Programs | None, mark: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "SBATCH_", "SQUEUE_"))}
    if programs is not None:
        kept["PATH"] = f"{programs.folder}:{kept['PATH']}"
    # Two ranks on two cores with two threads each would spin for each other.
    return {**kept, "SLURM_CONF": str(slurm.conf), MARK: mark, "OMP_NUM_THREADS": "1"}


def run_undisturbed(options: argparse.Namespace, slurm: Slurm, file: Path) -> Path:
    """The sweep left alone, or what is there of it already."""
    driver = Driver(
        ["sweep", "run", str(file), "--out", str(options.out / "undisturbed")],
        options.out,
        environment(slurm, None, secrets.token_hex(8)),
        options.out / "undisturbed.log",
    )
    began = time.monotonic()
    for _ in range(UNDISTURBED_TRIES):
        driver.start()
        assert driver.process is not None
        code = driver.process.wait()
        print(f"undisturbed sweep: exit code {code} after {time.monotonic() - began:.0f} s", flush=True)
        if code == 0:
            break
    else:
        sys.exit(f"the undisturbed sweep failed: {driver.said()[-2000:]}")
    return file.parent / "undisturbed" / "chaos"


def disturb(field: Field, options: argparse.Namespace) -> Counter[str]:
    """Draw faults from a pack of all kinds, shuffled anew when it is used up, until there were enough."""
    done: Counter[str] = Counter()
    pack: list[str] = []
    while not field.progress():
        field.breathe(1.0)
    last = time.monotonic()
    while done.total() < options.faults and not field.is_done():
        field.breathe(1.0)
        waited = time.monotonic() - last
        is_time = field.progress() >= 0.95 * done.total() / options.faults or waited >= PATIENCE_S
        if waited < GAP_S or not is_time:
            continue
        if not pack:
            pack = field.rng.sample(options.kinds, len(options.kinds))
        name = one_fault(field, pack)
        if name is None:
            # None of those left makes sense now: the others, rather than none.
            name = one_fault(field, field.rng.sample(options.kinds, len(options.kinds)))
        if name is not None:
            done[name] += 1
            last = time.monotonic()
    return done


def one_fault(field: Field, pack: list[str]) -> str | None:
    """The first of the pack that makes sense now is done and taken out of it."""
    for name in list(pack):
        kind = KINDS[name]
        if not field.is_free(kind.needs):
            continue
        try:
            done = kind.deed(field)
        except SlurmFailed as error:
            field.log("(not done)", name, str(error)[:200])
            continue
        if done is not None:
            field.log(name, *done)
            pack.remove(name)
            return name
    return None


def let_it_end(field: Field) -> None:
    """Without further faults. A driver that says that MLflow lacks something is run again, as it asks."""
    field.undo_all()
    field.slurm.testbed("up")
    deadline = time.monotonic() + END_S
    while not field.is_done() or field.driver.runs:
        field.breathe(2.0)
        if not field.driver.runs and not field.is_done():
            field.start_driver()
        if time.monotonic() > deadline:
            field.find(f"not ended {END_S:.0f} s after the last fault: {field.driver.said()[-600:]}")
            return
    if field.driver.code == 0 and "run again, sends the rest" in field.driver.said():
        field.log("(driver)", "driver", "says that MLflow has not got everything; run again")
        field.start_driver()
        assert field.driver.process is not None
        field.driver.process.wait()
    if field.driver.code != 0:
        field.find(f"the driver ended with exit code {field.driver.code}: {field.driver.said()[-1500:]}")


def summary(field: Field, options: argparse.Namespace, undisturbed: Path, done: Counter[str]) -> bool:
    """Print what was done and what holds."""
    lines = [f"faults: {done.total()} of {options.faults}, {len(done)} kinds, seed {options.seed}"]
    lines += [f"  {name:18} {done[name]:3}  {KINDS[name].said}" for name in options.kinds]
    lines += [f"  {starts(folder)}" for folder in field.trials()]
    holds = bool(done.total() >= options.faults)
    if not holds:
        lines.append("FAILS  the sweep ended before all faults were done; give more --epochs")
    checks = {name: check(field, undisturbed) for name, check in CHECKS.items()}
    for name, wrong in {**checks, "nothing found on the way": field.findings}.items():
        holds = holds and not wrong
        lines += [f"{'FAILS' if wrong else 'holds'}  {name}", *(f"         {each}" for each in wrong)]
    text = "\n".join(lines)
    print(text, flush=True)
    with field.log_file.open("a") as file:
        file.write(text + "\n")
    return holds


def main() -> int:
    options = arguments()
    slurm = Slurm(Path(os.environ["SLURM_CONF"]))
    options.out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(options.out / "disturbed", ignore_errors=True)
    for name in ("chaos.log", "driver.log"):
        (options.out / name).unlink(missing_ok=True)
    file = options.out / "chaos.yaml"
    file.write_text(sweep_file(options.trials, options.epochs, options.places))
    undisturbed = run_undisturbed(options, slurm, file)

    mark = secrets.token_hex(8)
    programs = Programs(options.out / "disturbed" / "programs")
    command = ["sweep", "run", str(file), "--out", str(options.out / "disturbed")]
    driver = Driver(command, options.out, environment(slurm, programs, mark), options.out / "driver.log")
    field = Field(options.out / "disturbed" / "chaos", mark, driver, slurm, programs, options.seed)
    began = time.monotonic()
    field.start_driver()
    done = disturb(field, options)
    field.log("(end)", "-", f"{done.total()} faults after {time.monotonic() - began:.0f} s; the sweep may end now")
    let_it_end(field)
    field.log("(end)", "-", f"the sweep ended after {time.monotonic() - began:.0f} s")
    return 0 if summary(field, options, undisturbed, done) else 1


if __name__ == "__main__":
    sys.exit(main())
