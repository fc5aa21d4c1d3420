"""Where MLflow's pages show a sweep: addresses that open what people compare, not MLflow's front page.

MLflow unfolds nested runs only in a list that is sorted by something (mlflow#15802): every list here is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from heatmark.datasets.boxes import in_boxes
from heatmark.datasets.formats import format_of
from heatmark.pipeline.mirror_metrics import metric_name
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.mirrored import Mirrored
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file
from heatmark.workloads.spec import TrialSpec

# The key of the view that the mirror stores with an experiment (mlflow_view.py).
VIEW: Final = "heatmark"
RUNS_PAGE: Final = {"workflowType": "machine_learning"}
CHARTS: Final = {"compareRunsMode": "CHART"}
# MLflow's page compares no more in bearable time, and a browser's address has an end.
MOST_COMPARED: Final = 100


@dataclass(frozen=True)
class Tracked:
    """Where a sweep's runs are. uri: of the database. runs: of the trials, by their signatures, in the grid's order.

    headline: as MLflow has it, of the first data set.
    """

    uri: str
    experiment: str
    runs: dict[str, str]
    headline: str


@dataclass(frozen=True)
class Link:
    """what: it shows, in a few words."""

    what: str
    address: str


def headline_key(spec: TrialSpec) -> str:
    """The metric by which a trial is judged first, as MLflow has it: `val/gtbox/AP`."""
    return val_key(spec, format_of(spec.data).headline)


def val_key(spec: TrialSpec, metric: str) -> str:
    """A metric of the trial's own evaluation, as MLflow has it: `val/gtbox/EPE`."""
    return metric_name(f"val/{in_boxes(spec.data.bbox_source, metric)}")


def is_error(metric: str) -> bool:
    """Whether less of it is better: a metric's name says so (datasets/format.py)."""
    return metric.rpartition("/")[2].startswith(("EPE", "NME"))


def tracked(sweep: Path) -> Tracked | None:
    """What the mirror wrote down of the runs that it made; None where it has sent no trial."""
    found: dict[str, tuple[Mirrored, TrialSpec]] = {}
    for signature in signatures_in(sweep):
        folder = RunFolder(sweep / signature)
        sent = Mirrored.read(folder.mirror_file)
        if sent is not None and sent.place is not None:
            found[signature] = sent, folder.spec()
    if not found:
        return None
    # A sweep whose trials were sent to two databases is shown in the newer.
    newest = uri, experiment, _ = max(
        (sent.place for sent, _ in found.values() if sent.place), key=lambda place: place[2]
    )
    ours = {signature: pair for signature, pair in found.items() if pair[0].place == newest}
    runs = {signature: sent.run_id for signature, (sent, _) in ours.items()}
    return Tracked(uri, experiment, runs, headline_key(next(iter(ours.values()))[1]))


def signatures_in(sweep: Path) -> list[str]:
    """Of the trials of a sweep's folder, in the order of its grid."""
    record = SweepRecord.read(sweep_file(sweep))
    place = {cell.signature: number for number, cell in enumerate(record.cells)} if record else {}
    found = (folder.signature for folder in run_folders(sweep))
    return sorted(found, key=lambda signature: place.get(signature, len(place)))


def links(tracked: Tracked, server: str) -> list[Link]:
    """Of the server at an address without a slash behind."""
    page = f"{server}/#/experiments/{tracked.experiment}/runs"
    ranked = {
        **RUNS_PAGE,
        "orderByKey": f"metrics.`{tracked.headline}`",
        "orderByAsc": _word(is_error(tracked.headline)),
    }
    view = {**RUNS_PAGE, "viewStateShareKey": VIEW}
    found = [
        Link(f"all trials, ranked by {tracked.headline}", f"{page}?{urlencode(ranked)}"),
        Link("their charts", f"{page}?{urlencode({**ranked, **CHARTS})}"),
        Link("ranked, in the columns people compare", f"{page}?{urlencode(view)}"),
        Link("a few charts, chosen", f"{page}?{urlencode({**view, **CHARTS})}"),
    ]
    runs = list(tracked.runs.values())
    if len(runs) > 1:
        found.append(Link(_compared(len(runs)), f"{server}/#/compare-runs?{_comparison(tracked, runs)}"))
    return found


def _compared(runs: int) -> str:
    return "comparison of all trials" if runs <= MOST_COMPARED else f"comparison of the first {MOST_COMPARED} trials"


def _comparison(tracked: Tracked, runs: Sequence[str]) -> str:
    shown = json.dumps(runs[:MOST_COMPARED], separators=(",", ":"))
    return urlencode({"runs": shown, "experiments": json.dumps([tracked.experiment]), **RUNS_PAGE})


def _word(truth: bool) -> str:
    return "true" if truth else "false"
