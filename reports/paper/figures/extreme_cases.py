"""The people that each method gets most wrong and most right, with the true and the predicted joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from heatmark.datasets.people import Person, PoseDataset
from heatmark.datasets.pose_drawing import Pen, draw_pose
from heatmark.foundation.errors import InputError
from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.paper.figures.absent import no_records
from heatmark.reports.paper.figures.people import by_annotation, cut_out, gone, read_people
from heatmark.reports.paper.figures.setting import DrawnSetting, first_seed
from heatmark.reports.reading.records import last_records
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.picture_grid import Grid, Picture, grid_svg
from heatmark.workloads.run_folder.evaluation import Records

EACH = 4
SIDE = 190
TRUE_COLOR, FOUND_COLOR = (240, 240, 240), (230, 159, 0)
# Where a person has fewer labelled joints, one good guess makes a best case.
ENOUGH_SHARE = 0.5


def extreme_cases(setting: DrawnSetting) -> Figure:
    """A row per method: its worst people, then its best."""
    title = f"Worst and best cases, {setting.dataset}, {setting.backbone}"
    records = {method: found for method, cell in setting.paper_cells.items() if (found := _records(cell))}
    absent = no_records(setting.paper_cells.values())
    people = read_people(setting) if records else None
    if people is None:
        why = f"{setting.dataset}: {gone(setting)}" if records else absent
        return Figure("", "The worst and the best predicted people of each method.", "", title, why)
    rows = []
    for method, found in records.items():
        pictures = _pictures(people, found)
        if any(pictures):
            rows.append((setting.paper_cells[method].label, tuple(pictures)))
    if not rows:
        why = f"{setting.dataset}: no recorded person is among the annotated ones with an image that can be read."
        return Figure("", "The worst and the best predicted people of each method.", "", title, why)
    columns = (*(f"worst {place + 1}" for place in range(EACH)), *(f"best {place + 1}" for place in range(EACH)))
    caption = (
        "The people with the largest and the smallest error for their size after the last epoch: the mean distance of "
        "the labelled joints by the root of the person's area; on each picture that distance in image pixels. White is "
        "the annotation, orange the prediction. Only people with at least half of the joints labelled, one of an "
        f"image. {setting.first_seed_protocol(list(setting.paper_cells.values()))}"
    )
    svg = grid_svg(Grid(columns, tuple(rows), empty=""), aspect=1.0, widest=0.8)
    return Figure(svg, caption, "Pictures of people with true and predicted joints", title, absent)


def _records(cell: GridCell) -> Records | None:
    try:
        return last_records(first_seed(cell))
    except InputError:
        return None


def ranked(records: Records) -> list[int]:
    """Rows with enough labelled joints, the largest error for the person's size first; of an image only its first."""
    labelled_NK = np.isfinite(records.error_NK)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative_N = np.where(labelled_NK, records.error_NK, 0).sum(1) / labelled_NK.sum(1)
        relative_N = relative_N / records.numbers["root_of_area"]
    enough_N = labelled_NK.mean(1) >= ENOUGH_SHARE
    usable = np.flatnonzero(np.isfinite(relative_N) & (enough_N if enough_N.any() else True)).tolist()
    return sorted(usable, key=lambda row: (-relative_N[row], row))


def _pictures(people: PoseDataset, records: Records) -> list[Picture | None]:
    """The worst from the front, the best from the back; None where there are too few."""
    persons, order = by_annotation(people), ranked(records)
    worst = _first_pictures(people, records, order, persons)
    best = _first_pictures(people, records, order[::-1][: max(0, len(order) - EACH)], persons)
    return [*worst, *[None] * (EACH - len(worst)), *best, *[None] * (EACH - len(best))]


def _first_pictures(
    people: PoseDataset, records: Records, order: Sequence[int], persons: dict[tuple[int, int], Person]
) -> list[Picture]:
    pictures: list[Picture] = []
    images: set[int] = set()
    for row in order:
        image = int(records.image_N[row])
        person = persons.get((image, int(records.annotation_N[row])))
        if person is None or image in images or len(pictures) == EACH:
            continue
        picture = _picture(people, person, records.joints_NK2[row], records.error_NK[row])
        if picture is not None:
            images.add(image)
            pictures.append(picture)
    return pictures


def _picture(
    people: PoseDataset, person: Person, joints_K2: npt.NDArray[np.float32], error_K: npt.NDArray[np.float32]
) -> Picture | None:
    cut = cut_out(person, SIDE)
    if cut is None:
        return None
    pixels_RC3, affine_23 = cut
    for pose_K2, color in ((person.joints_K2, TRUE_COLOR), (joints_K2.astype(np.float64), FOUND_COLOR)):
        draw_pose(
            pixels_RC3, affine_23, pose_K2, person.visibility_K, people.skeleton, Pen(bone=1, joint=2, color=color)
        )
    note = f"{np.nanmean(error_K):.1f} px"
    return Picture(pixels_RC3, f"image {person.image_id}, annotation {person.annotation_id}: {note}", note=note)
