"""What a data set's format is: how it is read, named, measured, scored and, where it can be, drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from heatmark.datasets.augment import USUAL_VARIATION, Variation
from heatmark.datasets.crop_settings import RecipeName
from heatmark.datasets.keypoint_settings import KeypointSettings
from heatmark.datasets.people import SPLITS, PoseDataset, Skeleton, Split
from heatmark.datasets.predictions import Metrics, Predictions
from heatmark.datasets.stats import dataset_stats
from heatmark.datasets.synthetic.recipe import Recipe
from heatmark.foundation.errors import InputError
from heatmark.foundation.registry import LAST

OtherBoxes = Callable[[PoseDataset], PoseDataset]


class Format(ABC):
    """One native format.

    name: what a sweep file calls it. order: formats are listed, and looked for in a folder, in ascending order.
    signs: where the annotations are, in words. scored_files: what `heatmark score` takes, in words.
    headline: the metric to show first. The report resamples AP, `AUC@0-30px`, and PCK or PCKh at a share of the length;
        of any other it shows the value alone.
    shown: all that a table shows; empty for all that were measured, those of a part (`PCKh@0.5/head`) left out. By
        their names a metric that begins with EPE is an error, in millimetres where it ends in mm and else in image
        pixels, one that begins with NME an error in lengths of the person; all others are shares of 1.
    counts_from_one: the usual file's first pixel is 1; score then takes zero_based for files where it is not.
    takes_detections: its validation people can be put in a detector's boxes (load_detections).
    boxes: other boxes by the name that bbox_source gives them: a split -> the same people in them.
    in_space: its people have joints in 3D, from which a trial can learn depth.
    any_skeleton: its data sets have each a skeleton of their own.
    divided_by: what is told apart as easy and hard: people, or seen and hidden joints where all people are alike.
    input_size, variation: the usual crop and augmentation, where a sweep file does not say (DataSpec).
    recipe: how a data set of this format is drawn; None where nothing is.
    """

    name: ClassVar[str]
    order: ClassVar[int] = LAST
    signs: ClassVar[str]
    scored_files: ClassVar[str]
    headline: str
    shown: tuple[str, ...] = ()
    counts_from_one: ClassVar[bool] = False
    takes_detections: ClassVar[bool] = False
    boxes: ClassVar[Mapping[str, OtherBoxes]] = {}
    in_space: ClassVar[bool] = False
    any_skeleton: ClassVar[bool] = False
    divided_by: ClassVar[Literal["people", "joints"]] = "people"
    input_size: ClassVar[tuple[int, int]] = (256, 256)
    variation: ClassVar[Mapping[RecipeName, Variation]] = USUAL_VARIATION
    recipe: ClassVar[type[Recipe] | None] = None

    @abstractmethod
    def load(self, root: Path, split: Split, strict: bool) -> PoseDataset:
        """The people of a split. Raises InputError for files that are no good, and with strict for absent images."""

    @abstractmethod
    def fingerprint(self, root: Path) -> str:
        """A hash of the annotations and of which images are there."""

    @abstractmethod
    def annotations(self, root: Path, split: Split) -> Path | None:
        """The annotation file of a split; None where it is not there."""

    @abstractmethod
    def measure(self, people: PoseDataset, predictions: Predictions) -> Metrics:
        """Metrics by name, as fractions of 1 and in image pixels."""

    @abstractmethod
    def score(self, truth_file: Path, predictions_file: Path, *, zero_based: bool = False) -> dict[str, Any]:
        """What `heatmark score` prints of predictions in the format's usual file. zero_based: see counts_from_one."""

    def truth_file(self, root: Path) -> Path:
        """What `score` takes for the truth about the validation split of a folder that has it."""
        path = self.annotations(root, "val")
        assert path is not None, "a folder that was read"
        return path

    def problems(self, path: Path) -> Iterator[str]:
        """Everything wrong in an annotation file that is not wrong with it as a whole, which `load` tells.

        Raises InputError where the file as a whole is no good.
        """
        yield from ()

    def stated_sizes(self, root: Path, split: Split) -> dict[Path, tuple[int, int]]:
        """Width and height of pictures, where the annotations of a sound split tell them."""
        return {}

    def usual_file(self, people: PoseDataset, predictions: Predictions) -> bytes | None:
        """Predictions as the file that `score` takes; None where that is COCO's results json, which every run keeps
        anyway, and where people of the file are missing in them.
        """
        return None

    def load_detections(self, root: Path, detections: Path, strict: bool) -> PoseDataset:
        """Validation people in a detector's boxes."""
        raise NotImplementedError

    def visible_within(self, people: PoseDataset, delta_mm: float) -> PoseDataset:
        """The same people with visibility cut at a distance, for formats that it is cut from."""
        return people

    def stats(self, people: PoseDataset) -> dict[str, Any]:
        """What `heatmark data stats` prints of a split."""
        return dataset_stats(people)

    def of(self, settings: KeypointSettings | None) -> Format:
        """The format of one data set, for those whose files, skeleton and metrics a sweep file chooses."""
        return self

    def resolved(self, root: Path | None, settings: KeypointSettings | None) -> KeypointSettings | None:
        """The settings with everything that the files tell written out. root: None of a data set yet to be drawn."""
        return settings

    def located(self, root: Path) -> Format:
        """With the files of a folder written out, where they must be looked for. InputError if none can be told."""
        return self

    def drawn(self, people_train: int, people_val: int, seed: int) -> Recipe | None:
        """How a data set of this format is drawn; None where nothing is."""
        return None if self.recipe is None else self.recipe(people_train, people_val, seed)

    @property
    def skeleton(self) -> Skeleton | None:
        """The joints of all its data sets; None where only their files tell."""
        return None

    @property
    def mirrors(self) -> bool:
        """Whether its pictures may be mirrored."""
        return True

    @property
    def measures(self) -> str:
        """By what its data sets are measured: one name for all that can be compared in one table."""
        return self.name

    @property
    def box_sources(self) -> tuple[str, ...]:
        """What bbox_source may be."""
        return ("gt", *(("det",) if self.takes_detections else ()), *self.boxes)

    def recognise(self, root: Path) -> bool:
        """Whether a folder holds annotations of this format, for one split at least."""
        return any(self.annotations(root, split) is not None for split in SPLITS)

    def people(
        self, root: Path, split: Split, strict: bool, detections: Path | None, bbox_source: str, delta_mm: float
    ) -> PoseDataset:
        """The people of one split; with a detection file those of the validation split are in a detector's boxes."""
        if split == "val" and detections is not None and self.takes_detections:
            return self.load_detections(root, detections, strict)
        people = self.visible_within(self.load(root, split, strict), delta_mm)
        return self.boxes[bbox_source](people) if bbox_source in self.boxes else people

    def score_file(self, truth_file: Path, predictions_file: Path, zero_based: bool) -> dict[str, Any]:
        """`score`. Raises InputError for zero_based where files count from 0 anyway."""
        if zero_based and not self.counts_from_one:
            raise InputError(
                f"score {self.name}: --zero-based says nothing here, {self.name} counts pixels from 0; leave it out"
            )
        return self.score(truth_file, predictions_file, zero_based=zero_based)


def existing(path: Path) -> Path | None:
    """The path where there is a file, else None."""
    return path if path.is_file() else None
