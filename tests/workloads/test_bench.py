"""The races of `heatmark bench`: that they are fair, and that what is raced does the same thing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from heatmark.workloads.bench import decode
from heatmark.workloads.bench.race import Entrant, Limit, race
from heatmark.workloads.decoders import PLAIN


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


def test_everyone_runs_in_every_round_and_the_first_is_the_measure() -> None:
    turns: list[str] = []

    def run(name: str) -> int:
        turns.append(name)
        return 10

    found = race("a race", "items", [Entrant(name, partial(run, name)) for name in "abc"], rounds=2)
    assert "".join(turns) == "abc" + "abc" + "cba"
    assert [each.name for each in found.standings] == ["a", "b", "c"]
    first, *others = found.standings
    assert (first.ratio, first.low, first.high) == (1, 1, 1)
    assert all(0 < each.low <= each.ratio <= each.high and each.per_second > 0 for each in others)


def test_a_limit_is_of_times_and_kept_or_not() -> None:
    def after(seconds: float) -> int:
        time.sleep(seconds)
        return 1

    ways = [Entrant("slow", partial(after, 0.06)), Entrant("fast", partial(after, 0.01))]
    limits = [Limit("fast", "slow", 0.9), Limit("slow", "fast", 0.9)]
    kept, broken = race("a race", "items", ways, rounds=3, limits=limits).verdicts
    assert kept.kept and kept.ratio < 0.9
    assert not broken.kept and broken.ratio > 1


def test_one_joint_at_a_time_gives_the_joints_of_the_batch() -> None:
    heatmap_BKHW = decode._heatmaps()
    for shifted, name in ((False, "argmax"), (True, "quarter")):
        alone_BK2 = decode.joint_by_joint(heatmap_BKHW.numpy(), shifted=shifted)
        np.testing.assert_array_equal(alone_BK2, PLAIN[name].read(heatmap_BKHW).numpy())


@pytest.mark.parametrize("name", ["decode", "eval", "loader"])
def test_every_way_does_the_whole_of_it(name: str) -> None:
    course: Any = import_module(f"heatmark.workloads.bench.{name}")
    with course.entrants() as entrants:
        items = {entrant.run() for entrant in entrants}
    assert len(items) == 1 and items.pop() > 0


# A process of its own: the process group and Ray leave their mark on the environment.
SHORTENED = """
import sys
from importlib import import_module
course = import_module(sys.argv[1])
setattr(course, sys.argv[2], int(sys.argv[3]))
with course.entrants() as entrants:
    items = [entrant.run() for entrant in entrants]
print("items", *items)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("course", "size", "value", "items"),
    [("workloads.bench.step", "STEPS", 1, "items 16 16 16 16 16"), ("pipeline.bench_sweep", "CELLS", 2, "items 2 2 2")],
)
def test_every_way_of_a_large_one(course: str, size: str, value: int, items: str) -> None:
    command = [sys.executable, "-c", SHORTENED, f"heatmark.{course}", size, str(value)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == items, done.stderr


def test_a_race_from_the_command_line() -> None:
    done = bench("decode", "--rounds", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rounds"] == 1 and found["unit"] == "people" and found["standings"][0]["ratio"] == 1


def test_an_unknown_race_is_one_line() -> None:
    done = bench("nothing")
    assert done.returncode == 2
    assert done.stderr.strip() == "error: bench nothing: unknown; valid: loader, decode, step, eval, sweep"
