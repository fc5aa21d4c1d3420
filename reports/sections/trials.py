"""Every trial with the way to its files: run folder, log, and its run in MLflow."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from heatmark.datasets.boxes import prefix_of
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import Trial, printable
from heatmark.reports.reading.measures import amount, unit_of
from heatmark.reports.reading.tracked import LOCAL_PAGES, mlflow_page
from heatmark.reports.rendering.concerns import EVERYTHING, Concerns
from heatmark.reports.rendering.document import Block
from heatmark.reports.rendering.table import MISSING, Cell, Column, Export, Link, Table
from heatmark.reports.sections.section import Section


class Trials(Section):
    """One row per trial; on the page alone, with links."""

    title = "Trials and their files"
    order = 65

    def blocks(self, study: Study) -> Iterator[Block]:
        if study.trials:
            yield trials_export(study.trials)


def trials_export(trials: tuple[Trial, ...]) -> Export:
    """A row for each."""
    pages = [mlflow_page(trial) for trial in trials]
    columns = (
        Column("Trial", False, width=2.4),
        Column("State", False),
        Column("Epochs", True),
        Column("Headline", True),
        Column("EPE", True, "px"),
        Column("Files", False, width=2.0),
    )
    rows = tuple(_row(trial, page) for trial, page in zip(trials, pages, strict=True))
    caption = "Every trial, and where its files are."
    details = (
        "Links to folders and logs are relative to this page: they work as long as it lies where it was written. Those "
        f"to MLflow open its tracking server, or {LOCAL_PAGES}, while `heatmark ui` shows the sweep there."
    )
    table = Table(columns, rows, caption, name="trials", title=f"All {len(trials):,} trials", details=details)
    frame = pd.DataFrame([_record(trial, page) for trial, page in zip(trials, pages, strict=True)])
    return Export(table, frame.astype({"value": "float64", "epe": "float64"}), folded=True)


def _row(trial: Trial, page: str) -> tuple[Cell, ...]:
    spec = trial.spec
    about = Concerns((spec.method.label,), (spec.data.name,), (spec.backbone,)) if spec else EVERYTHING
    headline, epe = _finals(trial)
    return (
        Cell(trial.label, printable(trial.signature), order=trial.label, concerns=about),
        Cell(trial.state, order=trial.state),
        Cell(str(len(trial.epochs)), order=float(len(trial.epochs))),
        Cell(MISSING)
        if headline is None
        else Cell(f"{amount(trial.headline, headline)} {unit_of(trial.headline)}", trial.headline, order=headline),
        Cell(MISSING) if epe is None else Cell(f"{epe:.2f}", order=epe),
        Cell("" if trial.folder else MISSING, links=tuple(_links(trial, page))),
    )


def _links(trial: Trial, page: str) -> Iterator[Link]:
    if trial.folder is None:
        return
    yield Link("folder", trial.folder.path)
    if trial.folder.log.is_dir():
        yield Link("log", trial.folder.log)
    if page:
        yield Link("MLflow", page)


def _finals(trial: Trial) -> tuple[float | None, float | None]:
    return (trial.final_metric(trial.headline), trial.final_metric("EPE")) if trial.finished else (None, None)


def _record(trial: Trial, page: str) -> dict[str, object]:
    spec, (headline, epe) = trial.spec, _finals(trial)
    return {
        "signature": printable(trial.signature),
        "trial": trial.label,
        "method": spec.method.label if spec else "",
        "dataset": spec.data.name if spec else "",
        "backbone": spec.backbone if spec else "",
        "boxes": prefix_of(trial.boxes) if spec else "",
        "state": trial.state,
        "epochs": len(trial.epochs),
        "headline": trial.headline,
        "value": headline,
        "epe": epe,
        "mlflow": printable(page),
    }
