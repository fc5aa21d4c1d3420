"""What each data set format is measured by in tables, in which unit, and which way is better."""

from __future__ import annotations

from collections.abc import Sequence

from heatmark.datasets.formats import FORMATS, USUAL_FORMAT, measured_by
from heatmark.reports.reading.collect import Trial
from heatmark.workloads.run_folder.evaluation import EXACT


def shown_metrics(data_format: str, trials: Sequence[Trial]) -> tuple[str, ...]:
    """The metrics of a format for a table, its headline first; those in millimetres where a trial has them.

    A format that names none shows all that its trials have, but for those of a part. Where some trials were read
    exactly too, so is the headline metric, for all.
    """
    names = (name.partition("/")[2] for trial in trials if trial.format == data_format for name in trial.final)
    found = dict.fromkeys(name for name in names if name)
    metrics = measured_by(data_format).shown if measured_by(data_format).measures == data_format else ()
    if not metrics:
        metrics = (headline_of(data_format), *(name for name in found if "/" not in name), "EPE")
    metrics = tuple(name for name in dict.fromkeys(metrics) if name in found or not name.endswith("mm"))
    exact = exactly(headline_of(data_format))
    return (metrics[0], exact, *metrics[1:]) if exact in found else metrics


def exactly(metric: str) -> str:
    """The name of a metric that is read with the mirror's lag exactly undone."""
    return f"{EXACT}/{metric}"


def title_of_metric(metric: str) -> str:
    """As the head of a column."""
    plain = metric.removeprefix(f"{EXACT}/")
    return plain if plain == metric else f"{plain}, exact mirror"


def formats_of(trials: Sequence[Trial]) -> list[str]:
    """By what a sweep's data sets are measured, in the order of FORMATS; the usual one where no trial has a spec."""
    found = dict.fromkeys(trial.format for trial in trials if trial.spec)
    known = [*FORMATS]
    return sorted(found, key=lambda name: known.index(measured_by(name).name)) or [USUAL_FORMAT]


def metrics_of(trials: Sequence[Trial]) -> list[str]:
    """The metrics of all formats of a sweep, each once."""
    return list(dict.fromkeys(name for each in formats_of(trials) for name in shown_metrics(each, trials)))


def headline_of(data_format: str) -> str:
    """The metric by which a format is judged first."""
    return measured_by(data_format).headline


def lower_is_better(metric: str) -> bool:
    """Errors; all else is a share of what could be reached."""
    return is_length(metric) or metric.removeprefix(f"{EXACT}/").startswith("NME")


def is_length(metric: str) -> bool:
    """In a unit of length. All else is a share and shown in %, NME too, which is of a length of the person."""
    return metric.removeprefix(f"{EXACT}/").startswith("EPE")


def unit_of(metric: str) -> str:
    """The unit in which a metric is shown."""
    if not is_length(metric):
        return "%"
    return "mm" if metric.endswith("mm") else "px"


def amount(metric: str, value: float) -> str:
    """A value in its unit's usual decimals, without the unit."""
    shown = value if is_length(metric) else 100 * value
    return f"{shown:.2f}" if lower_is_better(metric) else f"{shown:.1f}"
