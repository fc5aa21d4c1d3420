"""What the pipeline costs a trial: cells without work, by submitit alone, under the broker, and under Ray Tune."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from heatmark.pipeline.bench_cells import NoWork, plan_of
from heatmark.pipeline.broker import Broker
from heatmark.pipeline.plan import Plan
from heatmark.pipeline.ray_head import ray_head
from heatmark.workloads.bench.race import Entrant, Heat
from heatmark.workloads.run_folder.folder import RunFolder

CELLS, PARALLEL = 8, 4
TITLE, UNIT = (
    f"{CELLS} cells without work on this machine, {PARALLEL} at a time, Ray's head started before",
    "cells",
)


@contextmanager
def heats() -> Iterator[list[Heat]]:
    """The whole way from a plan to results, by each of our layers and by submitit alone."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = (_plan(Path(folder) / str(number)) for number in count())
        with ray_head(Path(folder), dashboard=False):
            entrants = [
                Entrant("submitit", partial(_by_submitit, fresh)),
                Entrant("the broker", partial(_by_broker, fresh)),
                Entrant("Ray Tune over the broker", partial(_by_tune, fresh)),
            ]
            yield [Heat("from the plan to the last result", entrants)]


def _plan(out: Path) -> Plan:
    plan = plan_of(CELLS, PARALLEL, "local", out, dashboard=False)
    plan.write()
    return plan


def _folders(plan: Plan) -> list[RunFolder]:
    return [plan.run_folder(trial) for trial in plan.trials]


def _by_submitit(fresh: Iterator[Plan]) -> int:
    plan = next(fresh)
    cluster, waiting, running = NoWork(plan.sweep.cluster), _folders(plan), list[RunFolder]()
    while waiting or running:
        running = [folder for folder in running if folder.result() is None]
        starting, waiting = waiting[: PARALLEL - len(running)], waiting[PARALLEL - len(running) :]
        cluster.submit(starting)
        running += starting
        time.sleep(0.01)
    return CELLS


def _by_broker(fresh: Iterator[Plan]) -> int:
    plan = next(fresh)
    with _broker(plan) as broker:
        broker.want(*_folders(plan))
        broker.wait_until_ended()
    return CELLS


def _by_tune(fresh: Iterator[Plan]) -> int:
    plan = next(fresh)
    from heatmark.pipeline.tune import run_tune

    with _broker(plan) as broker, contextlib.redirect_stdout(io.StringIO()):
        broker.want(*_folders(plan))
        run_tune(_folders(plan), plan.folder / "tune", plan.sweep.tune, broker, PARALLEL, 1, lambda: None)
        broker.wait_until_ended()
    return CELLS


@contextmanager
def _broker(plan: Plan) -> Iterator[Broker]:
    broker = Broker(NoWork(plan.sweep.cluster), 0, plan.sweep.cluster.interval_s, lambda _line: None, places=PARALLEL)
    broker.start()
    try:
        yield broker
    finally:
        broker.close()
