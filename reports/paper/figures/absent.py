"""Why a figure or a part of it is not there, with the line of the sweep file that would fill it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from heatmark.models.methods import METHODS
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.nearest import PAPER_METHODS
from heatmark.reports.paper.figures.setting import DrawnSetting


def not_run(what: str, line: str) -> str:
    """What stands in a figure's place, with the line of the sweep file that would bring it."""
    return f"{what}: not run. In the sweep file, under grid: {line}"


def method_line(methods: Iterable[str], beta: float = 10.0) -> str:
    """`method: [detection, {name: ipr, beta: 10.0}]`, as the grid of a sweep file takes it."""
    entries = [
        f"{{name: {name}, beta: {beta:.1f}}}" if "beta" in METHODS[name].model_fields else name for name in methods
    ]
    return f"method: [{', '.join(entries)}]"


def missing_methods(setting: DrawnSetting, have: Collection[str], wanted: Iterable[str] = PAPER_METHODS) -> str:
    """Empty where every wanted method is there or was at least run."""
    finished = {cell.spec.method.name for cell in setting.finished}
    missing = [name for name in wanted if name not in have and name not in finished]
    labels = ", ".join(METHODS[name].label for name in missing)
    return not_run(labels, method_line(missing)) if missing else ""


def no_records(cells: Iterable[GridCell]) -> str:
    """Of finished cells whose run folders hold no evaluation records."""
    labels = [cell.label for cell in cells if not cell.digests]
    if not labels:
        return ""
    return (
        f"{', '.join(labels)}: no evaluation records in the run folders, which are from before records were kept. "
        "Run the sweep again under another name to fill this."
    )
