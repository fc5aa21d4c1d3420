"""What each data set format is measured by in tables, in which unit, and which way is better."""

from __future__ import annotations

from collections.abc import Sequence

from heatmark.datasets.formats import FORMATS
from heatmark.reports.collect import Trial

# A format that is not here is shown with the metrics that its trials ended with.
SHOWN = {
    "coco": ("AP", "AP50", "AP75", "AR", "EPE"),
    "mpii": ("PCKh@0.5", "PCKh@0.10", "PCKh@0.11", "EPE"),
    "lspet": ("PCK@0.2", "PCK@0.1", "EPE"),
}
MOST_SHOWN = 7


def shown_metrics(data_format: str, trials: Sequence[Trial]) -> tuple[str, ...]:
    """The metrics of a format for a table, its headline first, errors last."""
    if data_format in SHOWN:
        return SHOWN[data_format]
    prefixes = [(trial, f"{trial.boxes}/") for trial in trials if trial.format == data_format]
    found = {
        name.removeprefix(prefix)
        for trial, prefix in prefixes
        for name in trial.final
        if name.startswith(prefix) and "/" not in name.removeprefix(prefix)
    }
    headlines = [each.headline for name, each in FORMATS.items() if name == data_format]
    ranked = sorted(found.union(headlines), key=lambda name: (name not in headlines, lower_is_better(name), name))
    return tuple(ranked[:MOST_SHOWN])


def formats_of(trials: Sequence[Trial]) -> list[str]:
    """The formats of a sweep's data sets in the order of FORMATS; COCO's where no trial has a spec."""
    found = {trial.format for trial in trials if trial.spec}
    return [name for name in FORMATS if name in found] or ["coco"]


def metrics_of(trials: Sequence[Trial]) -> list[str]:
    """The metrics of all formats of a sweep, each once."""
    return list(dict.fromkeys(name for each in formats_of(trials) for name in shown_metrics(each, trials)))


def headline_of(data_format: str) -> str:
    return next((each.headline for name, each in FORMATS.items() if name == data_format), "AP")


def lower_is_better(metric: str) -> bool:
    """Errors; all else is a share of what could be reached."""
    return metric.startswith("EPE")


def unit_of(metric: str) -> str:
    if not lower_is_better(metric):
        return "%"
    return "mm" if "mm" in metric or "3D" in metric else "px"


def amount(metric: str, value: float) -> str:
    """A value in its unit's usual decimals, without the unit."""
    return f"{value:.2f}" if lower_is_better(metric) else f"{100 * value:.1f}"
