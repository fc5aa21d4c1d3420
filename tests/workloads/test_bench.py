"""The races of `heatmark bench`: that they are fair, and that what is raced does the same thing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from heatmark.datasets.coco import load_coco
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.loader import make_loader
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads.bench import decode
from heatmark.workloads.bench import eval as eval_race
from heatmark.workloads.bench import loader as loader_race
from heatmark.workloads.bench.coco_case import CocoCase
from heatmark.workloads.bench.hrnet_items import hrnet_item
from heatmark.workloads.bench.race import Entrant, Heat, Limit, race
from heatmark.workloads.decoders import PLAIN
from heatmark.workloads.engine import network_input


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


def test_everyone_runs_in_every_round_and_the_first_is_the_measure() -> None:
    turns: list[str] = []

    def run(name: str) -> int:
        turns.append(name)
        return 10

    (found,) = race("a race", "items", [Heat("one", [Entrant(name, partial(run, name)) for name in "abc"])], 2).heats
    assert "".join(turns) == "abc" + "abc" + "cba"
    assert [each.name for each in found.standings] == ["a", "b", "c"]
    first, *others = found.standings
    assert (first.ratio, first.low, first.high) == (1, 1, 1)
    assert all(0 < each.low <= each.ratio <= each.high and each.per_second > 0 for each in others)


def test_a_limit_is_of_times_in_the_same_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("heatmark.workloads.bench.race.time.perf_counter", lambda: clock[0])

    def takes(seconds: float) -> int:
        clock[0] += seconds
        return 1

    entrants = [Entrant("slow", partial(takes, 3.0)), Entrant("fast", partial(takes, 1.0))]
    limits = [Limit("fast", 0.5, "slow"), Limit("slow", 2.0, "fast"), Limit("fast", 1.0, "fast")]
    (found,) = race("a race", "items", [Heat("one", entrants, limits, facts={"waits": 0})], 3).heats
    assert [each.kept for each in found.verdicts] == [True, False, True]
    assert found.verdicts[0].took == pytest.approx(1 / 3)
    assert found.facts == {"waits": 0}


def test_short_runs_are_repeated() -> None:
    runs: list[int] = []

    def run() -> int:
        runs.append(1)
        time.sleep(0.001)
        return 1

    race("a race", "items", [Heat("one", [Entrant("short", run)], least_s=0.02)], rounds=1)
    assert len(runs) >= 7


def test_hrnets_loop_gives_the_joints_of_the_batch() -> None:
    heatmap_BKHW = decode._heatmaps(8)
    ours_BK2 = PLAIN["quarter"].read(heatmap_BKHW).numpy()
    np.testing.assert_array_equal(decode.hrnet_loop(heatmap_BKHW.numpy()), ours_BK2)


def test_darks_loop_gives_the_joints_of_the_batch() -> None:
    """But where the second derivatives are no maximum's: DARK steps there too, we do not."""
    heatmap_BKHW = decode._heatmaps(8)
    away_BK = np.abs(decode.dark_loop(heatmap_BKHW.numpy()) - PLAIN["dark"].read(heatmap_BKHW).numpy()).max(-1)
    assert np.quantile(away_BK, 0.9) < 1e-3


def test_hrnets_items_are_crops_of_the_same_people(tmp_path: Path) -> None:
    write_coco(tmp_path / "drawn", SyntheticCoco(people_train=6, people_val=1, seed=0))
    dataset = load_coco(tmp_path / "drawn", "train")
    still = CropSettings(scale=0, rotation=0, flip=0)
    ours = next(iter(make_loader(dataset, still, training=False, batch_size=6)))
    for row, index in enumerate(ours["person_B"].tolist()):
        item = hrnet_item(dataset.people[index], still, dataset.skeleton, whole=True)
        assert item is not None
        image_3HW = network_input(ours["image_BHW3"][row : row + 1], torch.device("cpu"))[0]
        torch.testing.assert_close(item[0], image_3HW, atol=1e-5, rtol=0)
        columns, rows = still.input_size[0] // 4, still.input_size[1] // 4
        for joint, (x, y) in enumerate(ours["joints_BK2"][row].numpy() / 4):
            seen = ours["labelled_BK"][row, joint] > 0 and 0 <= x < columns - 0.5 and 0 <= y < rows - 0.5
            peak = np.unravel_index(item[1][joint].argmax(), (rows, columns))
            assert not seen or peak == (int(y + 0.5), int(x + 0.5))


def test_every_evaluator_gets_the_same_ten_numbers(tmp_path: Path) -> None:
    truth, found = CocoCase(images=60, people=130, detections=1500).write(tmp_path)
    content, results = json.loads(truth.read_text()), json.loads(found.read_text())
    theirs = eval_race.by_pycocotools(content, results)
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "score", "coco", str(truth), str(found), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    ours = json.loads(done.stdout)
    assert 0.05 < theirs[0] < 0.95
    assert list(ours.values())[:10] == pytest.approx(theirs, abs=1e-9)
    for script in (eval_race.BY_PYCOCOTOOLS, eval_race.BY_FASTER_COCO_EVAL):
        subprocess.run([sys.executable, "-c", script, str(truth), str(found)], check=True, capture_output=True)


def test_every_way_loads_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader_race, "PEOPLE", 32)
    with loader_race.heats() as (heat,):
        assert {entrant.run() for entrant in heat.entrants} == {32}


# A process of its own: the process group and Ray leave their mark on the environment.
SHORTENED = """
import sys
from importlib import import_module
course = import_module(sys.argv[1])
setattr(course, sys.argv[2], int(sys.argv[3]))
with course.heats() as heats:
    items = [entrant.run() for heat in heats for entrant in heat.entrants]
print("items", *items)
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("course", "size", "value", "items"),
    [
        ("workloads.bench.step", "STEPS", 1, "items 16 16 16 16 16 16 16 16 16 16"),
        ("workloads.bench.stream", "EPOCHS", 1, "items 288 288"),
        ("pipeline.bench_sweep", "CELLS", 2, "items 2 2 2"),
    ],
)
def test_every_way_of_a_large_one(course: str, size: str, value: int, items: str) -> None:
    command = [sys.executable, "-c", SHORTENED, f"heatmark.{course}", size, str(value)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=560)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == items, done.stderr


def test_a_race_from_the_command_line() -> None:
    done = bench("decode", "--rounds", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rounds"] == 1 and found["unit"] == "people" and len(found["heats"]) >= 8
    assert all(heat["standings"][0]["ratio"] == 1 and heat["verdicts"] for heat in found["heats"])


def test_an_unknown_race_is_one_line() -> None:
    done = bench("nothing")
    assert done.returncode == 2
    assert done.stderr.strip() == "error: bench nothing: unknown; valid: loader, decode, step, eval, stream, sweep"


def test_pictures_for_a_race_without_any_are_one_line() -> None:
    done = bench("decode", "--coco", "somewhere")
    assert done.returncode == 2
    assert done.stderr.strip() == "error: bench decode: takes no --coco; that is for stream"
