"""A COCO-style annotation file, read and checked: of people by COCO's 17 joints, or of anything by its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from heatmark.datasets.coco_categories import Wanted, choose, contradiction
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
    refuse_other_joints,
    visibility_problems,
)
from heatmark.datasets.coco_ids import number_texts
from heatmark.datasets.coco_mending import mended, with_areas, with_boxes
from heatmark.datasets.geometry import Box
from heatmark.datasets.keypoint_truth import KeypointTruth
from heatmark.datasets.number_lists import LARGEST_NUMBER
from heatmark.datasets.people import FloatArray, Skeleton
from heatmark.datasets.skeletons import COCO_PERSON, sigmas_or_default
from heatmark.foundation.errors import InputError


@dataclass(frozen=True)
class CocoAnnotations:
    """A keypoint annotation file that has been checked.

    images: id -> record, each image once however often it is listed. annotations: as in the file, num_keypoints filled
    in where it is absent. keypoints_NK3: (x, y, visibility), row n belongs to annotations[n]. notes: what was mended.
    skeleton: whose joints these are.
    """

    path: Path
    images: dict[int, Record]
    annotations: list[Record]
    categories: list[Record]
    keypoints_NK3: FloatArray
    notes: tuple[str, ...] = ()
    skeleton: Skeleton = COCO_PERSON

    def as_coco(self) -> Record:
        """The content in the shape of the file, for evaluators."""
        return {"images": [*self.images.values()], "annotations": self.annotations, "categories": self.categories}

    def of_one_category(self) -> CocoAnnotations:
        """Of those that have people with labelled joints `person` alone, else the largest; notes tell of the rest, and
        where it is called something that a person is not.
        """
        labelled = Counter(annotation["category_id"] for annotation, _ in self.labelled())
        if len(labelled) < 2:
            return self.with_notes(*self._contradictions(labelled))
        named = {category["id"]: str(category.get("name", category["id"])) for category in self.categories}
        chosen = next((each for each in labelled if named[each] == "person"), labelled.most_common(1)[0][0])
        kept_N = np.array([each["category_id"] == chosen for each in self.annotations], dtype=bool)
        others = ", ".join(f"{named[each]} ({count})" for each, count in labelled.items() if each != chosen)
        kept = replace(
            self,
            annotations=[each for each, kept in zip(self.annotations, kept_N.tolist(), strict=True) if kept],
            keypoints_NK3=self.keypoints_NK3[kept_N],
        )
        return kept.with_notes(
            f"the category {named[chosen]} is used, people of others are left out: {others}",
            *self._contradictions([chosen]),
        )

    def _contradictions(self, numbers: Container[int]) -> list[str]:
        used = [category for category in self.categories if category["id"] in numbers]
        return [line for each in used if (line := contradiction(each, self.skeleton))]

    def with_notes(self, *notes: str) -> CocoAnnotations:
        """With more of them."""
        return replace(self, notes=(*self.notes, *notes))

    @property
    def category(self) -> int:
        """Of the people with labelled joints, where they are of one; COCO's own, 1, where there are none."""
        return next((annotation["category_id"] for annotation, _ in self.labelled()), 1)

    def truth(self) -> KeypointTruth:
        """What an evaluation needs of it."""
        return KeypointTruth.of(self.as_coco(), self.keypoints_NK3, sigmas_or_default(self.skeleton))

    def labelled(self) -> Iterator[tuple[Record, FloatArray]]:
        """The annotations that are one person with at least one labelled joint, and their keypoints_K3."""
        labelled_N: list[int] = np.count_nonzero(self.keypoints_NK3[..., 2], axis=1).tolist()
        for annotation, keypoints_K3, count in zip(self.annotations, self.keypoints_NK3, labelled_N, strict=True):
            if count and annotation["num_keypoints"] > 0 and not annotation.get("iscrowd", 0):
                yield annotation, keypoints_K3


def load_annotations(path: Path, wanted: Wanted | None = None) -> CocoAnnotations:
    """Read and check a keypoint annotation file. The first fault is an InputError naming the annotation.

    wanted: of which categories and of which skeleton; None is COCO's own 17 joints, of any category.
    """
    content, skeleton, notes = stated(path, read_file(path), wanted)
    joints = len(skeleton.joints)
    images, categories = images_by_id(path, content), content["categories"]
    annotations: list[Record] = content["annotations"]
    for position, annotation, problem in faults(annotations, images, categories, joints):
        raise InputError(f"{path}: {annotation_name(annotation, position)}: {problem}; {MEND}")
    keypoints_NK3 = keypoints_of(annotations, joints)
    for problem in visibility_problems(annotations, keypoints_NK3, skeleton.joints):
        raise InputError(f"{path}: {problem}")
    labelled_N = np.count_nonzero(keypoints_NK3[..., 2], axis=1).tolist()
    for annotation, labelled in zip(annotations, labelled_N, strict=True):
        annotation.setdefault("num_keypoints", labelled)
    return CocoAnnotations(path, images, annotations, categories, keypoints_NK3, notes, skeleton)


def annotation_problems(path: Path, wanted: Wanted | None = None) -> Iterator[str]:
    """Everything that is wrong with the annotations of a file, one line each, named by id.

    Raises InputError where the file as a whole is no good.
    """
    content, skeleton, _ = stated(path, read_file(path), wanted)
    joints = len(skeleton.joints)
    images = images_by_id(path, content)
    wrong: set[int] = set()
    for position, annotation, problem in faults(content["annotations"], images, content["categories"], joints):
        wrong.add(position)
        yield f"{annotation_name(annotation, position)}: {problem}; {MEND}"
    sound = [each for position, each in enumerate(content["annotations"]) if position not in wrong]
    yield from visibility_problems(sound, keypoints_of(sound, joints), skeleton.joints)
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


def stated(path: Path, content: bytes, wanted: Wanted | None = None) -> tuple[Record, Skeleton, tuple[str, ...]]:
    """What an annotation file says, in COCO's spelling; the skeleton; a line for each kind of thing that was not so."""
    found = parsed(path, content)
    notes = mended(found)
    if wanted is None:
        refuse_other_joints(path, categories_of(path, found))
        return found, COCO_PERSON, (*notes, *with_areas(found["annotations"]))
    notes += number_texts(found)
    categories_of(path, found)
    skeleton, told = choose(path, found, wanted)
    notes += (*told, *with_boxes(found["annotations"]))
    return found, skeleton, (*notes, *with_areas(found["annotations"], skeleton.box_area_share))
