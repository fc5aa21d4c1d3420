"""Predictions drawn on images: the same people across the methods, beside what the annotators drew."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from heatmark.datasets.images import ImageArray, read_labelled
from heatmark.datasets.people import FloatArray, Person, Skeleton
from heatmark.datasets.pose_drawing import Pen, crop_around, draw_pose
from heatmark.foundation.counted import counted
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.protocol import protocol
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import printable
from heatmark.reports.reading.predictions import Predictions, mean_error, read_predictions, read_truth
from heatmark.reports.rendering.concerns import EVERYTHING, Concerns
from heatmark.reports.rendering.document import Block, Crop, Sheet, Words
from heatmark.reports.rendering.picture_grid import jpeg
from heatmark.reports.sections.cell_rows import concerns_of
from heatmark.reports.sections.section import Section

# A cell and the poses of its first finished seed.
Predicted = tuple[GridCell, Predictions]

PEOPLE = 6
METHODS_PER_SHEET = 6
ENOUGH_JOINTS = 8
CROP_SIZE, PADDING = (270, 360), 1.15
PEN = Pen(bone=3, joint=3.5, rim=1.5)


class DrawnPredictions(Section):
    """The same people as every method sees them."""

    title = "Predictions"
    order = 50

    def blocks(self, study: Study) -> Iterator[Block]:
        sheets, notes = prediction_sheets([cell for cells in study.drawn.values() for cell in cells])
        yield from (Words((printable(note),), "muted") for note in notes)
        yield from sheets
        if not sheets and not notes:
            yield Words(("No trial has finished, so there are no predictions to draw.",))


def prediction_sheets(cells: Sequence[GridCell], people: int = PEOPLE) -> tuple[list[Sheet], list[str]]:
    """The sheets, one or more per data set, and a line for each thing that could not be drawn."""
    sheets: list[Sheet] = []
    notes: list[str] = []
    by_data: dict[tuple[str, str], list[GridCell]] = {}
    for cell in cells:
        if cell.finished:
            by_data.setdefault((cell.spec.data.name, cell.spec.data.fingerprint), []).append(cell)
    for (dataset, _), members in by_data.items():
        found = [(cell, read_predictions(cell.finished[0])) for cell in members]
        drawn = [(cell, poses) for cell, poses in found if poses]
        absent = [cell.finished[0].label for cell, poses in found if not poses]
        if absent:
            named = ", ".join(absent[:5]) + (", …" if len(absent) > 5 else "")
            notes.append(f"No readable predictions in the run folders of {counted(len(absent), 'cell')}: {named}.")
        truth = read_truth(dataset, [cell.finished[0] for cell in members], notes) if drawn else None
        if truth is None:
            continue
        chosen = _choose(truth.people, [poses for _, poses in drawn], people)
        if not chosen:
            notes.append(f"{dataset}: no image of a predicted person can be read, so no predictions are drawn.")
        for part in _parts(drawn if chosen else []):
            sheets.append(_sheet(dataset, part, chosen, truth.skeleton))
    return sheets, notes


def _parts(drawn: Sequence[Predicted]) -> Iterator[Sequence[Predicted]]:
    """One part per backbone, or as few as hold METHODS_PER_SHEET each, of nearly the same length."""
    for backbone in dict.fromkeys(cell.spec.backbone for cell, _ in drawn):
        members = [each for each in drawn if each[0].spec.backbone == backbone]
        count = -(-len(members) // METHODS_PER_SHEET)
        bounds = [round(part * len(members) / count) for part in range(count + 1)]
        yield from (members[start:end] for start, end in itertools.pairwise(bounds))


def _fits(joints_K2: FloatArray | None, person: Person) -> bool:
    return joints_K2 is not None and len(joints_K2) == len(person.joints_K2)


def _choose(truth: Sequence[Person], predictions: Sequence[Predictions], count: int) -> list[tuple[Person, ImageArray]]:
    """People spread evenly over the sizes, each in another image where there are enough; chosen by no method's error.

    Only people with enough labelled joints, whom every trial has predicted and whose image can be read.
    """
    able = [p for p in truth if all(_fits(poses.of(p), p) for poses in predictions)]
    rich = [p for p in able if np.count_nonzero(p.visibility_K > 0) >= ENOUGH_JOINTS]
    pool = sorted(rich or able, key=lambda p: (p.area, p.annotation_id))
    chosen: list[tuple[Person, ImageArray]] = []
    for band in np.array_split(np.arange(len(pool)), min(count, len(pool)) or 1):
        middle_first = sorted(band.tolist(), key=lambda index: (abs(index - band.mean()), index))
        used = {person.image_id for person, _ in chosen}
        middle_first.sort(key=lambda index: pool[index].image_id in used)
        for index in middle_first:
            image = read_labelled(pool[index].image_path, pool[index].image_size) if pool else None
            if image is not None:
                chosen.append((pool[index], image))
                break
    return sorted(chosen, key=lambda pick: -pick[0].area)


def _sheet(
    dataset: str, drawn: Sequence[Predicted], chosen: Sequence[tuple[Person, ImageArray]], skeleton: Skeleton
) -> Sheet:
    rows = []
    for person, image in chosen:
        width, height = person.box_xywh[2:]
        crops = [Crop(_drawn(image, person, person.joints_K2, skeleton), f"{width:.0f} × {height:.0f} px")]
        for _, poses in drawn:
            joints_K2 = poses.of(person)
            assert joints_K2 is not None, "people are chosen among the predicted"
            crops.append(Crop(_drawn(image, person, joints_K2, skeleton), f"{mean_error(joints_K2, person):.1f} px"))
        rows.append(tuple(crops))
    trials = [cell.finished[0] for cell, _ in drawn]
    seeds = sorted({trial.spec.seed for trial in trials if trial.spec})
    caption = (
        f"Predictions of the final evaluation on {dataset}, seed {', '.join(map(str, seeds))}. The people are spread "
        "evenly over the sizes and chosen without regard to any method's error; only joints that the annotators "
        "labelled are drawn. Orange is the person's left, blue the right. Under the ground truth: the size of the "
        "person's box; under a prediction: the mean distance to the labelled joints, both in image pixels. "
        f"{protocol(trials)}"
    )
    columns = ("Ground truth", *(cell.label for cell, _ in drawn))
    cells = [cell for cell, _ in drawn]
    about = Concerns((), (dataset,), tuple(dict.fromkeys(cell.spec.backbone for cell in cells)))
    return Sheet(columns, tuple(rows), caption, about, (EVERYTHING, *map(concerns_of, cells)))


def _drawn(image: ImageArray, person: Person, joints_K2: FloatArray, skeleton: Skeleton) -> bytes:
    """The crop around the person's box with a pose on it, as JPEG."""
    canvas, affine_23 = crop_around(image, person.box_xywh, CROP_SIZE, PADDING)
    draw_pose(canvas, affine_23, joints_K2, person.visibility_K, skeleton, PEN)
    return jpeg(canvas, longest=max(CROP_SIZE))
