"""Figs. 7, 10 and 11: the heatmaps of one person while methods learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heatmark.datasets.geometry import heatmap_to_input
from heatmark.foundation.errors import InputError
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.paper.figures.absent import missing_methods
from heatmark.reports.paper.figures.setting import DrawnSetting, first_seed
from heatmark.reports.paper.printed import paper_parts
from heatmark.reports.reading.records import heatmap_files, last_records
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.picture_grid import Grid, Picture, grid_svg, overlay
from heatmark.workloads.run_folder.heatmaps import Heatmaps, read_heatmaps

MOST_EPOCHS = 6
MOST_JOINTS = 8
# Those of the paper's Fig. 7.
SHOWN_JOINTS = ("left_eye", "right_ankle")
NUMBERS = {"ipr": "Fig. 10", "detection": "Fig. 11", "bcir": "As Figs. 10 and 11"}
NO_FILES = (
    "{}: no heatmaps in the run folders, which are from before heatmaps were kept. Run the sweep again under another "
    "name to fill this."
)
MARKS = (
    "Each map is scaled to its own maximum and lies over what the network saw; the red dot is the true joint, the blue "
    "triangle the joint as read."
)


@dataclass(frozen=True)
class Progress:
    """The kept heatmaps of one trial by epoch, counted from 1. joints: their names."""

    cell: GridCell
    epochs: dict[int, Heatmaps]
    joints: tuple[str, ...]

    def picture(self, epoch: int, who: tuple[int, int], joint: int) -> Picture | None:
        """Of a person, named by image and annotation; None where that epoch was not kept."""
        found = self.epochs.get(epoch)
        row = None if found is None else person_row(found, who)
        if found is None or row is None:
            return None
        stride = found.crop_PRC3.shape[2] / found.density_PKHW.shape[3]
        points_22 = heatmap_to_input(np.stack([found.true_PK2[row, joint], found.found_PK2[row, joint]]), stride)
        true, read = ((float(x), float(y)) for x, y in points_22)
        error = float(np.linalg.norm(found.found_PK2[row, joint] - found.true_PK2[row, joint]))
        return Picture(
            overlay(found.density_PKHW[row, joint], found.crop_PRC3[row]),
            f"{self.cell.label}, {self.joints[joint]}, epoch {epoch}: {error:.1f} heatmap px off",
            true if found.labelled_PK[row, joint] else None,
            read,
        )


def person_row(found: Heatmaps, who: tuple[int, int]) -> int | None:
    """Where a person stands in a file of heatmaps. who: image and annotation id."""
    same_P = (found.image_id_P == who[0]) & (found.annotation_id_P == who[1])
    return int(same_P.argmax()) if same_P.any() else None


def read_progress(cell: GridCell) -> Progress | None:
    """Of the first seed; None where there are no files. Those that are no good or show nobody are left out."""
    trial = first_seed(cell)
    epochs = {}
    for epoch, path in heatmap_files(trial).items():
        try:
            found = read_heatmaps(path)
        except InputError:
            continue
        if len(found) and _first_person(found):
            epochs[epoch] = found
    if not epochs:
        return None
    count = next(iter(epochs.values())).density_PKHW.shape[1]
    try:
        records = last_records(trial)
    except InputError:
        records = None
    names = records.joints if records and len(records.joints) == count else tuple(map(str, range(count)))
    return Progress(cell, epochs, names)


def heatmap_progress(setting: DrawnSetting) -> list[Figure]:
    """Fig. 7, and Figs. 10 and 11 with one more of BCIR."""
    cells = setting.paper_cells
    found = {method: progress for method, cell in cells.items() if (progress := read_progress(cell))}
    without = [cell.label for method, cell in cells.items() if method not in found]
    lines = [missing_methods(setting, have=found)]
    if without:
        lines.append(NO_FILES.format(", ".join(without)))
    absent = "\n".join(filter(None, lines))
    where = f"{setting.dataset}, {setting.backbone}"
    if not found:
        return [Figure("", "Heatmaps of one person over epochs.", "", f"Figs. 7, 10 and 11, {where}", absent)]
    figures = [_methods_side_by_side(setting, found, absent)]
    return figures + [_joints_side_by_side(setting, method, found[method]) for method in NUMBERS if method in found]


def _first_person(found: Heatmaps) -> tuple[int, int] | None:
    """The first with a labelled joint: a person on an image that cannot be read has none."""
    rows = np.flatnonzero(found.labelled_PK.any(axis=1)).tolist()
    return (int(found.image_id_P[rows[0]]), int(found.annotation_id_P[rows[0]])) if rows else None


def _spread(values: Sequence[int], most: int) -> list[int]:
    """At most so many of them, evenly spread, the first and the last among them."""
    if len(values) <= most:
        return list(values)
    return [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]


def _shown(kept: set[int], figure: int) -> list[int]:
    """The epochs of the paper's figure and the last one; where they were not kept, an even spread."""
    wanted = [epoch for part in paper_parts() if part.figure == figure for epoch in part.trials[0].epochs]
    if set(wanted) <= kept:
        return sorted({*wanted, max(kept)})
    return _spread(sorted(kept), MOST_EPOCHS)


def _labelled_joints(found: Heatmaps, who: tuple[int, int]) -> list[int]:
    row = person_row(found, who)
    return [] if row is None else np.flatnonzero(found.labelled_PK[row]).tolist()


def _methods_side_by_side(setting: DrawnSetting, found: dict[str, Progress], absent: str) -> Figure:
    """Rows are epochs, columns are two joints, each of every method."""
    first = next(iter(found.values()))
    newest = first.epochs[max(first.epochs)]
    who = _first_person(newest)
    assert who is not None, "what shows nobody is left out"
    labelled = _labelled_joints(newest, who)
    joints = [first.joints.index(name) for name in SHOWN_JOINTS if name in first.joints]
    joints = [joint for joint in joints if joint in labelled]
    joints = joints if len(joints) == len(SHOWN_JOINTS) else _spread(labelled, len(SHOWN_JOINTS))
    columns = [(progress, joint) for joint in joints for progress in found.values()]
    epochs = _shown({epoch for progress in found.values() for epoch in progress.epochs}, 7)
    grid = Grid(
        tuple(f"{_words(first.joints[joint])}\n{progress.cell.label}" for progress, joint in columns),
        tuple(
            (f"epoch {epoch}", tuple(progress.picture(epoch, who, joint) for progress, joint in columns))
            for epoch in epochs
        ),
    )
    names = " and ".join(_words(first.joints[joint]) for joint in joints)
    caption = f"Heatmaps of the {names} of one person while the methods learn. {MARKS} {_protocol(setting, found)}"
    title = f"Fig. 7, {setting.dataset}, {setting.backbone}"
    return Figure(grid_svg(grid, _aspect(newest)), caption, "Heatmaps over epochs by method", title, absent)


def _joints_side_by_side(setting: DrawnSetting, method: str, progress: Progress) -> Figure:
    """Rows are epochs, columns are joints, of one method."""
    newest = progress.epochs[max(progress.epochs)]
    who = _first_person(newest)
    assert who is not None, "what shows nobody is left out"
    joints = _spread(_labelled_joints(newest, who), MOST_JOINTS)
    grid = Grid(
        tuple(_words(progress.joints[joint]) for joint in joints),
        tuple(
            (f"epoch {epoch}", tuple(progress.picture(epoch, who, joint) for joint in joints))
            for epoch in _shown(set(progress.epochs), 10)
        ),
    )
    label = progress.cell.label
    caption = f"Heatmaps of one person while {label} learns. {MARKS} {_protocol(setting, {method: progress})}"
    title = f"{NUMBERS[method]}, {setting.dataset}, {setting.backbone}"
    return Figure(grid_svg(grid, _aspect(newest)), caption, f"Heatmaps of {label} over epochs", title)


def _words(joint: str) -> str:
    return joint.replace("_", " ")


def _aspect(found: Heatmaps) -> float:
    rows, columns = found.crop_PRC3.shape[1:3]
    return float(rows / columns)


def _protocol(setting: DrawnSetting, found: dict[str, Progress]) -> str:
    return setting.first_seed_protocol([progress.cell for progress in found.values()])
