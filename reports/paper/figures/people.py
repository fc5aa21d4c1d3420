"""The annotated people of a setting's validation split, where the data folder is still there."""

from __future__ import annotations

from pathlib import Path

from heatmark.datasets.formats import format_of
from heatmark.datasets.images import read_labelled
from heatmark.datasets.people import FloatArray, Person, PoseDataset
from heatmark.datasets.pose_drawing import crop_around
from heatmark.foundation.errors import InputError
from heatmark.reports.paper.figures.setting import DrawnSetting
from heatmark.reports.rendering.picture_grid import Pixels

PADDING = 1.25
GONE = "the data folder {} is gone or unreadable here, so no pictures of its people are drawn."


def read_people(setting: DrawnSetting) -> PoseDataset | None:
    """Of the first data folder that can be read; None where there is none."""
    for root in data_roots(setting):
        try:
            return format_of(setting.cells[0].spec.data).load(Path(root), "val", False)
        except (InputError, OSError, ValueError, KeyError, TypeError):
            continue
    return None


def data_roots(setting: DrawnSetting) -> list[str]:
    """The data folders of a setting's trials, each once."""
    return list(dict.fromkeys(trial.spec.runtime.data_root for cell in setting.cells for trial in cell.trials
                              if trial.spec))  # fmt: skip


def gone(setting: DrawnSetting) -> str:
    """What stands in a picture's place where the data folder cannot be read."""
    return GONE.format(" or ".join(data_roots(setting)))


def by_annotation(people: PoseDataset) -> dict[tuple[int, int], Person]:
    """People by image and annotation id."""
    return {(person.image_id, person.annotation_id): person for person in people.people}


def cut_out(person: Person, side: int) -> tuple[Pixels, FloatArray] | None:
    """A square of RGB around the person's box, and affine_23 of image to square; None where there is no image."""
    image = read_labelled(person.image_path, person.image_size)
    return None if image is None else crop_around(image, person.box_xywh, (side, side), PADDING)
