"""Calibration: whether a method's confidences tell right joints from wrong ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd
from matplotlib.lines import Line2D

from heatmark.reports.comparing.cells import GridCell, Measured, measured
from heatmark.reports.comparing.settings import Setting
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.joint_errors import Calibration
from heatmark.reports.rendering.document import Block
from heatmark.reports.rendering.drawing import Drawing, drawn
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.table import MISSING, Cell, Column, Export, Table
from heatmark.reports.sections.cell_rows import CellRows, concerns_of_setting
from heatmark.reports.sections.curves import line_styles
from heatmark.reports.sections.section import Section

MEASURES: dict[str, Callable[[Calibration], float | None]] = {
    "auroc": lambda calibration: calibration.auroc,
    "expected_error": lambda calibration: calibration.reliability.expected_error,
    "sparsification_error": lambda calibration: calibration.sparsification,
}


class Confidence(Section):
    """How far confidences can be trusted."""

    title = "Calibration"
    order = 28

    def blocks(self, study: Study) -> Iterator[Block]:
        found = [
            (setting, cell)
            for setting, cells in study.settings.items()
            for cell in cells
            if any(digest.joints.calibration for digest in cell.digests)
        ]
        if found:
            yield calibration_export(found)
            yield from _figures(study)


def calibration_export(found: list[tuple[Setting, GridCell]]) -> Export:
    """One row per cell."""
    rows_of = CellRows.of(setting for setting, _ in found)
    columns = (
        *rows_of.columns,
        Column("AUROC", True, "%"),
        Column("Calibration error", True, "%"),
        Column("Sparsification error", True),
    )
    rows, records = [], []
    for setting, cell in found:
        values = {name: _over_seeds(cell, measure) for name, measure in MEASURES.items()}
        auroc, expected, sparsification = values.values()
        shown = (_percent(auroc), _percent(expected), _plain(sparsification))
        rows.append((*rows_of.heads(setting, cell), *shown))
        numbers = {name: each.value if each else None for name, each in values.items()}
        records.append({**vars(setting), "cell": cell.label, **numbers})
    caption = "Whether a joint's confidence tells if it is right." + rows_of.shared
    details = (
        "Right: good or a jitter; else within the headline metric's reach. AUROC: how often a right joint has "
        "the higher confidence than a wrong one, 50 % is chance. "
        "Calibration error: mean distance of confidence and share right over ten bins; a peak of a heatmap is no "
        "probability, so that this asks how far it may be read as one. Sparsification error (AUSE): what error is left "
        "when the least confident joints are left out, beyond what is left when the worst are; 0 is best. Means over "
        "seeds."
    )
    table = Table(columns, tuple(rows), caption, name="calibration", title=Confidence.title, details=details)
    return Export(table, pd.DataFrame(records))


def _figures(study: Study) -> Iterator[Figure]:
    for setting, cells in study.drawn.items():
        known = [(cell, found) for cell in cells if (found := _first(cell))]
        if known:
            yield Figure(
                _reliability(known),
                f"Share of joints that are right over their confidence, in ten bins of equal size, {setting}, first "
                "seed of each cell. On the dotted line a confidence would be a probability.",
                "Curves of the share of right joints over confidence",
                concerns=concerns_of_setting(setting),
            )


def _first(cell: GridCell) -> Calibration | None:
    return next((digest.joints.calibration for digest in cell.digests if digest.joints.calibration), None)


def _reliability(known: list[tuple[GridCell, Calibration]]) -> str:
    styled = [
        (found, *style) for (_, found), style in zip(known, line_styles([cell for cell, _ in known]), strict=True)
    ]

    def draw(drawing: Drawing) -> None:
        axes = drawing.figure.subplots()
        axes.plot([0, 1], [0, 1], linestyle=(0, (1, 2)), color="#888888", linewidth=1)
        for found, cell, style in styled:
            bins = found.reliability
            axes.plot(bins.confidence_B, bins.right_B, **style)
            for x, y in zip(bins.confidence_B.tolist(), bins.right_B.tolist(), strict=True):
                words = f"{cell.label}: confidence {x:.2f}, {100 * y:.0f} % right"
                drawing.words(axes, x, y, words, cell.spec.method.label)
        axes.set(xlabel="confidence", ylabel="share right", ylim=(0, 1.02))
        drawing.tell_apart(cell.spec.method.name for cell, _ in known)
        drawing.legend([Line2D([], [], label=cell.label, **style) for _, cell, style in styled])

    return drawn(draw, height=2.5, width=4.6)


def _over_seeds(cell: GridCell, measure: Callable[[Calibration], float | None]) -> Measured | None:
    found = (digest.joints.calibration for digest in cell.digests)
    return measured([measure(each) for each in found if each])


def _percent(value: Measured | None) -> Cell:
    return Cell(f"{100 * value.value:.1f}", order=value.value) if value else Cell(MISSING, order="")


def _plain(value: Measured | None) -> Cell:
    return Cell(f"{value.value:.2f}", order=value.value) if value else Cell(MISSING, order="")
