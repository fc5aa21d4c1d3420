"""Whole sweeps on this machine: real Ray, submitit, DeepSpeed and MLflow; the driver killed in the middle."""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.workloads.launch import RUN_VARIABLE
from heatmark.workloads.run_folder.drivers import driver_lock
from heatmark.workloads.run_folder.folder import run_folders
from tests.made_up import job_of, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
SWEEP: dict[str, Any] = {
    "name": "small",
    "grid": {"method": ["detection", "bcir"], "beta": [10], "backbone": ["sbl-r18-w8"], "dataset": ["drawn"]},
    "train": {"epochs": 4, "batch_size": 8, "flip_test": False},
    "data": {"drawn": {"synthetic": {"people_train": 160, "people_val": 16}, "input_size": [64, 64]}},
    "cluster": {"parallel": 2, "threads": 1},
    "tune": {"dashboard": False},
}
# Tests of other things do without: its drawings take longer than a small sweep.
NO_REPORT = {"enabled": False}


def write_sweep(folder: Path, **changes: Any) -> Path:
    content = json.loads(json.dumps(SWEEP))
    for section, values in changes.items():
        content[section] = {**content.get(section, {}), **values}
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def start(*arguments: Any, cwd: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "sweep", *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def logged(log: Path, *arguments: Any, cwd: Path) -> subprocess.Popen[str]:
    """`start`, with the output in a file."""
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "sweep", *map(str, arguments)]
    with log.open("a") as file:
        return subprocess.Popen(command, cwd=cwd, stdout=file, stderr=file, text=True)


def told(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def run(*arguments: Any, cwd: Path) -> tuple[int, str]:
    process = start(*arguments, cwd=cwd)
    output, _ = process.communicate(timeout=420)
    return process.returncode, output


def until_seen(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Something that a sweep does, which goes on meanwhile."""

    def seen() -> bool:
        happened = condition()
        assert happened or process.poll() is None, process.communicate()[0]
        return happened

    until(seen, 240, every_s=0.05)


def mlflow_runs(sweep: Path) -> tuple[Any, list[Any]]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{sweep / 'mlflow.db'}")
    return client, [run for each in client.search_experiments() for run in client.search_runs([each.experiment_id])]


def steps_of(path: Path, name: str) -> list[int]:
    """The steps of a scalar in a TensorBoard file: records of length (8 bytes), check (4), event, check (4)."""
    from tensorboardX.proto.event_pb2 import Event

    content, steps = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        event = Event.FromString(content[12 : 12 + length])
        steps += [event.step for value in event.summary.value if value.tag == name]
        content = content[16 + length :]
    return steps


def live_jobs(sweep: Path) -> dict[psutil.Process, str]:
    """The processes of a sweep's trials, each with its run folder."""
    found = {}
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if (folder := environment.get(RUN_VARIABLE, "")).startswith(str(sweep)):
            found[process] = folder
    return found


@contextmanager
def stopped_jobs(runs: Path) -> Iterator[None]:
    """The jobs stand still inside, so that how long drivers take does not matter to how far a trial is."""
    jobs = live_jobs(runs)
    for job in jobs:
        with suppress(psutil.NoSuchProcess):
            job.suspend()
    try:
        yield
    finally:
        for job in jobs:
            with suppress(psutil.NoSuchProcess):
                job.resume()


def test_a_driver_killed_in_mid_sweep_is_followed_by_one_that_adopts_its_jobs(tmp_path: Path) -> None:
    path = write_sweep(tmp_path, train={"epochs": 8})
    sweep = tmp_path / "runs" / "small"
    driver = start("run", path, cwd=tmp_path)
    until_seen(lambda: sum(bool(folder.epochs()) for folder in run_folders(sweep)) == 2, driver)
    driver.kill()
    driver.wait()
    time.sleep(1)
    assert live_jobs(sweep), "the jobs died with their driver"
    log = tmp_path / "second.log"
    with stopped_jobs(sweep):
        sent = {folder.signature: job_of(folder).submissions for folder in run_folders(sweep)}
        assert not any(folder.result() for folder in run_folders(sweep)), "the trials are too short for this test"
        driver = logged(log, "run", path, cwd=tmp_path)
        ours = f"process {driver.pid} on"
        locks = [driver_lock(folder.path) for folder in run_folders(sweep)]
        until_seen(lambda: all(ours in lock.read_text() for lock in locks), driver)
    assert driver.wait(timeout=420) == 0, told(log)
    folders = list(run_folders(sweep))
    assert len(folders) == 2 and all(folder.result() for folder in folders)
    for folder in folders:
        assert [record.epoch for record in folder.epochs()] == list(range(8))
        assert len(folder.attempts()) == 1 and job_of(folder).submissions == sent[folder.signature]
    client, runs = mlflow_runs(sweep)
    assert len(runs) == 3 and {each.info.status for each in runs} == {"FINISHED"}
    for each in runs:
        if "signature" in each.data.tags:
            steps = [point.step for point in client.get_metric_history(each.info.run_id, "val/gtbox/EPE")]
            assert steps == list(range(1, 9))
    assert (sweep / "report.pdf").read_bytes().startswith(b"%PDF") and (sweep / "report.html").exists()

    # The second driver's Tune got every epoch from the records, and TensorBoard from Tune.
    *_, newest = sorted((sweep / "tune").iterdir())
    for folder in folders:
        (written,) = newest.glob(f"*{folder.signature}/events.out.tfevents.*")
        assert steps_of(written, "headline/gtbox/EPE") == list(range(1, 9))

    # As after a driver that died between a trial's result and the end of its job.
    job_of(folders[0]).model_copy(update={"state": "submitted"}).write(folders[0].job_file)
    before = [folder.metrics_file.stat().st_mtime_ns for folder in folders]
    code, output = run("run", path, cwd=tmp_path)
    assert code == 0 and "2 finished before, 0 to run" in output, output
    assert [folder.metrics_file.stat().st_mtime_ns for folder in folders] == before
    assert [job_of(folder).state for folder in folders] == ["finished", "finished"]


def relays_of(driver: subprocess.Popen[str]) -> list[psutil.Process]:
    found = []
    for each in psutil.Process(driver.pid).children(recursive=True):
        with suppress(psutil.Error):
            found += [each] if (each.cmdline() or [""])[0].startswith("ray::Relay") else []
    return found


def test_relays_that_are_killed_are_followed_by_others(tmp_path: Path) -> None:
    """Whatever ends a worker of Ray's, a full memory say, ends neither its job nor the sweep."""
    path = write_sweep(tmp_path, train={"epochs": 6}, report=NO_REPORT)
    sweep = tmp_path / "runs" / "small"
    driver = start("run", path, cwd=tmp_path)
    until_seen(lambda: sum(bool(folder.epochs()) for folder in run_folders(sweep)) == 2, driver)
    with stopped_jobs(sweep):  # they may have begun before Ray has
        until_seen(lambda: len(relays_of(driver)) == 2, driver)
        for relay in relays_of(driver):
            relay.kill()
    output, _ = driver.communicate(timeout=420)
    assert driver.returncode == 0, output
    for folder in run_folders(sweep):
        assert folder.result() and len(folder.attempts()) == 1, output
        assert [record.epoch for record in folder.epochs()] == list(range(6))


def test_asha_stops_a_trial_and_its_job(tmp_path: Path) -> None:
    """One after the other: of two side by side ASHA stops the worse one only where it is behind."""
    path = write_sweep(
        tmp_path,
        grid={"method": ["detection"], "lr": [1e-3, 1e-9], "backbone": ["sbl-r18-w8"], "dataset": ["drawn"]},
        train={"epochs": 16, "eval_every": 2},
        cluster={"parallel": 1},
        tune={"scheduler": "asha", "metric": "gtbox/EPE", "mode": "min", "grace_epochs": 1, "reduction_factor": 2},
        report=NO_REPORT,
    )
    code, output = run("run", path, cwd=tmp_path)
    assert code == 0, output
    sweep = tmp_path / "runs" / "small"
    states = {json.loads(folder.spec_file.read_text())["train"]["lr"]: folder for folder in run_folders(sweep)}
    stopped = states[1e-9]
    assert states[1e-3].result() is not None
    assert stopped.result() is None and job_of(stopped).reason == "stopped early by ASHA"
    assert len(stopped.epochs()) < 16 and not live_jobs(sweep)


def test_a_cancelled_sweep_stops_and_can_be_taken_up_again(tmp_path: Path) -> None:
    cluster = {"ranks": 2, "parallel": 1, "threads": 1}
    path = write_sweep(tmp_path, train={"epochs": 40}, cluster=cluster, report=NO_REPORT)
    sweep = tmp_path / "runs" / "small"
    driver = start("run", path, cwd=tmp_path)
    until_seen(lambda: any(folder.epochs() for folder in run_folders(sweep)), driver)
    second, output = run("run", path, cwd=tmp_path)
    assert second == 2 and "another driver runs this sweep" in output
    code, output = run("cancel", sweep, cwd=tmp_path)
    assert code == 0 and "cancelled 2 trials" in output
    output, _ = driver.communicate(timeout=420)
    assert driver.returncode == 0, output
    assert not live_jobs(sweep)
    states = {status["state"] for status in json.loads(run("status", sweep, "--json", cwd=tmp_path)[1])["trials"]}
    assert states == {"cancelled"}
    began = next(folder for folder in run_folders(sweep) if folder.epochs())
    epochs = len(began.epochs())

    driver = start("run", path, cwd=tmp_path)
    until_seen(lambda: len(began.epochs()) > epochs, driver)
    # As SLURM and timeout(1) do it: twice, to the process and to its group.
    driver.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    driver.send_signal(signal.SIGTERM)
    output, _ = driver.communicate(timeout=420)
    assert driver.returncode == 130 and "interrupted; jobs that run go on" in output, output
    assert live_jobs(sweep), "an interrupted driver must leave its jobs running"
    assert run("cancel", sweep, cwd=tmp_path)[0] == 0
    assert not live_jobs(sweep)
    # Without a driver, too, what is on record is what was done.
    assert {job_of(folder).state for folder in run_folders(sweep)} == {"cancelled"}
    assert [record.epoch for record in began.epochs()] == list(range(len(began.epochs())))


def test_a_driver_that_is_stopped_while_ray_starts_ends_in_order(tmp_path: Path) -> None:
    path = write_sweep(tmp_path, report=NO_REPORT)
    sweep = tmp_path / "runs" / "small"
    driver = start("run", path, cwd=tmp_path)
    until_seen(lambda: (sweep / "ray_token").exists(), driver)  # written just before
    driver.send_signal(signal.SIGTERM)
    output, _ = driver.communicate(timeout=420)
    assert driver.returncode == 130 and "interrupted; jobs that run go on" in output, output
    # Jobs are sent before Ray has started: each is on record, so that a command can end it.
    assert set(live_jobs(sweep).values()) <= {str(folder.path) for folder in run_folders(sweep) if folder.job()}
    assert run("cancel", sweep, cwd=tmp_path)[0] == 0 and not live_jobs(sweep)


def test_a_trial_that_fails_by_the_users_mistake_is_told_in_one_line(tmp_path: Path) -> None:
    people = tmp_path / "people"
    write_coco(people, SyntheticCoco(people_train=40, people_val=16, seed=0))
    (image, *_) = sorted((people / "train2017").glob("*.jpg"))
    image.write_bytes(b"no image")
    path = write_sweep(
        tmp_path,
        grid={"method": ["detection"], "backbone": ["sbl-r18-w8"], "dataset": ["drawn"]},
        data={"drawn": {"root": str(people), "input_size": [64, 64]}},
        train={"epochs": 1},
        report=NO_REPORT,
    )
    code, output = run("run", path, "--strict", cwd=tmp_path)
    assert code == 2 and image.name in output, output
    code, output = run("run", path, cwd=tmp_path)
    assert code == 0 and f"unreadable image, left out: {image}" in output, output
    (folder,) = run_folders(tmp_path / "runs" / "small")
    assert folder.result()
