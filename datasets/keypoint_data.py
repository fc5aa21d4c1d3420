"""A data set of COCO-style files of any skeleton: its files, its splits, its people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import numpy as np

from heatmark.datasets.coco_categories import Wanted, name_of
from heatmark.datasets.coco_checks import Record
from heatmark.datasets.coco_detections import detected_people, read_detections
from heatmark.datasets.coco_file import CocoAnnotations, load_annotations
from heatmark.datasets.coco_people import fingerprint_of, people_of
from heatmark.datasets.geometry import Box
from heatmark.datasets.keypoint_layout import find_layout
from heatmark.datasets.keypoint_settings import VAL_FRACTION, KeypointSettings, SplitFiles
from heatmark.datasets.metrics.pckh import HEAD_SHARE
from heatmark.datasets.number_lists import numbers_problem
from heatmark.datasets.people import SPLITS, FloatArray, Person, PoseDataset, Skeleton, Split
from heatmark.datasets.skeletons import COCO_PERSON, as_mapping, notes_of_sigmas, read_skeleton
from heatmark.foundation.errors import InputError

# What files call the box of a head, as x, y, width, height.
HEAD_BOXES: Final = ("bbox_head", "head_box", "head_bbox", "headbox")
NO_SIGMAS: Final = "PCK@0.2"


@dataclass(frozen=True)
class KeypointData:
    """root: of the files that `settings` names, or that are found there."""

    root: Path
    settings: KeypointSettings

    @cached_property
    def located(self) -> KeypointSettings:
        """With the files of both splits."""
        given = self.settings
        if given.train is None and given.annotations is None:
            found = find_layout(self.root)
            given = given.model_copy(update={key: getattr(found, key) for key in found.model_fields_set})
        if given.annotations is None:
            return given
        share = VAL_FRACTION if given.val_fraction is None else given.val_fraction
        return given.model_copy(update={"images": given.images or ".", "val_fraction": share})

    def files(self, split: Split) -> SplitFiles:
        """Those of one split."""
        found = self.located
        if found.annotations is not None:
            return SplitFiles(annotations=found.annotations, images=found.images or ".")
        files = found.train if split == "train" else found.val
        assert files is not None, "validated"
        return files

    def resolved(self) -> KeypointSettings:
        """With everything written out that files and skeleton tell. Raises InputError where the splits differ."""
        skeletons = {split: self._annotations(split)[0] for split in SPLITS}
        train, val = skeletons["train"], skeletons["val"]
        if train.skeleton.joints != val.skeleton.joints:
            raise InputError(
                f"{val.path}: its joints are not those of {train.path} ({len(val.skeleton.joints)} and "
                f"{len(train.skeleton.joints)}); give both the same skeleton"
            )
        located = self.located
        return located.model_copy(
            update={
                "skeleton": as_mapping(train.skeleton),
                "category": list(dict.fromkeys(name_of(each) for each in (*train.categories, *val.categories)))
                if self.settings.categories
                else None,
                "headline": located.headline or usual_headline(train.skeleton),
            }
        )

    def load(self, split: Split, *, strict: bool) -> PoseDataset:
        """The people of one split, in the order of the file."""
        coco, told = self._annotations(split)
        files, located = self.files(split), self.located
        people, notes, absent = people_of(
            coco, self.root / files.images, strict=strict, length_of=partial(reference_length, coco.skeleton)
        )
        notes = (*told, *notes, *_without_length(people, coco.skeleton), *notes_of_sigmas(coco.skeleton))
        truth = coco.truth() if split == "val" else None
        if located.val_fraction is not None:
            chosen = val_images(people, located.val_fraction, located.split_seed, coco.path)
            people = [person for person in people if (person.image_id in chosen) == (split == "val")]
            notes += (f"{located.val_fraction:g} of the pictures validate, chosen by split_seed {located.split_seed}",)
        people, hidden = _all_seen(people, coco.keypoints_NK3)
        return PoseDataset(
            "keypoints",
            split,
            coco.skeleton,
            people,
            coco.path,
            (*notes, *hidden),
            len(coco.annotations),
            absent,
            keypoint_truth=truth,
            category=coco.category,
        )

    def load_detections(self, detections: Path, *, strict: bool) -> PoseDataset:
        """The validation people in a detector's boxes, by the categories of the annotations.

        Where there is one alone, and no box is of its number, all boxes of a file of one category are meant (a
        detector's person is 1, and a label tool's 18).
        """
        coco, _ = self._annotations("val")
        own = {category["id"]: category["id"] for category in coco.categories}
        boxes = read_detections(detections)
        found = {box["category_id"] for box in boxes}
        if len(own) == 1 and len(found) == 1:
            own = {found.pop(): coco.category}
        located, images = self.located, None
        folder = self.root / self.files("val").images
        if located.val_fraction is not None:
            people, _, _ = people_of(coco, folder, strict=strict)
            images = val_images(people, located.val_fraction, located.split_seed, coco.path)
        return detected_people("keypoints", coco, folder, detections, boxes, own, strict=strict, images=images)

    def fingerprint(self) -> str:
        """Hash of the annotation files and of which listed pictures are there: other data, other fingerprint."""
        files = [self.files(split) for split in SPLITS]
        places = [(self.root / each.annotations, self.root / each.images) for each in files]
        return fingerprint_of(places, wanted_of(self.settings)[0])

    def _annotations(self, split: Split) -> tuple[CocoAnnotations, tuple[str, ...]]:
        wanted, told = wanted_of(self.settings)
        return load_annotations(self.root / self.files(split).annotations, wanted), told


def wanted_of(settings: KeypointSettings) -> tuple[Wanted, tuple[str, ...]]:
    """What to read of a file, and what was derived of the skeleton that is given."""
    if settings.skeleton is None:
        return Wanted(None, settings.categories), ()
    skeleton, notes = read_skeleton(settings.skeleton, "skeleton")
    return Wanted(skeleton, settings.categories), notes


def skeleton_of(settings: KeypointSettings) -> Skeleton:
    """That of a drawn data set, which has no file to tell it; COCO's where none is given."""
    return wanted_of(settings)[0].skeleton or COCO_PERSON


def drawn_settings(given: KeypointSettings, skeleton: Skeleton) -> KeypointSettings:
    """With what a drawn data set has. Raises InputError for files, which are those that are drawn."""
    if any((given.train, given.val, given.annotations, given.category)):
        raise InputError("keypoints: a drawn data set has its own files and category; give the skeleton alone")
    train, val = (SplitFiles(annotations=f"annotations/{split}.json", images=f"images/{split}") for split in SPLITS)
    headline = given.headline or usual_headline(skeleton)
    return KeypointSettings(train=train, val=val, skeleton=as_mapping(skeleton), headline=headline)


def usual_headline(skeleton: Skeleton) -> str:
    """AP says little with sigmas that nobody measured."""
    return "AP" if skeleton.sigmas else NO_SIGMAS


def val_images(people: Sequence[Person], fraction: float, seed: int, path: Path) -> frozenset[int]:
    """Of the pictures that people are on those that validate; at least one does, and one does not."""
    pictures = sorted({(str(person.image_path), person.image_id) for person in people})
    if len(pictures) < 2:
        raise InputError(f"{path}: people on {len(pictures)} picture; two are needed to train on one and validate")
    count = min(max(1, round(fraction * len(pictures))), len(pictures) - 1)
    order = np.random.default_rng(seed).permutation(len(pictures))[:count]
    return frozenset(pictures[place][1] for place in order.tolist())


def reference_length(skeleton: Skeleton, annotation: Record, box_xywh: Box, keypoints_K3: FloatArray) -> float | None:
    """What PCK and NME are fractions of, in pixels; None where this person has none.

    A head's length is that of MPII and PoseTrack, 0.6 of the diagonal of its box.
    """
    if skeleton.reference == "box":
        return max(box_xywh[2:])
    if skeleton.reference == "head":
        box = next((annotation[key] for key in HEAD_BOXES if key in annotation), None)
        if box is None or numbers_problem("head", box, 4):
            return None
        return HEAD_SHARE * float(np.hypot(box[2], box[3])) or None
    for first, second in skeleton.reference:
        if keypoints_K3[first, 2] and keypoints_K3[second, 2]:
            return float(np.linalg.norm(keypoints_K3[first, :2] - keypoints_K3[second, :2])) or None
    return None


def _without_length(people: Sequence[Person], skeleton: Skeleton) -> tuple[str, ...]:
    """A note where people lack the length that PCK and NME are fractions of."""
    without = sum(person.reference_length is None for person in people)
    if not without:
        return ()
    name = skeleton.reference if isinstance(skeleton.reference, str) else "two joints"
    return (f"{without} of {len(people)} people lack the reference length ({name}): PCK and NME are without them",)


def _all_seen(people: list[Person], keypoints_NK3: FloatArray) -> tuple[list[Person], tuple[str, ...]]:
    """Where a file knows 0 and 1 alone, 1 is no hidden joint."""
    if (keypoints_NK3[..., 2] == 2).any():
        return people, ()
    seen = [replace(person, visibility_K=np.where(person.visibility_K > 0, 2.0, 0.0)) for person in people]
    return seen, ("visibility is 0 or 1 in the file: labelled joints count as visible",)


def truth_lengths(coco: CocoAnnotations) -> FloatArray:
    """The reference length of every annotation, NaN where there is none."""
    lengths = [
        reference_length(coco.skeleton, each, tuple(each["bbox"]), keypoints_K3)
        for each, keypoints_K3 in zip(coco.annotations, coco.keypoints_NK3, strict=True)
    ]
    return np.array([np.nan if length is None else length for length in lengths])
