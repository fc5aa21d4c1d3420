"""What many trials cost the driver's node: a whole sweep of cells without work, driven as any other.

    python -m heatmark.pipeline.bench_cells --cells 500 --parallel 500 --executor slurm

Its jobs only write a result, so what is measured is the pipeline itself: planning, sending, following, MLflow.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import psutil
from pydantic import TypeAdapter
from rich.console import Console

from heatmark.foundation.clock import moment, utc_now
from heatmark.foundation.command import print_in_any_locale
from heatmark.pipeline.cluster_section import ClusterSection, SlurmKeys
from heatmark.pipeline.clusters import ClusterKind, register
from heatmark.pipeline.driver import run_sweep
from heatmark.pipeline.local_cluster import LocalCluster
from heatmark.pipeline.plan import Plan, make_plan
from heatmark.pipeline.slurm_cluster import SlurmCluster
from heatmark.pipeline.submit import Cluster
from heatmark.pipeline.sweep import SweepFile, validated
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.result import Result

# $1: the run folder, $2: its result.
NO_WORK = 'echo "$2" > "$1/result.new" && mv "$1/result.new" "$1/result.json"'
# Of an element of an array: the run folder is found as a job finds its spec.
NO_WORK_IN_ARRAY = (
    'spec=$(python3 -c \'import json,os,sys; print(json.load(open(sys.argv[1]))["specs"]'
    '[int(os.environ.get("SLURM_ARRAY_TASK_ID","0"))])\' "$1"); folder=$(dirname "$spec"); '
    'echo "$2" | sed "s/SIGNATURE/$(basename "$folder")/" > "$folder/result.new" '
    '&& mv "$folder/result.new" "$folder/result.json"'
)


def empty_result(signature: str) -> str:
    """The text of result.json of a trial that had nothing to do."""
    result = Result(
        signature=signature,
        epochs=0,
        final={},
        wall_s=0.0,
        attempts=1,
        world_size=1,
        parameters=0,
        unreadable_images=(),
        notes=(),
        finished=utc_now(),
        versions={},
        machine={},
    )
    return json.dumps(result.plain())


class NoWork(LocalCluster):
    """Jobs that only write a result."""

    def command(self, folder: RunFolder) -> str:
        return shlex.join(["sh", "-c", NO_WORK, "cell", str(folder.path), empty_result(folder.signature)])


class _NoWorkInSlurm(SlurmCluster):
    """The same as elements of arrays."""

    def command(self, array_file: Path, keys: SlurmKeys) -> str:
        return shlex.join(["sh", "-c", NO_WORK_IN_ARRAY, "cell", str(array_file), empty_result("SIGNATURE")])


class _Local(ClusterKind):
    name: ClassVar[str] = "local_no_work"

    def make(self, settings: ClusterSection, sweep: Path) -> Cluster:
        return NoWork(settings)


class _Slurm(ClusterKind):
    name: ClassVar[str] = "slurm_no_work"
    poll_s: ClassVar[float] = 5.0

    def make(self, settings: ClusterSection, sweep: Path) -> Cluster:
        return _NoWorkInSlurm(settings, sweep)


def plan_of(cells: int, parallel: int, executor: str, out: Path, **tune: Any) -> Plan:
    """A sweep of so many cells; `tune`: keys of its section."""
    content = {
        "name": "cells",
        "grid": {"method": "detection", "backbone": "sbl-r18-w8", "dataset": "none", "seed": list(range(cells))},
        "data": {"none": {"synthetic": {"people_train": 1, "people_val": 1}}},
        "cluster": {"executor": executor, "parallel": parallel},
        "tune": tune,
        "report": {"enabled": False},
    }
    sweep: SweepFile = validated(TypeAdapter(SweepFile), content, "bench cells")
    return make_plan(sweep, out, Path("bench"))


class _Watch(threading.Thread):
    """Memory of the driver and all it started, while the sweep runs."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(daemon=True)
        self.plan, self.ended = plan, threading.Event()
        self.peak_pss_mb, self.peak_ray_mb, self.most_relays = 0.0, 0.0, 0
        self.driver_mb: list[tuple[int, float]] = []

    def run(self) -> None:
        looked_s = 0.0
        while not self.ended.wait(max(3.0, 20 * looked_s)):  # what it costs itself is a twentieth
            began = time.monotonic()
            relays, ray_mb, all_mb = 0, 0.0, 0.0
            own = psutil.Process()
            for process in own.children(recursive=True):
                try:
                    name, pss = " ".join(process.cmdline()[:2]), process.memory_full_info().pss / 1024**2
                except psutil.Error:
                    continue
                relays += name.startswith("ray::Relay")
                all_mb += pss
                ray_mb += pss if "ray" in name else 0.0
            rss_mb = own.memory_info().rss / 1024**2
            finished = sum(self.plan.run_folder(trial).result_file.exists() for trial in self.plan.trials)
            self.driver_mb.append((finished, rss_mb))
            self.peak_pss_mb = max(self.peak_pss_mb, all_mb + rss_mb)
            self.peak_ray_mb = max(self.peak_ray_mb, ray_mb)
            self.most_relays = max(self.most_relays, relays)
            looked_s = time.monotonic() - began


@contextmanager
def _watched(plan: Plan) -> Iterator[_Watch]:
    watch = _Watch(plan)
    watch.start()
    try:
        yield watch
    finally:
        watch.ended.set()
        watch.join()


def measured(plan: Plan, console: Console) -> dict[str, Any]:
    """Run the sweep to its end, and what it took."""
    began = time.monotonic()
    with _watched(plan) as watch:
        code = run_sweep(plan, console)
    wall_s = time.monotonic() - began
    jobs = [job for trial in plan.trials if (job := plan.run_folder(trial).job()) is not None]
    sent = sorted(moment(each.time) for job in jobs for each in job.submissions)
    growth = [(finished, mb) for finished, mb in watch.driver_mb if finished]
    return {
        "cells": len(plan.trials),
        "exit_code": code,
        "finished": sum(plan.run_folder(trial).finished for trial in plan.trials),
        "jobs_sent": len(sent),
        "first_to_last_sent_s": round(sent[-1] - sent[0], 2) if sent else None,
        "wall_s": round(wall_s, 1),
        "wall_s_per_cell": round(wall_s / len(plan.trials), 3),
        "relays": watch.most_relays,
        "peak_ray_pss_gb": round(watch.peak_ray_mb / 1024, 2),
        "peak_pss_gb": round(watch.peak_pss_mb / 1024, 2),
        "driver_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "driver_mb_first_to_last": [round(growth[0][1]), round(growth[-1][1])] if growth else None,
        "driver_mb_per_cell": round((growth[-1][1] - growth[0][1]) / max(1, growth[-1][0] - growth[0][0]), 3)
        if growth
        else None,
    }


def main() -> None:
    """The command."""
    print_in_any_locale()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=500)
    parser.add_argument("--parallel", type=int, default=500)
    parser.add_argument("--executor", choices=("local", "slurm"), default="local")
    parser.add_argument("--out", type=Path, default=None, help="a folder that all nodes see; kept")
    given = parser.parse_args()
    register(_Local)
    register(_Slurm)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as temporary:
        plan = plan_of(given.cells, given.parallel, f"{given.executor}_no_work", given.out or Path(temporary))
        print(json.dumps(measured(plan, Console(stderr=True)), indent=2))


if __name__ == "__main__":
    main()
