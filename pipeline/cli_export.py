"""`heatmark export`: a trained trial as a file that others can run, with a card that says what it is."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from heatmark.foundation.errors import InputError
from heatmark.pipeline.json_output import JsonOption, stdout_for_json, tell


def register(app: typer.Typer) -> None:
    """Add the command to `heatmark`."""
    app.command("export")(export_command)


def export_command(  # noqa: PLR0913 (its options)
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RUN_DIR] FILE",
            help="A trained trial's run folder, and the file to be: .onnx, .pt2 (torch.export) or .ts (TorchScript).",
        ),
    ],
    run_best: Annotated[
        Path | None, typer.Option("--run-best", metavar="SWEEP", help="Instead of RUN_DIR: the best trial of a sweep.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="By which --run-best judges: AP, EPE, ...; the format's first, if none.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="With --run-best, of which data set where there are several.")
    ] = None,
    flip_test: Annotated[
        bool | None, typer.Option("--flip-test/--no-flip-test", help="In the graph; else as the trial is measured.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every metric on all validation people with torch's.")
    ] = False,
    data_licence: Annotated[
        str | None, typer.Option("--data-licence", metavar="TEXT", help="Of the data, for the card.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE and its card.")] = False,
    as_json: JsonOption = False,
) -> None:
    """A trained net with its read-out inside as one file: crops in, joints out. Checked against torch; with a card."""
    if len(places) != (1 if run_best else 2):
        wanted = "FILE alone with --run-best SWEEP" if run_best else "RUN_DIR and FILE, or --run-best SWEEP and FILE"
        raise InputError(f"export: give {wanted}")
    if run_best is None and (metric or data):
        raise InputError("export: --metric and --data go with --run-best SWEEP")
    path, card = places[-1], places[-1].with_suffix(".md")
    with stdout_for_json():
        told = _export(_Asked(path, card, flip_test, verify, data_licence, force), places[0], run_best, metric, data)
    if as_json:
        print(json.dumps(told))
        return
    print(f"wrote {path}: {told['checked']}")
    if "verified" in told:
        print(told["verified"])
    print(f"wrote {card}")


@dataclass(frozen=True)
class _Asked:
    path: Path
    card: Path
    flip_test: bool | None
    verify: bool
    licence: str | None
    force: bool


def _export(asked: _Asked, folder: Path, sweep: Path | None, metric: str | None, dataset: str | None) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import Progress

    from heatmark.reports.model_card import CardFacts, model_card
    from heatmark.workloads.export import export_trial
    from heatmark.workloads.export_formats import format_of_file

    started, flip_test, why = time.monotonic(), asked.flip_test, None
    file_format = format_of_file(asked.path)
    _refuse_existing((asked.path, asked.card), asked.force)
    if sweep is not None:
        folder, measured_flip, why = _best(sweep, metric, dataset)
        flip_test = measured_flip if flip_test is None else flip_test
        tell(why)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("people", total=None, visible=asked.verify)
        export = export_trial(
            folder,
            file_format,
            str(asked.path),
            tell,
            flip_test=flip_test,
            all_people=asked.verify,
            progress=lambda people, of: bar.update(task, completed=people, total=of),
        )
    card = model_card(export, CardFacts(asked.path.name, asked.licence, why))
    _write(asked.path, export.content)
    _write(asked.card, card)
    told: dict[str, Any] = {
        "file": str(asked.path),
        "card": str(asked.card),
        "signature": export.about.signature,
        "epoch": export.about.epoch,
        "megabytes": round(len(export.content) / 1e6, 3),
        "seconds": round(time.monotonic() - started, 1),
        "checked": f"{export.agreement.told()}, on {export.agreement.crops} {export.checked_on}",
        "largest_px": export.agreement.largest,
    }
    if export.verified is not None:
        told["verified"] = export.verified.told(file_format.runtime)
        told["metrics"] = {file_format.runtime: export.verified.exported, "torch": export.verified.own}
    if why is not None:
        told["chosen"] = why
    return told


def _refuse_existing(paths: Sequence[Path], force: bool) -> None:
    for path in paths:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; give another file")
        if path.exists() and not force:
            raise InputError(f"{path}: is there already; give another file, or --force to overwrite it")


def _best(sweep: Path, metric: str | None, dataset: str | None) -> tuple[Path, bool | None, str]:
    """Its run folder, its flip test as the sweep measures it, and why."""
    from heatmark.reports.comparing.best import best_trial

    best = best_trial(sweep, metric, dataset)
    assert best.trial.folder is not None and best.trial.spec is not None, "finished trials have both"
    return best.trial.folder.path, best.trial.spec.train.flip_test, best.told()


def _write(path: Path, content: bytes | str) -> None:
    from heatmark.foundation.files import write_atomic

    try:
        write_atomic(path, content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); give another file") from error
