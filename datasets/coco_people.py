"""The people of a COCO-style annotation file and the folder of its pictures."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from heatmark.datasets.coco_categories import Wanted
from heatmark.datasets.coco_checks import Record, images_by_id, read_file
from heatmark.datasets.coco_file import CocoAnnotations, clipped_box, stated
from heatmark.datasets.geometry import Box
from heatmark.datasets.image_folder import absent_images, absent_paths, found_names
from heatmark.datasets.number_lists import LARGEST_NUMBER
from heatmark.datasets.people import FloatArray, Person
from heatmark.foundation.errors import InputError

Lengths = Callable[[Record, Box, FloatArray], float | None]


class Found(NamedTuple):
    """The people, what a reader should know, and the pictures that people are on and that are not there."""

    people: list[Person]
    notes: tuple[str, ...]
    absent: tuple[Path, ...]


def people_of(coco: CocoAnnotations, folder: Path, *, strict: bool, length_of: Lengths | None = None) -> Found:
    """Those that can be trained and evaluated on, in the order of the annotation file.

    As in SimpleBaseline: no crowds, an area and a box that are not empty, at least one labelled joint; the box clipped
    to the image. Images that are listed but not in the folder are noted and people on them left out; with strict they
    are an InputError. People of empty area or box are noted too. length_of: annotation, box_xywh and keypoints_K3 ->
    what PCK is a fraction of.
    """
    found, renamed = found_names((image["file_name"] for image in coco.images.values()), folder)
    people: list[Person] = []
    absent = Counter({image["file_name"]: 0 for image in coco.images.values() if image["file_name"] not in found})
    empty: list[int] = []
    for annotation, keypoints_K3 in coco.labelled():
        image = coco.images[annotation["image_id"]]
        name = found.get(image["file_name"])
        width, height = _size(image, folder / (name or image["file_name"]))
        box_xywh = clipped_box(annotation["bbox"], width, height)
        if annotation["area"] <= 0 or box_xywh is None:
            empty.append(annotation["id"])
        elif name is None:
            absent[image["file_name"]] += 1
        else:
            length = length_of(annotation, box_xywh, keypoints_K3) if length_of else None
            people.append(_person(annotation, image, keypoints_K3, box_xywh, folder / name, length))
    notes = (*(f"{coco.path}: {note}" for note in coco.notes), *renamed, *_notes(folder, absent, empty))
    if strict and absent:
        raise InputError(f"{absent_images(folder, absent)[0]}; add the images or run without strict")
    if not people:
        why = "; ".join(notes) or f"{len(coco.annotations)} annotations, none with a labelled joint"
        raise InputError(f"{coco.path}: no person to use ({why}); check the annotations and {folder}")
    return Found(people, notes, absent_paths(folder, absent))


def stated_sizes_of(coco: CocoAnnotations, folder: Path) -> dict[Path, tuple[int, int]]:
    """Width and height of the pictures, of those that have them in the file."""
    images = coco.images.values()
    found, _ = found_names((image["file_name"] for image in images), folder)
    told = (image for image in images if "width" in image and image["file_name"] in found)
    return {folder / found[image["file_name"]]: (image["width"], image["height"]) for image in told}


def fingerprint_of(places: Iterable[tuple[Path, Path]], wanted: Wanted | None = None) -> str:
    """Hash of annotation files and of which of their pictures are there: other data, another hash."""
    digest = hashlib.sha256()
    for path, folder in places:
        content = read_file(path)
        found, _, _ = stated(path, content, wanted)
        listed = {image["file_name"] for image in images_by_id(path, found).values()}
        names = "\n".join(sorted(found_names(listed, folder)[0]))
        digest.update(hashlib.sha256(content).digest())
        digest.update(hashlib.sha256(names.encode(errors="backslashreplace")).digest())
    return f"sha256:{digest.hexdigest()}"


def _size(image: Record, path: Path) -> tuple[int, int]:
    """Width and height: the file's, else the picture's own; without either no box is outside."""
    if "width" in image:
        return image["width"], image["height"]
    try:
        with Image.open(path) as picture:
            return picture.size
    except OSError:
        return int(LARGEST_NUMBER), int(LARGEST_NUMBER)


def _person(
    annotation: Record, image: Record, keypoints_K3: FloatArray, box_xywh: Box, image_path: Path, length: float | None
) -> Person:
    return Person(
        image_id=annotation["image_id"],
        annotation_id=annotation["id"],
        image_path=image_path,
        box_xywh=box_xywh,
        joints_K2=keypoints_K3[:, :2],
        visibility_K=keypoints_K3[:, 2],
        area=float(annotation["area"]),
        reference_length=length,
        category_id=annotation["category_id"],
        image_size=(image["width"], image["height"]) if "width" in image else None,
    )


def _notes(folder: Path, absent: Counter[str], empty: list[int]) -> tuple[str, ...]:
    notes = [*absent_images(folder, absent)]
    if empty:
        notes.append(f"{len(empty)} people of empty area or box left out (annotation {empty[0]} ...)")
    return tuple(notes)
