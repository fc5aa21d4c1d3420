"""A thousand made-up run folders, to see that a report of them takes under a minute and 2 GiB.

python -m tests.reports.many_runs FOLDER [COUNT]     writes FOLDER/many and reports it, with time and memory
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import time
from pathlib import Path

from heatmark.models.methods import BiasCompensated, Detection, IntegralRegression
from heatmark.reports.build import build_report
from heatmark.workloads.run_folder.epoch import EpochRecord
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from tests.made_up import fail, finish, made_epoch, made_spec, planned, planned_sweep
from tests.reports.recorded import Arrays, made_up_people, with_errors, write_records

EPOCHS, PEOPLE = 20, 100
METHODS = (
    Detection(),
    *(IntegralRegression(beta=beta) for beta in (1.0, 5.0, 10.0, 20.0)),
    *(BiasCompensated(beta=beta, t_o=17) for beta in (1.0, 5.0, 10.0, 20.0)),
)


def write_many(sweep: Path, count: int) -> None:
    """Grid of method, learning rate, batch, backbone, data set and seed; every fiftieth failed, some are unfinished."""
    people = made_up_people(PEOPLE)
    grid = itertools.product(
        METHODS, (1e-3, 3e-4, 1e-4, 3e-5), (32, 64), ("sbl-r18-w16", "hrnet-w8"), ("a", "b"), range(4)
    )
    specs = []
    for number, (method, lr, batch, backbone, name, seed) in enumerate(itertools.islice(grid, count)):
        train = {"epochs": EPOCHS, "batch_size": batch, "lr": lr}
        data = {"name": name, "input_size": [192, 256]}
        spec = made_spec(method, seed, backbone, data=data, train=train, runtime={"data_root": str(sweep / "gone")})
        specs.append(spec)
        _write_run(RunFolder(sweep / spec.signature), spec, number, people)
    planned_sweep(sweep, specs, "many")


def _write_run(run: RunFolder, spec: TrialSpec, number: int, people: Arrays) -> None:
    planned(run.path, spec)
    epochs = EPOCHS // 2 if number % 50 in (0, 1) else EPOCHS
    lines = [_epoch(epoch, 0.3 + 0.4 * (number % 97) / 97) for epoch in range(epochs)]
    run.metrics_file.write_text("".join(json.dumps(line.plain()) + "\n" for line in lines))
    if number % 50 == 0:
        fail(run, "crash", "made up", time="2027-01-01")
    if epochs < EPOCHS:
        return
    finish(run, lines[-1].val, wall_s=900.0)
    keypoints = {"category_id": 1, "score": 0.5, "keypoints": [10.5] * 51}
    predictions = [{"image_id": 1000 + row // 2, "annotation_id": 5000 + row, **keypoints} for row in range(PEOPLE)]
    run.predictions_file.write_text(json.dumps(predictions))
    write_records(run.path, with_errors(people, 3 + (number % 97) / 20, seed=number), epoch=EPOCHS - 1)


def _epoch(epoch: int, final: float) -> EpochRecord:
    ap = final * (1 - 0.8 ** (epoch + 1))
    val = {
        "gtbox/AP": ap,
        "gtbox/AP50": ap,
        "gtbox/AP75": ap,
        "gtbox/AR": ap,
        "gtbox/EPE": 4 / ap,
        "gtbox/EPE/hard": 9 / ap,
    }
    spent = {"samples_seen": 1000 * (epoch + 1), "wall_s": 45.0 * (epoch + 1), "images_per_s": 100.0}
    return made_epoch(epoch, val, time="2026-03-04T10:00:00.000Z", train={"loss": 1 - ap}, **spent)


def main(folder: Path, count: int) -> None:
    write_many(folder / "many", count)
    started, busy = time.monotonic(), time.process_time()
    build_report(folder / "many")
    measured = {
        "run_folders": count,
        "wall_s": round(time.monotonic() - started, 1),
        "cpu_s": round(time.process_time() - busy, 1),
        "memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
