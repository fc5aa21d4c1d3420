"""COCO person keypoints in the native layout: annotations/person_keypoints_{split}2017.json beside {split}2017/."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from heatmark.datasets.coco_checks import (
    MEND,
    Record,
    annotation_name,
    categories_of,
    faults,
    images_by_id,
    keypoints_of,
    parsed,
    read_file,
    visibility_problems,
)
from heatmark.datasets.coco_mending import mended
from heatmark.datasets.geometry import Box
from heatmark.datasets.image_folder import absent_images, absent_paths, found_names
from heatmark.datasets.keypoint_truth import KeypointTruth
from heatmark.datasets.number_lists import LARGEST_NUMBER
from heatmark.datasets.people import SPLITS, FloatArray, Person, PoseDataset, Split
from heatmark.datasets.skeletons import COCO_PERSON
from heatmark.foundation.errors import InputError


@dataclass(frozen=True)
class CocoAnnotations:
    """A keypoint annotation file that has been checked.

    images: id -> record, each image once however often it is listed. annotations: as in the file, num_keypoints filled
    in where it is absent. keypoints_NK3: (x, y, visibility), row n belongs to annotations[n]. notes: what was mended.
    """

    path: Path
    images: dict[int, Record]
    annotations: list[Record]
    categories: list[Record]
    keypoints_NK3: FloatArray
    notes: tuple[str, ...] = ()

    def as_coco(self) -> Record:
        """The content in the shape of the file, for evaluators."""
        return {"images": [*self.images.values()], "annotations": self.annotations, "categories": self.categories}

    def of_one_category(self) -> CocoAnnotations:
        """Of those that have people with labelled joints `person` alone, else the largest; a note tells of the rest."""
        labelled = Counter(annotation["category_id"] for annotation, _ in _labelled(self))
        if len(labelled) < 2:
            return self
        named = {category["id"]: str(category.get("name", category["id"])) for category in self.categories}
        chosen = next((each for each in labelled if named[each] == "person"), labelled.most_common(1)[0][0])
        kept_N = np.array([each["category_id"] == chosen for each in self.annotations], dtype=bool)
        others = ", ".join(f"{named[each]} ({count})" for each, count in labelled.items() if each != chosen)
        return replace(
            self,
            annotations=[each for each, kept in zip(self.annotations, kept_N.tolist(), strict=True) if kept],
            keypoints_NK3=self.keypoints_NK3[kept_N],
            notes=(*self.notes, f"the category {named[chosen]} is used, people of others are left out: {others}"),
        )

    @property
    def category(self) -> int:
        """Of the people with labelled joints, where they are of one; COCO's own, 1, where there are none."""
        return next((annotation["category_id"] for annotation, _ in _labelled(self)), 1)

    def truth(self) -> KeypointTruth:
        """What an evaluation needs of it."""
        return KeypointTruth.of(self.as_coco(), self.keypoints_NK3)


def annotation_path(root: Path, split: Split) -> Path:
    """The keypoint annotations of one split, where COCO's layout has them."""
    return root / "annotations" / f"person_keypoints_{split}2017.json"


def load_coco(root: Path, split: Split, *, strict: bool = False) -> PoseDataset:
    """The people of one split that can be trained and evaluated on, in the order of the annotation file.

    As in SimpleBaseline: no crowds, an area and a box that are not empty, at least one labelled joint; the box clipped
    to the image. Images that are listed but not in the folder are noted and people on them left out; with strict they
    are an InputError. People of empty area or box are noted too.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the one that holds annotations/ and {split}2017/")
    coco = load_annotations(annotation_path(root, split)).of_one_category()
    folder = root / f"{split}2017"
    found, renamed = found_names((image["file_name"] for image in coco.images.values()), folder)
    people: list[Person] = []
    absent = Counter({image["file_name"]: 0 for image in coco.images.values() if image["file_name"] not in found})
    empty: list[int] = []
    for annotation, keypoints_K3 in _labelled(coco):
        image = coco.images[annotation["image_id"]]
        name = found.get(image["file_name"])
        width, height = _size(image, folder / (name or image["file_name"]))
        box_xywh = clipped_box(annotation["bbox"], width, height)
        if annotation["area"] <= 0 or box_xywh is None:
            empty.append(annotation["id"])
        elif name is None:
            absent[image["file_name"]] += 1
        else:
            people.append(_person(annotation, keypoints_K3, box_xywh, folder / name))
    notes = (*(f"{coco.path}: {note}" for note in coco.notes), *renamed, *_notes(folder, absent, empty))
    if strict and absent:
        raise InputError(f"{absent_images(folder, absent)[0]}; add the images or run without strict")
    if not people:
        why = "; ".join(notes) or f"{len(coco.annotations)} annotations, none with a labelled joint"
        raise InputError(f"{coco.path}: no person to use ({why}); check the annotations and {folder}")
    return PoseDataset(
        "coco",
        split,
        COCO_PERSON,
        people,
        coco.path,
        notes,
        len(coco.annotations),
        absent_paths(folder, absent),
        # What is trained on is not evaluated on: its annotations are read once more where they are.
        keypoint_truth=coco.truth() if split == "val" else None,
        category=coco.category,
    )


def stated_sizes(root: Path, split: Split) -> dict[Path, tuple[int, int]]:
    """Width and height of the pictures of a split, of those that have them in the file."""
    images = load_annotations(annotation_path(root, split)).images.values()
    folder = root / f"{split}2017"
    found, _ = found_names((image["file_name"] for image in images), folder)
    told = (image for image in images if "width" in image and image["file_name"] in found)
    return {folder / found[image["file_name"]]: (image["width"], image["height"]) for image in told}


def fingerprint(root: Path) -> str:
    """Hash of both annotation files and of which listed images are there: other data, other fingerprint."""
    digest = hashlib.sha256()
    for split in SPLITS:
        path = annotation_path(root, split)
        content = read_file(path)
        stated, _ = _stated(path, content)
        listed = {image["file_name"] for image in images_by_id(path, stated).values()}
        names = "\n".join(sorted(found_names(listed, root / f"{split}2017")[0]))
        digest.update(hashlib.sha256(content).digest())
        digest.update(hashlib.sha256(names.encode(errors="backslashreplace")).digest())
    return f"sha256:{digest.hexdigest()}"


def load_annotations(path: Path) -> CocoAnnotations:
    """Read and check a keypoint annotation file. The first fault is an InputError naming the annotation."""
    content, notes = _stated(path, read_file(path))
    images, categories = images_by_id(path, content), categories_of(path, content)
    annotations: list[Record] = content["annotations"]
    for position, annotation, problem in faults(annotations, images, categories):
        raise InputError(f"{path}: {annotation_name(annotation, position)}: {problem}; {MEND}")
    keypoints_NK3 = keypoints_of(annotations)
    for problem in visibility_problems(annotations, keypoints_NK3):
        raise InputError(f"{path}: {problem}")
    labelled_N = np.count_nonzero(keypoints_NK3[..., 2], axis=1).tolist()
    for annotation, labelled in zip(annotations, labelled_N, strict=True):
        annotation.setdefault("num_keypoints", labelled)
    return CocoAnnotations(path, images, annotations, categories, keypoints_NK3, notes)


def annotation_problems(path: Path) -> Iterator[str]:
    """Everything that is wrong with the annotations of a file, one line each, named by id.

    Raises InputError where the file as a whole is no good.
    """
    content, _ = _stated(path, read_file(path))
    images, categories = images_by_id(path, content), categories_of(path, content)
    wrong: set[int] = set()
    for position, annotation, problem in faults(content["annotations"], images, categories):
        wrong.add(position)
        yield f"{annotation_name(annotation, position)}: {problem}; {MEND}"
    sound = [each for position, each in enumerate(content["annotations"]) if position not in wrong]
    yield from visibility_problems(sound, keypoints_of(sound))
    for annotation in sound:
        image = images[annotation["image_id"]]
        size = image.get("width", LARGEST_NUMBER), image.get("height", LARGEST_NUMBER)
        if not annotation.get("iscrowd") and clipped_box(annotation["bbox"], *map(int, size)) is None:
            yield f"annotation {annotation['id']}: its box {annotation['bbox']} is empty or outside the image; {MEND}"


def clipped_box(box_xywh: Box, image_width: int, image_height: int) -> Box | None:
    """The box within the image as SimpleBaseline clips it (its far edge is a pixel, hence - 1); None where empty."""
    x, y, width, height = box_xywh
    left, top = max(0.0, x), max(0.0, y)
    right = min(image_width - 1.0, left + max(0.0, width - 1))
    bottom = min(image_height - 1.0, top + max(0.0, height - 1))
    # SBL keeps a box of one pixel; a crop needs at least one side that is not zero.
    if width <= 0 or height <= 0 or right < left or bottom < top or max(right - left, bottom - top) <= 0:
        return None
    return left, top, right - left, bottom - top


def _stated(path: Path, content: bytes) -> tuple[Record, tuple[str, ...]]:
    """What an annotation file says, in COCO's spelling, and a line for each kind of thing that was not."""
    stated = parsed(path, content)
    return stated, mended(stated)


def _size(image: Record, path: Path) -> tuple[int, int]:
    """Width and height: the file's, else the picture's own; without either no box is outside."""
    if "width" in image:
        return image["width"], image["height"]
    try:
        with Image.open(path) as picture:
            return picture.size
    except OSError:
        return int(LARGEST_NUMBER), int(LARGEST_NUMBER)


def _labelled(coco: CocoAnnotations) -> Iterator[tuple[Record, FloatArray]]:
    """The annotations that are one person with at least one labelled joint."""
    labelled_N: list[int] = np.count_nonzero(coco.keypoints_NK3[..., 2], axis=1).tolist()
    for annotation, keypoints_K3, labelled in zip(coco.annotations, coco.keypoints_NK3, labelled_N, strict=True):
        if labelled and annotation["num_keypoints"] > 0 and not annotation.get("iscrowd", 0):
            yield annotation, keypoints_K3


def _person(annotation: Record, keypoints_K3: FloatArray, box_xywh: Box, image_path: Path) -> Person:
    return Person(
        image_id=annotation["image_id"],
        annotation_id=annotation["id"],
        image_path=image_path,
        box_xywh=box_xywh,
        joints_K2=keypoints_K3[:, :2],
        visibility_K=keypoints_K3[:, 2],
        area=float(annotation["area"]),
    )


def _notes(folder: Path, absent: Counter[str], empty: list[int]) -> tuple[str, ...]:
    notes = [*absent_images(folder, absent)]
    if empty:
        notes.append(f"{len(empty)} people of empty area or box left out (annotation {empty[0]} ...)")
    return tuple(notes)
