"""A sweep -> the report's content, in one neutral form that both the PDF and the page show."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from heatmark.reports.comparing.accuracy import differing_settings, grid_order
from heatmark.reports.comparing.cells import GridCell, best_of_each, grid_cells
from heatmark.reports.comparing.comparisons import compare
from heatmark.reports.comparing.protocol import protocol
from heatmark.reports.comparing.settings import settings_of
from heatmark.reports.comparing.verdict import judge
from heatmark.reports.paper.entries import as_frame, as_table
from heatmark.reports.paper.figures.figures import paper_figures
from heatmark.reports.paper.tables import compare_with_paper, file_names
from heatmark.reports.reading.collect import BOX_SOURCES, Sweep, Trial, printable
from heatmark.reports.reading.digest import gather_evidence
from heatmark.reports.rendering.figure import FigurePart
from heatmark.reports.rendering.table import Table
from heatmark.reports.rendering.table_files import Export
from heatmark.reports.sections.accuracy import accuracy_exports, accuracy_views
from heatmark.reports.sections.convergence import comparisons_export, convergence_export
from heatmark.reports.sections.curves import convergence_figure, loss_figure
from heatmark.reports.sections.predictions import Sheet, prediction_sheets
from heatmark.reports.sections.summary import TRUNCATED, summarise
from heatmark.reports.sections.verdict import verdict_exports

LONGEST_MESSAGE = 1500
# Cells of one data set and backbone in a figure.
MOST_DRAWN = 12
MACHINE = {"host": "Host", "cpu": "CPU", "cores": "Cores", "memory_gib": "Memory, GiB", "gpus": "GPUs"}


@dataclass(frozen=True)
class Problem:
    """A trial without a result, and why."""

    label: str
    signature: str
    state: str
    message: str


@dataclass(frozen=True)
class Document:
    """What the report says, top to bottom. stamp is empty or a warning for every page that compares."""

    title: str
    date: str
    stamp: str
    summary: tuple[str, ...]
    verdict: tuple[str, ...]
    verdict_tables: tuple[Table, ...]
    accuracy: tuple[Table, ...]
    convergence: tuple[Table, ...]
    paper: tuple[Table, ...]
    record_notes: tuple[str, ...]
    figures: tuple[FigurePart, ...]
    paper_figures: tuple[FigurePart, ...]
    sheets: tuple[Sheet, ...]
    sheet_notes: tuple[str, ...]
    problems: tuple[Problem, ...]
    setup: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]
    exports: tuple[Export, ...]


def assemble(sweep: Sweep, table: pd.DataFrame) -> Document:
    """table: of the accuracy (tables.accuracy_table)."""
    trials = sorted(sweep.trials, key=grid_order)
    settings = differing_settings(trials)
    evidence = gather_evidence(trials)
    cells = grid_cells(trials, evidence)
    accuracy = accuracy_views(table, trials, protocol)
    stamp = TRUNCATED if sweep.truncated else ""
    comparisons = compare(cells)
    verdict = judge(cells, comparisons)
    judged, convergence = verdict_exports(verdict, comparisons), convergence_export(cells, stamp)
    beside = compare_with_paper(cells)
    names = zip(beside, file_names(beside), strict=True)
    paper = [Export(as_table(each, name), as_frame(each)) for each, name in names]
    drawn, left_out = _drawn_trials(cells)
    sheets, sheet_notes = prediction_sheets(drawn, settings)
    sheets = [replace(sheet, caption=f"{sheet.caption} {protocol(sheet.trials)}") for sheet in sheets]
    return Document(
        title=sweep.name,
        date=sweep.date,
        stamp=stamp,
        summary=(*summarise(sweep, table), *sweep.notes),
        verdict=verdict.sentences,
        verdict_tables=tuple(export.table for export in judged),
        accuracy=tuple(accuracy),
        convergence=tuple(export.table for export in convergence),
        paper=tuple(export.table for export in paper),
        record_notes=tuple(printable(note) for note in evidence.notes),
        figures=tuple(_figures(drawn, settings, left_out)),
        paper_figures=paper_figures(cells),
        sheets=tuple(sheets),
        sheet_notes=tuple(printable(note) for note in sheet_notes),
        problems=tuple(_problem(trial) for trial in trials if not trial.finished),
        setup=tuple(_setup(trials)),
        environment=tuple(_environment(trials)),
        exports=(
            *accuracy_exports(table, accuracy),
            *judged,
            *comparisons_export(comparisons),
            *convergence,
            *paper,
        ),
    )


def _drawn_trials(cells: Sequence[GridCell]) -> tuple[list[Trial], dict[tuple[str, str], int]]:
    """Those of every cell; of a data set and backbone with too many, of the best cell of each method and beta.

    And how many cells that leaves out, by data set and backbone.
    """
    drawn: list[Trial] = []
    left_out: Counter[tuple[str, str]] = Counter()
    for setting, members in settings_of(cells).items():
        if len(members) > MOST_DRAWN:
            best = best_of_each(members, lambda cell: (cell.spec.method.name, cell.beta), setting.headline)[:MOST_DRAWN]
            left_out[setting.dataset, setting.backbone] += len(members) - len(best)
            members = best
        drawn += [trial for cell in members for trial in cell.trials]
    return drawn, left_out


def _figures(
    trials: Sequence[Trial], settings: dict[str, str], left_out: Mapping[tuple[str, str], int]
) -> Iterable[FigurePart]:
    """Curves of every data set and backbone that has an epoch on record. left_out: how many cells are not drawn."""
    groups: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        if trial.spec and trial.epochs:
            groups.setdefault((trial.spec.data.name, trial.spec.backbone), []).append(trial)
    for setting, members in groups.items():
        count = left_out.get(setting, 0)
        rest = f" {count} more cells are not drawn: these are the best of each method and β." if count else ""
        measured, headline = protocol(members), members[0].headline
        yield FigurePart(
            convergence_figure(members, settings),
            f"{headline} and EPE on the validation people over epochs, one line per trial.{rest} {measured}",
            f"Line plots of {headline} and EPE over epochs",
        )
        yield FigurePart(
            loss_figure(members, settings),
            "Training loss, one panel per cell. The methods minimise unlike quantities: compare shapes, not heights.",
            "Small line plots of training loss over epochs",
        )


def _problem(trial: Trial) -> Problem:
    message = trial.message.strip() or "No run folder yet."
    if len(message) > LONGEST_MESSAGE:
        message = "… " + message[-LONGEST_MESSAGE:]
    return Problem(trial.label, printable(trial.signature), trial.state, message)


def _setup(trials: Sequence[Trial]) -> Iterable[tuple[str, str]]:
    """How the trials were trained; where they differ, every value."""
    specs = [trial.spec for trial in trials if trial.spec]
    rows: dict[str, list[str]] = {
        "Data sets": [f"{spec.data.name} ({spec.data.format}, fingerprint {spec.data.fingerprint})" for spec in specs],
        "Backbones": _backbones(trials),
        "Input": ["{} × {} px, stride {}".format(*spec.data.input_size, spec.data.stride) for spec in specs],
        "Boxes": [f"{BOX_SOURCES.get(trial.boxes, trial.boxes)}" for trial in trials if trial.spec],
        "Flip test": ["yes" if spec.train.flip_test else "no" for spec in specs],
        "Epochs": [str(spec.train.epochs) for spec in specs],
        "Batch size": [f"{spec.train.batch_size} people" for spec in specs],
        "Learning rate": [f"{spec.train.lr:g}" for spec in specs],
        "Precision": [spec.train.precision for spec in specs],
        "Ranks per trial": [str(trial.result["world_size"]) for trial in trials if "world_size" in trial.result],
        "Seeds": [str(spec.seed) for spec in specs],
        "Notes on the data": _data_notes(trials),
    }
    return ((name, printable(", ".join(dict.fromkeys(values)))) for name, values in rows.items() if values)


def _backbones(trials: Sequence[Trial]) -> list[str]:
    """Each backbone with its number of parameters, which only a result knows."""
    names = {trial.spec.backbone: "" for trial in trials if trial.spec}
    for trial in trials:
        count = trial.result.get("parameters")
        if trial.spec and isinstance(count, int):
            names[trial.spec.backbone] = f" ({count:,} parameters)"
    return [f"{name}{parameters}" for name, parameters in names.items()]


def _data_notes(trials: Sequence[Trial]) -> list[str]:
    """What the jobs found missing or unreadable in the data."""
    notes = [str(note) for trial in trials for note in _listed(trial, "notes")]
    unreadable = {str(path) for trial in trials for path in _listed(trial, "unreadable_images")}
    return [*notes, f"{len(unreadable)} unreadable image(s) left out"] if unreadable else notes


def _listed(trial: Trial, name: str) -> list[object]:
    value = trial.result.get(name)
    return value if isinstance(value, list) else []


def _environment(trials: Sequence[Trial]) -> Iterable[tuple[str, str]]:
    """Versions and machines of the finished trials; where they differ, every value with its number of trials."""
    counts: dict[str, dict[str, int]] = {}
    for trial in trials:
        for section in ("versions", "machine"):
            entries = trial.result.get(section)
            for name, value in (entries if isinstance(entries, dict) else {}).items():
                values = counts.setdefault(printable(MACHINE.get(str(name), str(name))), {})
                text = printable(_plain(value))
                values[text] = values.get(text, 0) + 1
    for name, values in counts.items():
        if len(values) == 1:
            yield name, next(iter(values))
        else:
            yield name, ", ".join(f"{value} ({count} trials)" for value, count in values.items())


def _plain(value: object) -> str:
    """A JSON value for people."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value) or "none"
    return "unknown" if value is None else json.dumps(value, ensure_ascii=False)
