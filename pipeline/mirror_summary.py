"""What a sweep came to, in the few words that stand on its own run in MLflow: the best cell, the verdict, counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean

from heatmark.datasets.boxes import in_boxes
from heatmark.datasets.formats import format_of
from heatmark.pipeline.mlflow_links import headline_key, is_error
from heatmark.pipeline.trial_labels import label_of
from heatmark.workloads.run_folder.epoch import EpochRecord
from heatmark.workloads.run_folder.folder import RunFolder, run_folders
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file
from heatmark.workloads.spec import TrialSpec

# Of a trial's own final value (reports/comparing/convergence.py).
FRACTION = 0.8
# Of the note (reports/rendering/note.py).
HEADING = "Verdict"
STATES = ("finished", "running", "waiting", "failed", "cancelled")
# What a verdict may take of a line of tags.
LONGEST_VERDICT = 500


def epochs_to_80(folder: RunFolder, spec: TrialSpec) -> int | None:
    """Epochs of a finished trial until the first evaluation with 80 % of its final headline metric; counted from 1.

    None where the final value is 0, which anything reaches, or where less of the metric is better.
    """
    result, headline = folder.result(), format_of(spec.data).headline
    key = in_boxes(spec.data.bbox_source, headline)
    final = (result.final or {}).get(key) if result else None
    if not final or is_error(headline):
        return None
    return next((record.epoch + 1 for record in folder.epochs() if _value(record, key) >= FRACTION * final), None)


def _value(record: EpochRecord, key: str) -> float:
    value = (record.val or {}).get(key)
    return value if value is not None else float("-inf")


def summary(sweep: Path) -> dict[str, str]:
    """Tags: `trials`, `best` and its headline for each data set, `verdict` where there is a report."""
    folders = list(run_folders(sweep))
    counts = Counter(_state(folder) for folder in folders)
    told = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    found = {"trials": f"{len(folders)}: {told}" if told else "0", **_best(sweep, folders)}
    verdict = _verdict(sweep / "report" / "note.md")
    return {**found, "verdict": verdict} if verdict else found


def _state(folder: RunFolder) -> str:
    if folder.finished:
        return "finished"
    job = folder.job()
    if folder.is_left_to_others() or (job is not None and job.state == "cancelled"):
        return "cancelled"
    if job is not None and job.state == "failed":
        return "failed"
    return "running" if folder.attempts() else "waiting"


def _best(sweep: Path, folders: Iterable[RunFolder]) -> dict[str, str]:
    """By the mean of the finished seeds."""
    record = SweepRecord.read(sweep_file(sweep))
    labels = {cell.signature: cell.label for cell in record.cells} if record else {}
    cells: dict[tuple[str, str], dict[str, list[float]]] = {}
    for folder in folders:
        result = folder.result()
        if result is None:
            continue
        spec = folder.spec()
        value = (result.final or {}).get(in_boxes(spec.data.bbox_source, format_of(spec.data).headline))
        if value is not None:
            cell = label_of(spec, labels.get(folder.signature)).without((f"seed {spec.seed}",))
            cells.setdefault((spec.data.name, headline_key(spec)), {}).setdefault(cell, []).append(value)
    found: dict[str, str] = {}
    for (data, metric), values in cells.items():
        choose = min if is_error(metric) else max
        best = choose(values, key=lambda cell: fmean(values[cell]))
        where = "" if len(cells) == 1 else f" on {data}"
        found[f"best{where}"] = best
        found[f"best {metric}{where}"] = _mean(values[best])
    return found


def _mean(values: Sequence[float]) -> str:
    return f"{fmean(values):.4f}" + (f" (mean of {len(values)} seeds)" if len(values) > 1 else "")


def _verdict(note: Path) -> str | None:
    """The first sentence under the verdict's heading in the report's note, or else its first paragraph; plain text."""
    if not note.exists():
        return None
    text = note.read_text(encoding="utf-8").strip()
    _, heading, below = text.partition(f"**{HEADING}**")
    first = below.strip().partition("\n- ")[0] if heading else text.partition("\n\n")[0]
    plain = re.sub(r"\\(\W|_)", r"\1", first.removeprefix("- ").replace("**", ""))
    return " ".join(plain.split())[:LONGEST_VERDICT] or None
