"""`heatmark evaluate`: what trained nets are worth, in the ways that one asks for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heatmark.foundation.errors import InputError
from heatmark.pipeline.json_output import JsonOption, stdout_for_json

if TYPE_CHECKING:
    from heatmark.workloads.evaluate_run import Found


def register(app: typer.Typer) -> None:
    """Add the command to `heatmark`."""
    app.command("evaluate")(evaluate_command)


def evaluate_command(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN_DIR...", help="Run folders of trials, or sweeps for all of theirs.")
    ],
    boxes: Annotated[
        str | None, typer.Option(help="The file of a detector's boxes, or gt; else the boxes of the trial.")
    ] = None,
    flip_test: Annotated[
        bool | None, typer.Option("--flip-test/--no-flip-test", help="Else as the trial is measured.")
    ] = None,
    epochs: Annotated[
        str | None, typer.Option(help="Of kept checkpoints, such as 5,10; else the newest weights.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure trained nets without training, on as many ranks as srun or submitit started this command with.

    With --boxes, --flip-test or --epochs the measurement is put on record in the run folder, under a name of its own.
    """
    from heatmark.workloads.evaluate_run import Asked, evaluate_runs

    runs = [run for folder in folders for run in _runs_in(folder)]
    with stdout_for_json():
        found = evaluate_runs(
            runs, Asked(boxes, flip_test, _numbers(epochs)), lambda line: print(line, file=sys.stderr)
        )
    if as_json:
        print(json.dumps(found[0].metrics if len(found) == 1 else [_as_json(each) for each in found]))
        return
    for each in found:
        if len(found) > 1:
            print(f"{each.folder.path}, epoch {each.epoch}")
        for name, value in each.metrics.items():
            print(f"{name:16} {'-' if value is None else f'{value:.5f}'}")


def _runs_in(folder: Path) -> list[Path]:
    """A run folder, or those of a sweep that have weights."""
    if (folder / "spec.json").is_file() or not (folder / "sweep.json").is_file():
        return [folder]
    from heatmark.workloads.run_folder.folder import run_folders

    found = [run.path for run in run_folders(folder) if run.result() is not None]
    if not found:
        raise InputError(f"{folder}: no trial of this sweep is trained yet; run it first")
    return found


def _numbers(text: str | None) -> tuple[int, ...]:
    parts = text.split(",") if text else []
    if not all(part.strip().isdecimal() for part in parts):
        raise InputError(f"--epochs {text}: give whole numbers with commas between them, such as 5,10")
    return tuple(int(part) for part in parts)


def _as_json(found: Found) -> dict[str, object]:
    return {
        "folder": str(found.folder.path),
        "signature": found.folder.signature,
        "source": found.source,
        "epoch": found.epoch,
        "metrics": found.metrics,
    }
