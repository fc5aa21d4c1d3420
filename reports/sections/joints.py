"""Errors of single joints: a fold of the accuracy table."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from heatmark.reports.comparing.cells import GridCell, Measured, measured
from heatmark.reports.comparing.settings import Setting
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.joint_errors import JointErrors, Numbers
from heatmark.reports.rendering.document import Block
from heatmark.reports.rendering.table import MISSING, Cell, Column, Export, Table
from heatmark.reports.sections.cell_rows import concerns_of, concerns_of_setting
from heatmark.reports.sections.section import Section

MEASURES: dict[str, Callable[[JointErrors], Numbers | None]] = {
    "epe": lambda joints: joints.error_K,
    "right": lambda joints: joints.right_K,
    "towards_centre": lambda joints: joints.towards_K,
}


class SingleJoints(Section):
    """How far each joint is off, how often it is right, and whether it is drawn to the centre of the crop."""

    title = "Single joints"
    order = 21

    def blocks(self, study: Study) -> Iterator[Block]:
        known = {setting: [cell for cell in cells if cell.digests] for setting, cells in study.drawn.items()}
        for place, (setting, cells) in enumerate((setting, cells) for setting, cells in known.items() if cells):
            yield joints_export(setting, cells, "joints" if not place else f"joints-{place + 1}")


def joints_export(setting: Setting, cells: list[GridCell], name: str) -> Export:
    """A row per joint, a column per cell."""
    names = cells[0].digests[0].joints.names
    found = {id(cell): {measure: _over_seeds(cell, read) for measure, read in MEASURES.items()} for cell in cells}
    columns = (
        Column("Joint", False, width=1.2),
        *(Column(cell.label, True, "px", concerns=concerns_of(cell)) for cell in cells),
    )
    rows, records = [], []
    for place, joint in enumerate(names):
        errors = [found[id(cell)]["epe"][place] for cell in cells]
        best = min((each.value for each in errors if each), default=None)
        shown = [Cell(joint, order=f"{place:03d}")]
        for cell, error in zip(cells, errors, strict=True):
            own = {measure: values[place] for measure, values in found[id(cell)].items()}
            alone = len(cells) > 1 and error is not None and error.value == best
            shown.append(Cell(f"{error.value:.2f}", _under(own), alone, error.value) if error else Cell(MISSING))
            values = {measure: each.value if each else None for measure, each in own.items()}
            records.append({**vars(setting), "cell": cell.label, "joint": joint, **values})
        rows.append(tuple(shown))
    caption = f"EPE of each joint by itself, {setting}, means over seeds, as published; bold: the lowest of a row."
    details = (
        "Under it the share of joints that are right (at least 0.5 of the similarity that OKS averages, else within "
        "the headline metric's reach) and how far joints are off towards the centre of the person's box on average, in "
        "pixels: what the bias of an expectation "
        "adds, and compensation takes away."
    )
    about, title = concerns_of_setting(setting), f"Single joints, {setting}"
    table = Table(columns, tuple(rows), caption, name=name, title=title, details=details, concerns=about)
    return Export(table, pd.DataFrame(records), folded=True)


def _under(own: dict[str, Measured | None]) -> str:
    right, towards = own["right"], own["towards_centre"]
    lines = [f"{100 * right.value:.0f} % right"] if right else []
    if towards:
        lines.append(f"{towards.value:+.2f} to the centre".replace("-", "\N{MINUS SIGN}"))
    return "\n".join(lines)


def _over_seeds(cell: GridCell, read: Callable[[JointErrors], Numbers | None]) -> list[Measured | None]:
    """Of each joint."""
    joints = [digest.joints for digest in cell.digests]
    values = [read(each) for each in joints]
    known = [each for each in values if each is not None]
    if not known:
        return [None] * len(joints[0].names)
    return [
        measured([float(value) if np.isfinite(value) else None for value in column])
        for column in zip(*known, strict=True)
    ]
