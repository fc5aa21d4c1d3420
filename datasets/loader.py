"""People -> batches of crops. Order and augmentation depend on seed and epoch only, not on ranks or workers."""

from __future__ import annotations

import os
import signal
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from heatmark.datasets.augment import (
    HALF_BODY_PADDING,
    RECIPES,
    Augmentation,
    Purpose,
    half_body_box,
    random_stream,
    sample_augmentation,
)
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.geometry import Reduction, apply_affine, crop_affine, input_to_heatmap, of_reduced, reduction
from heatmark.datasets.hand_depth import relative_depth
from heatmark.datasets.image_cache import reader
from heatmark.datasets.images import ImageArray, ReadImage, as_labelled, read_image
from heatmark.datasets.people import FloatArray, Person, PoseDataset
from heatmark.foundation.errors import InputError

# How long a worker outlives a SIGTERM: time for the job to reach a step boundary and save.
TERM_GRACE_SECONDS = 30
GREY = 128


class Batch(TypedDict):
    """What a step works on.

    image_BHW3: uint8, RGB, not normalised. joints_BK2: float32, input pixels after cropping, augmentation and mirroring
    (a mirrored left wrist stands in the row of the right wrist). labelled_BK: float32, 1 where visibility > 0.
    depth_BK: float32, depth relative to the root in bone lengths (hand_depth.py), 0 where the data set has none.
    person_B: int64, index in PoseDataset.people. image_to_crop_B23: float64 affine. unreadable_B: bool, the image could
    not be decoded: the crop is grey and none of its joints is labelled.
    """

    image_BHW3: Tensor
    joints_BK2: Tensor
    labelled_BK: Tensor
    depth_BK: Tensor
    person_B: Tensor
    image_to_crop_B23: Tensor
    unreadable_B: Tensor


def heatmap_joints(batch: Batch, pitch: npt.ArrayLike, dtype: torch.dtype = torch.float32) -> Tensor:
    """The true joints_BK2 in heatmap pixels, computed in that type. pitch: of geometry.heatmap_pitch."""
    return torch.from_numpy(input_to_heatmap(batch["joints_BK2"].to(dtype).numpy(), pitch))


class Crop(TypedDict):
    """One row of a Batch."""

    image_HW3: ImageArray
    joints_K2: FloatArray
    labelled_K: FloatArray
    depth_K: FloatArray
    person: int
    image_to_crop_23: FloatArray
    unreadable: bool


# Epoch and person. The epoch travels with each request, because workers live through many epochs.
CropKey = tuple[int, int]
# Epoch, the first batch wanted, and the people of every batch from it on -> these batches, or the first of them.
Elsewhere = Callable[[int, int, list[list[int]]], Iterator[Batch]]


class PersonCrops(Dataset[Crop]):
    """The crop of any person in any epoch. read: as read_image."""

    def __init__(
        self,
        dataset: PoseDataset,
        settings: CropSettings,
        *,
        training: bool,
        seed: int,
        read: ReadImage = read_image,
    ) -> None:
        self.people = dataset.people
        self.skeleton = dataset.skeleton
        self.mirrored_order = list(dataset.skeleton.mirrored_order)
        self.settings = settings
        self.training = training
        self.seed = seed
        self._read = read
        self._last_image: tuple[tuple[Path, Reduction], ImageArray | None] | None = None

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, key: CropKey) -> Crop:
        epoch, index = key
        person = self.people[index]
        change = sample_augmentation(self.settings, self.seed, epoch, index) if self.training else Augmentation()
        affine_23 = self._affine(person, change)
        joint_order = self.mirrored_order if change.mirrored else slice(None)
        reduced = reduction(affine_23) if self.settings.scaled_decoding else 1
        image = self._image(person, reduced)
        return Crop(
            image_HW3=self._warped(image, of_reduced(affine_23, reduced)),
            joints_K2=apply_affine(affine_23, person.joints_K2)[joint_order],
            labelled_K=np.where(image is None, 0.0, person.visibility_K > 0)[joint_order],
            depth_K=relative_depth(person)[joint_order],
            person=index,
            image_to_crop_23=affine_23,
            unreadable=image is None,
        )

    def _affine(self, person: Person, change: Augmentation) -> FloatArray:
        settings = self.settings
        box, padding = person.box_xywh, settings.padding
        if change.half is not None:
            labelled_K, recipe = person.visibility_K > 0, RECIPES[settings.augmentation]
            half = half_body_box(person.joints_K2, labelled_K, self.skeleton, change.half, recipe)
            box, padding = (half, HALF_BODY_PADDING) if half is not None else (box, padding)
        return crop_affine(
            box,
            settings.input_size,
            padding,
            change.rotation_deg,
            change.scale_factor,
            mirrored=change.mirrored,
            shift=change.shift,
            geometry=settings.geometry,
        )

    def _image(self, person: Person, reduced: Reduction) -> ImageArray | None:
        path = person.image_path
        # Remembering one is enough: evaluation takes the people of an image one after the other.
        if self._last_image is None or self._last_image[0] != (path, reduced):
            image = self._read(path, reduced)
            image = None if image is None else as_labelled(image, path, person.image_size, reduced)
            self._last_image = (path, reduced), image
        return self._last_image[1]

    def _warped(self, image: ImageArray | None, affine_23: FloatArray) -> ImageArray:
        width, height = self.settings.input_size
        if image is None:
            return np.full((height, width, 3), GREY, dtype=np.uint8)
        return cv2.warpAffine(image, affine_23, (width, height), flags=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def collate(crops: Sequence[Crop]) -> Batch:
    """Rows to a batch."""
    return Batch(
        image_BHW3=torch.from_numpy(np.stack([crop["image_HW3"] for crop in crops])),
        joints_BK2=torch.from_numpy(np.stack([crop["joints_K2"] for crop in crops])).float(),
        labelled_BK=torch.from_numpy(np.stack([crop["labelled_K"] for crop in crops])).float(),
        depth_BK=torch.from_numpy(np.stack([crop["depth_K"] for crop in crops])).float(),
        person_B=torch.tensor([crop["person"] for crop in crops], dtype=torch.int64),
        image_to_crop_B23=torch.from_numpy(np.stack([crop["image_to_crop_23"] for crop in crops])),
        unreadable_B=torch.tensor([crop["unreadable"] for crop in crops], dtype=torch.bool),
    )


def training_batches(
    people: int, *, batch_size: int, rank: int, world_size: int, seed: int, epoch: int
) -> list[list[int]]:
    """One rank's part of every global batch of an epoch.

    The people are shuffled by (seed, epoch) and cut into global batches of batch_size * world_size; the last, partial
    one is dropped, unless it is the only one. A rank takes every world_size-th row, so that what a global batch holds
    does not depend on the number of ranks it is spread over.
    """
    order = random_stream(seed, epoch, Purpose.ORDER).permutation(people)
    size = batch_size * world_size
    starts = range(0, max(people - size, 0) + 1, size)
    return [order[start : start + size][rank::world_size].tolist() for start in starts]


def evaluation_batches(people: Sequence[Person], *, batch_size: int, rank: int, world_size: int) -> list[list[int]]:
    """One rank's batches of an evaluation: over the ranks everyone exactly once, the people of an image together."""
    first_on_image: dict[int, int] = {}
    for index, person in enumerate(people):
        first_on_image.setdefault(person.image_id, index)
    order = sorted(range(len(people)), key=lambda index: (first_on_image[people[index].image_id], index))
    mine = order[rank::world_size]
    return [mine[start : start + batch_size] for start in range(0, len(mine), batch_size)]


class _Epoch(Sampler[list[CropKey]]):
    """The batches of the epoch that is on, from the one to start with."""

    def __init__(self) -> None:
        self.number = self.start_batch = 0
        self.keys: list[list[CropKey]] = []

    def __iter__(self) -> Iterator[list[CropKey]]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)


class CropLoader:
    """The batches of one rank, epoch by epoch. Made by make_loader; starts at epoch 0.

    plan: epoch -> batches of indices. strict: an image that cannot be decoded is an InputError that names it, rather
    than a grey crop. elsewhere: who makes the same batches, or the first of them. close() ends the workers; so does
    dropping the loader.
    """

    def __init__(
        self,
        crops: PersonCrops,
        plan: Callable[[int], list[list[int]]],
        workers: int,
        strict: bool,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._crops = crops
        self._plan = plan
        self._strict = strict
        self._elsewhere = elsewhere
        self._epoch = _Epoch()
        self._loader = DataLoader(
            crops,
            batch_sampler=self._epoch,
            num_workers=workers,
            collate_fn=collate,
            worker_init_fn=settle_worker,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            # Its own generator: the loader draws a number per epoch, which would move the trial's random state.
            generator=torch.Generator(),
        )
        # Also runs before the interpreter's own clean-up, which would wait for workers that outlive its SIGTERM.
        self.close = weakref.finalize(self, _stop_workers, self._loader)
        self.set_epoch(0)

    def set_epoch(self, epoch: int, start_batch: int = 0) -> None:
        """The next iteration is this epoch without its first batches (those a resumed run has behind it)."""
        batches = self._plan(epoch)
        self.batches_per_epoch = len(batches)
        self._epoch.number, self._epoch.start_batch = epoch, start_batch
        self._epoch.keys = [[(epoch, person) for person in batch] for batch in batches[start_batch:]]

    def __len__(self) -> int:
        """Batches in the next iteration."""
        return len(self._epoch)

    def __iter__(self) -> Iterator[Batch]:
        whole, given = self._epoch.keys, 0
        for batch in self._from_elsewhere():
            given += 1
            yield self._sound(batch)
        if given == len(whole) > 0:
            return
        self._epoch.keys = whole[given:]
        try:
            for batch in self._loader:
                yield self._sound(batch)
        finally:
            self._epoch.keys = whole

    def _from_elsewhere(self) -> Iterator[Batch]:
        if self._elsewhere is None or not self._epoch.keys:
            return iter(())
        rows = [[person for _, person in batch] for batch in self._epoch.keys]
        return self._elsewhere(self._epoch.number, self._epoch.start_batch, rows)

    def _sound(self, batch: Batch) -> Batch:
        """The batch. Raises InputError where an image was unreadable and that is not to be borne."""
        if self._strict and batch["unreadable_B"].any():
            first = int(batch["person_B"][batch["unreadable_B"]][0])
            path = self._crops.people[first].image_path
            raise InputError(f"{path}: cannot decode this image; replace the file or run without strict")
        return batch


def make_loader(  # noqa: PLR0913 (by their names, each with the usual value)
    dataset: PoseDataset,
    settings: CropSettings,
    *,
    training: bool,
    batch_size: int,
    rank: int = 0,
    world_size: int = 1,
    seed: int = 0,
    workers: int = 0,
    strict: bool = False,
    cache: Path | None = None,
    elsewhere: Elsewhere | None = None,
) -> CropLoader:
    """Batches for one rank. batch_size: people per rank and step. workers: decoding processes, 0 for this one.

    cache: a folder for decoded images (image_cache.py), which changes no pixel. elsewhere: see CropLoader.

    training: shuffled and augmented by (seed, epoch); otherwise everyone once, as they are, in the order of the images.
    """
    people = dataset.people
    if training and len(people) < world_size:
        raise InputError(f"{dataset.annotation_file}: {len(people)} people for {world_size} ranks; use fewer ranks")
    # The workers are the parallelism here; OpenCV's own threads would fight them for the cores.
    cv2.setNumThreads(0)
    share = {"batch_size": batch_size, "rank": rank, "world_size": world_size}

    def plan(epoch: int) -> list[list[int]]:
        if training:
            return training_batches(len(people), seed=seed, epoch=epoch, **share)
        return evaluation_batches(people, **share)

    crops = PersonCrops(dataset, settings, training=training, seed=seed, read=reader(cache))
    return CropLoader(crops, plan, workers, strict, elsewhere)


def settle_worker(_worker: int) -> None:
    """Signals are for the job: its workers go on, so that it can finish the step and save. They end with it.

    SLURM signals every process of a job. A worker that died of it would end the step in an error.
    """
    cv2.setNumThreads(0)
    for ignored in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(TERM_GRACE_SECONDS))


def _stop_workers(loader: DataLoader[Any]) -> None:
    # DataLoader has no public way to end persistent workers while a traceback still holds its iterator.
    iterator, loader._iterator = loader._iterator, None  # noqa: SLF001
    if iterator is not None and hasattr(iterator, "_shutdown_workers"):
        iterator._shutdown_workers()  # noqa: SLF001
