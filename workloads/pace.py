"""How fast a trial would go on this machine: a few seconds of its own steps and evaluations, and nothing is kept."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from itertools import count
from pathlib import Path

import torch

from heatmark.datasets.formats import format_of
from heatmark.datasets.synthetic.recipe import write_tree
from heatmark.workloads.engine import build_engine
from heatmark.workloads.evaluate import evaluate
from heatmark.workloads.launch import Launch
from heatmark.workloads.process_group import process_group
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.step import take_step
from heatmark.workloads.train import build_model
from heatmark.workloads.views import load_split, loader_of, view_of

# How many people are drawn where a data set is not there yet, for two batches at most.
MOST_DRAWN, LEAST_DRAWN = 64, 8


def pace_of(spec: TrialSpec, seconds: float) -> dict[str, float]:
    """`train_s` and `evaluate_s`, the seconds that a person takes in training and in an evaluation.

    On one rank. What happens once (reading files, compiling, the first step) is not in them.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = _in_small(spec, folder)
        if spec.runtime.threads:
            torch.set_num_threads(spec.runtime.threads)
        with process_group(Launch.from_environment(), folder) as ranks:
            people, view = load_split(spec, "train"), view_of(spec, ranks)
            engine = build_engine(build_model(spec, len(people.skeleton.joints)), spec, ranks)
            loader = loader_of(spec, people, ranks, training=True)
            epochs = count()

            def train() -> int:
                loader.set_epoch(next(epochs))
                engine.train()
                pending = [take_step(engine, spec, ranks, batch, 0, stop=False) for batch in loader]
                return sum(each.facts().people for each in pending)

            def measure() -> int:
                evaluate(engine.module, view, ranks, set())
                return len(view.people.people)

            return {"train_s": _per_person(train, seconds / 2), "evaluate_s": _per_person(measure, seconds / 2)}


def _per_person(work: Callable[[], int], seconds: float) -> float:
    """Once to warm up, then until the time is over."""
    work()
    people, started = 0, time.monotonic()
    while people == 0 or time.monotonic() - started < seconds:
        people += work()
    return (time.monotonic() - started) / people


def _in_small(spec: TrialSpec, folder: Path) -> TrialSpec:
    """The same on two batches of its people, or of people drawn in its format where they are not there yet."""
    two_batches = min(2 * spec.train.batch_size, spec.train.max_people or sys.maxsize)
    train = spec.train.model_copy(update={"max_people": two_batches})
    spec = spec.model_copy(update={"train": train})
    if Path(spec.runtime.data_root).exists():
        return spec
    drawn = min(two_batches, MOST_DRAWN)
    recipe = format_of(spec.data).drawn(drawn, max(drawn // 4, LEAST_DRAWN), 0)
    assert recipe is not None, "a data set that is neither there nor drawn is refused with the sweep file"
    root = folder / "data"
    write_tree(root, recipe)
    return spec.model_copy(update={"runtime": spec.runtime.model_copy(update={"data_root": str(root)})})


def main(arguments: list[str]) -> None:
    """SECONDS, and a trial's spec as JSON on stdin -> one JSON object on stdout."""
    spec = TrialSpec.model_validate_json(sys.stdin.read())
    with redirect_stdout(sys.stderr):  # libraries print what they like
        found = pace_of(spec, float(arguments[0]))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
