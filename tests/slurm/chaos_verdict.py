"""What must hold when the sweep has ended: a list of sentences for each check, empty where it holds."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.job_record import Submission
from tests.slurm.chaos_field import Field
from tests.slurm.chaos_packed import is_packed, tickets_on_record
from tests.slurm.chaos_processes import marked
from tests.slurm.chaos_slurm import Run, read_arrays
from tests.slurm.sent import TIMES

ENDING_S = 90.0


def timeless(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in TIMES}


def all_finished(field: Field, _undisturbed: Path) -> list[str]:
    return [
        f"{folder.signature}: {(job := folder.job()) and f'{job.state}: {job.reason}'}"
        for folder in field.trials()
        if folder.result() is None
    ] or ([] if field.trials() else ["no trial at all"])


def same_numbers(field: Field, undisturbed: Path) -> list[str]:
    """Every line of metrics, and the final values, bit by bit."""
    wrong = []
    calm = {folder.signature: folder for folder in run_folders(undisturbed)}
    if set(calm) != {folder.signature for folder in field.trials()}:
        wrong.append("other trials than in the undisturbed sweep")
    for folder in field.trials():
        ours = [timeless(record.plain()) for record in folder.epochs()]
        theirs = [timeless(record.plain()) for record in calm[folder.signature].epochs()]
        differing = [mine["epoch"] for mine, other in zip(ours, theirs, strict=False) if mine != other]
        if differing or len(ours) != len(theirs):
            wrong.append(
                f"{folder.signature}: {len(ours)} lines for {len(theirs)}, differing from epoch {differing[:1]} on"
            )
        results = folder.result(), calm[folder.signature].result()
        if len({json.dumps(result.plain()["final"]) if result else "" for result in results}) > 1:
            wrong.append(f"{folder.signature}: another final result")
    return wrong


def every_epoch_once(field: Field, _undisturbed: Path) -> list[str]:
    wrong = []
    for folder in field.trials():
        epochs = json.loads(folder.spec_file.read_text())["train"]["epochs"]
        found = [record.epoch for record in folder.epochs()]
        attempts = [record.attempt for record in folder.epochs()]
        if found != list(range(epochs)):
            wrong.append(f"{folder.signature}: epochs {found}")
        if attempts != sorted(attempts):
            wrong.append(f"{folder.signature}: an earlier attempt wrote after a later one: {attempts}")
    return wrong


def one_job_at_a_time(field: Field, _undisturbed: Path) -> list[str]:
    """By accounting: the attempts of all jobs of a trial, in seconds, do not overlap."""
    runs: dict[str, list[Run]] = {}
    arrays = read_arrays(field.sweep)
    for run in field.slurm.runs(field.programs.accepted()):
        signatures, index = arrays.get(run.name, []), run.job_id.partition("_")[2]
        at = int(index) if index.isdigit() else 0
        if at < len(signatures):
            runs.setdefault(signatures[at], []).append(run)
    wrong = []
    for signature, own in runs.items():
        own.sort(key=lambda run: (run.start, run.end or "9"))
        for before, after in itertools.pairwise(own):
            # A job that a killed controller forgot has no end in accounting, for ever.
            if before.end is not None and before.end > after.start:
                wrong.append(f"{signature}: {before} and {after}")
    return wrong


def every_job_on_record(field: Field, _undisturbed: Path) -> list[str]:
    """What sbatch accepted, against what job.json says was sent; a job that never ran may be missing there."""
    arrays, accepted = read_arrays(field.sweep), field.programs.accepted()
    started = {run.job_id for run in field.slurm.runs(accepted)}
    sent: dict[str, list[str]] = {}  # a number may come twice: a killed controller gives it out again
    for name, number in accepted.items():
        for index, signature in enumerate(arrays.get(name, [])):
            sent.setdefault(signature, []).append(f"{number}_{index}")
    wrong = [f"sbatch accepted {name}, of which nothing is written down" for name in accepted if name not in arrays]
    if is_packed(field.sweep):
        on_record = {folder.signature: [each.job_id for each in _sent(folder)] for folder in field.trials()}
        return wrong + tickets_on_record(field.sweep, on_record)
    for folder in field.trials():
        recorded = [each.job_id for each in _sent(folder)]
        own = sent.get(folder.signature, [])
        unrecorded = (set(own) - set(recorded)) & started
        if unrecorded:
            wrong.append(f"{folder.signature}: ran and not on record: {', '.join(sorted(unrecorded))}")
        if unsent := set(recorded) - set(own):
            wrong.append(f"{folder.signature}: on record and never accepted: {', '.join(sorted(unsent))}")
        if len(recorded) > len(own):
            wrong.append(f"{folder.signature}: {len(recorded)} submissions on record, {len(own)} accepted by sbatch")
    return wrong


def mirror_is_complete(field: Field, _undisturbed: Path) -> list[str]:
    """One live run for every trial, and in it every epoch once, with the value of its line."""
    from mlflow import MlflowClient

    database = field.sweep / "mlflow.db"
    if not database.exists():
        return ["no mlflow.db"]
    client = MlflowClient(tracking_uri=f"sqlite:///{database.absolute()}")
    experiment = client.get_experiment_by_name(field.sweep.name)
    if experiment is None:
        return ["no experiment"]
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = [run for run in runs if run.data.tags.get("kind") == "sweep"]
    wrong = [] if len(parents) == 1 else [f"{len(parents)} parent runs"]
    for folder in field.trials():
        own = [run for run in runs if run.data.tags.get("signature") == folder.signature]
        if len(own) != 1:
            wrong.append(f"{folder.signature}: {len(own)} runs")
            continue
        history = client.get_metric_history(own[0].info.run_id, "train/loss")
        found = sorted((metric.step, metric.value) for metric in history)
        wanted = [(record.epoch + 1, record.train["loss"]) for record in folder.epochs()]
        if found != wanted:
            steps = [step for step, _ in found]
            missing = [step for step, _ in wanted if step not in steps]
            wrong.append(f"{folder.signature}: {len(found)} values of {len(wanted)}, missing epochs {missing[:5]}")
        if own[0].info.status != "FINISHED":
            wrong.append(f"{folder.signature}: status {own[0].info.status}")
        if parents and own[0].data.tags.get("mlflow.parentRunId") != parents[0].info.run_id:
            wrong.append(f"{folder.signature}: a child of another parent")
    return wrong


def nothing_left(field: Field, _undisturbed: Path) -> list[str]:
    """No process that the driver or a job of its started, a while after the driver has ended."""
    deadline = time.monotonic() + ENDING_S
    while (left := list(marked(field.mark))) and time.monotonic() < deadline:
        time.sleep(1)
    jobs = [element for element in field.slurm.elements(field.sweep) if element.state in ("RUNNING", "PENDING")]
    return [f"process {pid}: {' '.join(arguments)[:160]}" for pid, arguments, _ in left] + [
        f"job {element.job_id} is {element.state}" for element in jobs
    ]


Check = Callable[[Field, Path], list[str]]
CHECKS: dict[str, Check] = {
    "every trial finished": all_finished,
    "metric lines and final values bit-identical to the undisturbed sweep": same_numbers,
    "no epoch twice or missing, no attempt after a later one": every_epoch_once,
    "no two attempts of a trial at the same time (sacct)": one_job_at_a_time,
    "jobs that sbatch accepted are those on record": every_job_on_record,
    "MLflow complete": mirror_is_complete,
    "no process and no job left": nothing_left,
}


def _sent(folder: RunFolder) -> list[Submission]:
    """Every job that the trial had."""
    job = folder.job()
    return [*job.earlier, *job.submissions] if job else []


def starts(folder: RunFolder) -> str:
    """How a trial came to its end, in one line."""
    sent = _sent(folder)
    kinds = ", ".join(each.kind for each in sent if each.kind)
    return (
        f"{folder.signature}: {len(folder.attempts())} attempts, {len(sent)} jobs sent ({kinds or 'none ended early'})"
    )
