"""Trials of three methods side by side: each with a loader of its own, and all from one stream."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from heatmark.datasets.coco import load_coco
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads.bench.race import Entrant, Heat, Limit
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.run_folder.spec_file import write_spec
from heatmark.workloads.shared_stream.serving import serving
from heatmark.workloads.spec import TrialSpec

METHODS = ("detection", "ipr", "bcir")
EPOCHS, EVAL_EVERY, BATCH, INPUT = 120, 10, 16, (64, 96)
PEOPLE_TRAIN, PEOPLE_VAL = 96, 48
TITLE, UNIT = (
    f"trials of {', '.join(METHODS)} at once on sbl-r18-w8, {INPUT[0]} x {INPUT[1]}, {EPOCHS} epochs, one thread each",
    "crops trained on",
)
APART, SHARED = "a loader each", "one stream"


@contextmanager
def heats(coco: Path | None = None) -> Iterator[list[Heat]]:
    """coco: a folder of COCO's layout instead of drawn people."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if coco is None:
            write_coco(folder / "drawn", SyntheticCoco(people_train=PEOPLE_TRAIN, people_val=PEOPLE_VAL, seed=0))
        root = coco or folder / "drawn"
        people = len(load_coco(root, "train").people)
        facts: dict[str, float] = {}
        fresh = (folder / str(number) for number in count())
        run = partial(_run, fresh, root.absolute(), people, facts)
        entrants = [Entrant(APART, partial(run, APART)), Entrant(SHARED, partial(run, SHARED))]
        yield [Heat("from the first start to the last result", entrants, (Limit(SHARED, 1 / 1.4, APART),), facts=facts)]


def _run(fresh: Iterator[Path], root: Path, people: int, facts: dict[str, float], way: str) -> int:
    """facts: gets the seconds of processors that this took."""
    folders = [_folder(next(fresh), root, method) for method in METHODS]
    before = _processor_s()
    with _loaders(way) as variables:
        _wait([_start(folder, variables) for folder in folders])
    facts[f"processor seconds a trial, {way}"] = (_processor_s() - before) / len(METHODS)
    for folder in folders:
        if folder.result() is None:
            raise RuntimeError(f"a trial of the race has failed: {(folder.path / 'out').read_text()[-2000:]}")
    return EPOCHS * people * len(METHODS)


def _loaders(way: str) -> AbstractContextManager[Mapping[str, str]]:
    """The variables to start trials with."""
    if way == SHARED:
        return serving()
    nothing: dict[str, str] = {}
    return nullcontext(nothing)


def _folder(path: Path, root: Path, method: str) -> RunFolder:
    content: dict[str, Any] = {
        "method": {"name": method},
        "backbone": "sbl-r18-w8",
        "data": {"name": "bench", "fingerprint": "bench", "input_size": INPUT},
        "train": {"epochs": EPOCHS, "eval_every": EVAL_EVERY, "batch_size": BATCH},
        "runtime": {"data_root": str(root), "threads": 1},
    }
    path.mkdir()
    folder = RunFolder(path)
    write_spec(folder.spec_file, TrialSpec.model_validate_json(json.dumps(content)))
    return folder


def _start(folder: RunFolder, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with (folder.path / "out").open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "heatmark.workloads.job", str(folder.spec_file)],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
        )


def _wait(trials: list[subprocess.Popen[bytes]]) -> None:
    try:
        for trial in trials:
            trial.wait()
    finally:
        for trial in trials:
            if trial.poll() is None:
                trial.kill()
                trial.wait()


def _processor_s() -> float:
    """Of all processes that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
