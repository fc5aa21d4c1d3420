"""One trial as a job runs it: real DeepSpeed process groups, real signals, drawn people."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.pipeline.submit import job_command
from heatmark.workloads import checkpoint
from heatmark.workloads.run_folder.folder import RunFolder
from tests.made_up import made_spec, planned, until

pytestmark = pytest.mark.slow
JOB_NUMBERS = count()
BCIR = {"name": "bcir", "t_o": 2}
TIMES = {"time", "wall_s", "epoch_s", "images_per_s", "data_s", "attempt"}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "drawn"
    write_coco(root, SyntheticCoco(people_train=96, people_val=24, seed=1))
    return root


def prepare(path: Path, people: Path, method: Any = BCIR, train: Any = None, runtime: Any = None) -> RunFolder:
    """train, runtime: what is otherwise in these sections."""
    learning, root = {"milestones": [2]}, {"data_root": str(people)}
    spec = made_spec(method, train=learning | (train or {}), runtime=root | (runtime or {}))
    return planned(path / spec.signature, spec)


def start(folder: RunFolder, **environment: str) -> subprocess.Popen[bytes]:
    folder.log.mkdir(exist_ok=True)
    with (folder.log / f"rank{environment.get('SUBMITIT_LOCAL_GLOBALID', 0)}.log").open("ab") as log:
        return subprocess.Popen(
            shlex.split(job_command(folder.spec_file)),
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )


def run(folder: RunFolder, ranks: int = 1) -> list[int]:
    """Exit codes of all ranks."""
    return [process.wait(timeout=200) for process in start_ranks(folder, ranks)]


def start_ranks(folder: RunFolder, ranks: int) -> list[subprocess.Popen[bytes]]:
    """The ranks of one trial, started as submitit's local executor starts them."""
    return [start(folder, **environment) for environment in environments(ranks)]


def environments(ranks: int) -> list[dict[str, str]]:
    """What submitit tells the ranks of one job. Every job has an id of its own, by which its ranks find each other."""
    if ranks == 1:
        return [{}]
    job = f"test-job-{next(JOB_NUMBERS)}"
    shared = {"SUBMITIT_EXECUTOR": "local", "SUBMITIT_LOCAL_NTASKS": str(ranks), "SUBMITIT_LOCAL_JOB_ID": job}
    each = [{"SUBMITIT_LOCAL_GLOBALID": str(rank), "SUBMITIT_LOCAL_LOCALID": str(rank)} for rank in range(ranks)]
    return [{**shared, **own} for own in each]


def numbers(folder: RunFolder) -> list[dict[str, Any]]:
    """The epochs without what may differ between two runs of one experiment."""
    return [{key: value for key, value in record.plain().items() if key not in TIMES} for record in folder.epochs()]


def wait_for_step(folder: RunFolder, process: subprocess.Popen[bytes], epochs: int) -> None:
    until(lambda: len(folder.epochs()) >= epochs or process.poll() is not None, 120, every_s=0.02)
    assert process.poll() is None, "the trial ended before it could be interrupted"


def log_of(folder: RunFolder) -> str:
    return "".join(path.read_text() for path in folder.log.glob("*.log"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, people: Path) -> RunFolder:
    folder = prepare(tmp_path_factory.mktemp("undisturbed"), people)
    assert run(folder) == [0], log_of(folder)
    return folder


def test_a_trial_leaves_a_result_and_every_epoch(undisturbed: RunFolder) -> None:
    result = undisturbed.result()
    assert result is not None and result.state == "finished" and result.epochs == 3
    records = undisturbed.epochs()
    assert [record.epoch for record in records] == [0, 1, 2]
    assert [record.lr for record in records] == pytest.approx([1e-3, 1e-3, 1e-4])
    # L_de until T_o, the coordinate loss alone from then on (Eq. 21).
    assert ["l_de" in record.train for record in records] == [True, True, False]
    assert records[-1].val == result.final
    assert len(json.loads(undisturbed.predictions_file.read_text())) == 24


def test_a_trial_imports_nothing_that_it_does_not_call(tmp_path: Path, people: Path) -> None:
    """What DeepSpeed's autotuner, torch's optimizers and pyarrow would import takes as long as the rest of a start."""
    program = (
        "import sys; from pathlib import Path; from heatmark.workloads.job import run_trial\n"
        "print(run_trial(Path(sys.argv[1])), sorted({'mlflow', 'pandas', 'torch._dynamo'} & set(sys.modules)))"
    )
    folder = prepare(tmp_path, people, train={"epochs": 1, "milestones": [1]})
    command = [sys.executable, "-c", program, str(folder.spec_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines()[-1] == "0 []", done.stdout + done.stderr


def test_a_finished_trial_is_not_run_again(undisturbed: RunFolder) -> None:
    before = undisturbed.metrics_file.stat().st_mtime_ns
    assert run(undisturbed) == [0]
    assert undisturbed.metrics_file.stat().st_mtime_ns == before and len(undisturbed.attempts()) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGUSR2, 144), (signal.SIGKILL, -9)])
def test_an_interrupted_trial_ends_with_the_same_numbers(
    number: signal.Signals, code: int, tmp_path: Path, people: Path, undisturbed: RunFolder
) -> None:
    folder = prepare(tmp_path, people)
    process = start(folder)
    wait_for_step(folder, process, epochs=1)
    process.send_signal(number)
    assert process.wait(timeout=150) == code, log_of(folder)
    assert folder.result() is None and folder.failure() is None
    assert run(folder) == [0], log_of(folder)
    assert "resumed at epoch 2" in log_of(folder)
    assert numbers(folder) == numbers(undisturbed)
    assert folder.predictions_file.read_bytes() == undisturbed.predictions_file.read_bytes()
    for epoch in range(3):
        assert folder.records_file(epoch).read_bytes() == undisturbed.records_file(epoch).read_bytes()
    assert folder.heatmaps_file(2).read_bytes() == undisturbed.heatmaps_file(2).read_bytes()


@pytest.mark.parametrize("stage", [0, 1])
def test_two_ranks_train_together_under_zero(stage: int, tmp_path: Path, people: Path) -> None:
    folder = prepare(tmp_path, people, train={"epochs": 1}, runtime={"zero_stage": stage})
    assert run(folder, ranks=2) == [0, 0], log_of(folder)
    result = folder.result()
    assert result is not None and result.world_size == 2
    assert len(folder.epochs()) == 1
    predicted = [each["annotation_id"] for each in json.loads(folder.predictions_file.read_text())]
    assert len(predicted) == len(set(predicted)) == 24
    # Both ranks' people are in the one file, in the order of their ids.
    recorded = pq.read_table(folder.records_file(0))["annotation_id"].to_pylist()
    assert recorded == sorted(predicted)


def test_four_ranks_evaluate_like_one(undisturbed: RunFolder) -> None:
    """No person twice, none left out: the metrics of 4 ranks are those of 1."""

    def evaluate(ranks: int) -> list[dict[str, float]]:
        command = [sys.executable, "-m", "heatmark.pipeline.cli", "evaluate", str(undisturbed.path), "--json"]
        processes = [
            subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.PIPE) for own in environments(ranks)
        ]
        return [json.loads(process.communicate(timeout=120)[0]) for process in processes]

    (alone,) = evaluate(1)
    result = undisturbed.result()
    assert result is not None and alone == pytest.approx(result.final, abs=1e-6)
    for shared in evaluate(4):
        assert shared == pytest.approx(alone, abs=1e-6)


def test_a_signal_to_one_rank_stops_all_of_them_and_changes_no_number(tmp_path: Path, people: Path) -> None:
    """In mid-epoch every rank has batch-norm statistics of its own, which the checkpoint must keep."""
    undisturbed, disturbed = (prepare(tmp_path / name, people) for name in ("undisturbed", "disturbed"))
    assert run(undisturbed, ranks=2) == [0, 0], log_of(undisturbed)
    processes = start_ranks(disturbed, ranks=2)
    wait_for_step(disturbed, processes[0], epochs=1)
    processes[1].send_signal(signal.SIGUSR2)
    assert [process.wait(timeout=150) for process in processes] == [144, 144], log_of(disturbed)
    assert run(disturbed, ranks=2) == [0, 0], log_of(disturbed)
    assert numbers(disturbed) == numbers(undisturbed)


def test_a_signal_that_comes_before_anything_is_ready_is_not_lost(
    tmp_path: Path, people: Path, undisturbed: RunFolder
) -> None:
    folder = prepare(tmp_path, people)
    process = start(folder)
    time.sleep(0.05)
    process.send_signal(signal.SIGUSR2)
    assert process.wait(timeout=150) == 144, log_of(folder)
    assert run(folder) == [0], log_of(folder)
    assert numbers(folder) == numbers(undisturbed)


@pytest.mark.parametrize("batch_size", [8, 48])
def test_a_loss_that_is_no_number_ends_the_trial_and_saves_nothing(
    tmp_path: Path, people: Path, batch_size: int
) -> None:
    """With 48 it is the loss of the last step of an epoch."""
    folder = prepare(tmp_path, people, train={"lr": 1e30, "batch_size": batch_size})
    assert run(folder) == [1]
    assert checkpoint.newest_first(folder) == [] and folder.epochs() == []
    failure = folder.failure()
    assert failure is not None and failure.kind == "diverged"
    assert "lower train.lr" in failure.message


def test_a_missing_data_set_is_the_users_mistake(tmp_path: Path) -> None:
    folder = prepare(tmp_path, tmp_path / "nowhere")
    assert run(folder) == [2]
    failure = folder.failure()
    assert failure is not None and failure.kind == "user" and "nowhere" in failure.message


def test_unreadable_images_are_named_and_left_out_or_refused(tmp_path: Path) -> None:
    root = tmp_path / "drawn"
    write_coco(root, SyntheticCoco(people_train=24, people_val=8, seed=2))
    spoiled = sorted((root / "train2017").iterdir())[0]
    spoiled.write_bytes(spoiled.read_bytes()[:200])
    lenient = prepare(tmp_path / "lenient", root, train={"epochs": 1})
    assert run(lenient) == [0], log_of(lenient)
    result = lenient.result()
    assert result is not None and result.unreadable_images == [str(spoiled)]
    assert str(spoiled) in log_of(lenient)
    strict = prepare(tmp_path / "strict", root, train={"epochs": 1}, runtime={"strict": True})
    assert run(strict) == [2]
    failure = strict.failure()
    assert failure is not None and spoiled.name in failure.message


def test_maps_without_a_compensated_joint_are_warned_of(people: Path, tmp_path: Path) -> None:
    """A net that has hardly learned gives maps around 0, of which C <= n in many; a maximum is there in any map."""
    short = {"epochs": 1, "batch_size": 96, "milestones": [1]}
    for name, is_compensated in (("ipr+debias", True), ("detection", False)):
        folder = prepare(tmp_path, people, method=name, train=short)
        assert run(folder) == [0], log_of(folder)
        (record,) = folder.epochs()
        warnings = [line for line in log_of(folder).splitlines() if "only the guard keeps their joints finite" in line]
        share = (record.val or {}).get("short_mass") or 0
        assert (share > 0) == is_compensated
        assert len(warnings) == is_compensated and all(f"warning: {share:.2%} of the maps" in line for line in warnings)
