"""What a folder of annotated images is, and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heatmark.datasets.check_places import misplaced_joints, unlike_sizes
from heatmark.datasets.check_shared import shared_pictures
from heatmark.datasets.format import Format
from heatmark.datasets.formats import FORMATS
from heatmark.datasets.formats.keypoints import Keypoints
from heatmark.datasets.images import Inspection, inspect_image
from heatmark.datasets.keypoint_layout import candidates
from heatmark.datasets.keypoint_proposal import data_section, found_files
from heatmark.datasets.keypoint_settings import KeypointSettings
from heatmark.datasets.people import SPLITS, Person, PoseDataset
from heatmark.foundation.errors import InputError


@dataclass(frozen=True)
class Report:
    """splits: counts by split. defects: what must be mended, each line naming a file and, where it has one, an id.
    notes: what is worth knowing and does no harm. files, section: of a folder without a layout of its own, what was
    found there, and the data section of a sweep file that reads it.
    """

    format: str
    root: str
    splits: dict[str, dict[str, int]]
    defects: tuple[str, ...]
    notes: tuple[str, ...]
    files: tuple[str, ...] = ()
    section: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def recognise(root: Path, settings: KeypointSettings | None = None) -> str:
    """The format of a folder, by the files that every folder of the format has. settings: chosen for `keypoints`."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the root of a data set")
    if settings is not None:
        return Keypoints.name
    # The first is enough: looking for `keypoints`, the last, reads every json there is.
    found = next((name for name, each in FORMATS.items() if each.recognise(root)), None)
    if found is None:
        signs = "; ".join(f"{name}: {each.signs}" for name, each in FORMATS.items())
        raise InputError(f"{root}: no data set that is known here. What each format has: {signs}")
    return found


def format_of_folder(root: Path, settings: KeypointSettings | None = None) -> Format:
    """recognise, with the files of the folder found once for all that is read of it."""
    return FORMATS[recognise(root, settings)].of(settings).located(root)


def check(root: Path, *, decode: bool = True, settings: KeypointSettings | None = None) -> Report:
    """Read both splits and, unless told otherwise, decode every image that people are on.

    settings: what is chosen of a data set of COCO-style files.
    """
    name = recognise(root, settings)
    chosen = FORMATS[name].of(settings)
    splits: dict[str, dict[str, int]] = {}
    defects: list[str] = []
    notes: list[str] = []
    images: dict[Path, list[Person]] = {}
    pictures: dict[str, set[Path]] = {split: set() for split in SPLITS}
    stated: dict[Path, tuple[int, int]] = {}
    sizes: dict[Path, tuple[int, int]] = {}
    try:
        data_format, read = chosen.located(root), SPLITS
    except InputError as error:
        data_format, read = chosen, ()
        defects.append(str(error))
    for split in read:
        try:
            path = data_format.annotations(root, split)
            if path is None:
                defects.append(
                    f"{root}: the annotations of the {split} split are not there; expected {data_format.signs}"
                )
                continue
            defects += _annotation_defects(data_format, path)
            dataset = data_format.load(root, split, False)
        except InputError as error:
            defects.append(str(error))
            continue
        splits[split] = _counts(dataset)
        defects += [f"{image}: listed in {dataset.annotation_file.name}, not there" for image in dataset.absent]
        notes += [f"{split}: {note}" for note in dataset.notes]
        misplaced = misplaced_joints(dataset.people)
        defects += [f"{dataset.annotation_file}: {misplaced}"] if misplaced else []
        stated |= data_format.stated_sizes(root, split)
        for person in dataset.people:
            images.setdefault(person.image_path, []).append(person)
            pictures[split].add(person.image_path)
    for image, people in sorted(images.items()):
        found = inspect_image(image, decode=decode).as_labelled(stated.get(image))
        problems, remarks = _image_findings(image, people, found)
        sizes |= {image: found.size} if found.problem is None else {}
        defects += problems
        notes += remarks
    defects += unlike_sizes(root, stated, sizes)
    shared = shared_pictures(pictures["train"], pictures["val"])
    notes += [shared] if shared else []
    files: tuple[str, ...] = ()
    section = ""
    if isinstance(chosen, Keypoints):
        there = candidates(root)
        files, section = tuple(found_files(root, there)), data_section(root, chosen.settings, there)
    return Report(name, str(root), splits, tuple(dict.fromkeys(defects)), tuple(notes), files, section)


def _annotation_defects(data_format: Format, path: Path) -> list[str]:
    try:
        return [f"{path}: {problem}" for problem in data_format.problems(path)]
    except InputError as error:
        return [str(error)]


def _counts(dataset: PoseDataset) -> dict[str, int]:
    return {
        "images": len({person.image_path for person in dataset.people}),
        "people": len(dataset.people),
        "labelled_joints": sum(int(np.count_nonzero(person.visibility_K)) for person in dataset.people),
    }


def _image_findings(path: Path, people: list[Person], found: Inspection) -> tuple[list[str], list[str]]:
    """Defects and notes of one image and of where people are on it."""
    if found.problem is not None:
        return [f"{path}: {found.problem}"], []
    defects = [
        f"{path}: annotation {each.annotation_id}: its box is outside the image"
        for each in _outside(people, found.size)
    ]
    return defects, [f"{path}: {remark}" for remark in found.remarks]


def _outside(people: list[Person], size: tuple[int, int]) -> Iterator[Person]:
    for person in people:
        x, y, width, height = person.box_xywh
        if x >= size[0] or y >= size[1] or x + width < 0 or y + height < 0:
            yield person
