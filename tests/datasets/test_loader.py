"""Batches: who is in them, what is in the crops, and that neither ranks, workers nor interruptions change them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from heatmark.datasets.coco import load_coco
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.geometry import apply_affine, reduction
from heatmark.datasets.loader import Batch, PersonCrops, evaluation_batches, make_loader, training_batches
from heatmark.datasets.people import PoseDataset
from heatmark.foundation.errors import InputError

AS_THEY_ARE = CropSettings(scale=0, rotation=0, flip=0)
# Half of the drawn picture's width, so that crops stay within it and are enlarged but little.
SMALL = CropSettings(input_size=(96, 128))


@pytest.fixture
def dataset(coco: Any) -> PoseDataset:
    """4 images, 20 people: annotations 1 to 20 go over the images again and again."""
    coco.write("train", coco.content(images=4, people_per_image=5))
    return load_coco(coco.root, "train", strict=True)


def equal(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        all(torch.equal(a[key], b[key]) for key in a)  # type: ignore[literal-required]
        for a, b in zip(one, other, strict=True)
    )


def people_of(batches: list[Batch]) -> list[list[int]]:
    return [batch["person_B"].tolist() for batch in batches]


def test_shapes_and_types(dataset: PoseDataset) -> None:
    batch = next(iter(make_loader(dataset, CropSettings(), training=True, batch_size=3)))
    described = {key: (tuple(value.shape), value.dtype) for key, value in batch.items()}  # type: ignore[attr-defined]
    assert described == {
        "image_BHW3": ((3, 256, 192, 3), torch.uint8),
        "joints_BK2": ((3, 17, 2), torch.float32),
        "labelled_BK": ((3, 17), torch.float32),
        "depth_BK": ((3, 17), torch.float32),
        "person_B": ((3,), torch.int64),
        "image_to_crop_B23": ((3, 2, 3), torch.float64),
        "unreadable_B": ((3,), torch.bool),
    }


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_a_global_batch_does_not_depend_on_the_ranks(world_size: int) -> None:
    whole = training_batches(50, batch_size=8, rank=0, world_size=1, seed=3, epoch=2)
    shares = [
        training_batches(50, batch_size=8 // world_size, rank=rank, world_size=world_size, seed=3, epoch=2)
        for rank in range(world_size)
    ]
    for step, batch in enumerate(whole):
        for rank, share in enumerate(shares):
            assert share[step] == batch[rank::world_size]
    assert len(whole) == 6 and len({person for batch in whole for person in batch}) == 48


def test_epochs_and_seeds_have_their_own_order() -> None:
    orders = {
        tuple(training_batches(50, batch_size=50, rank=0, world_size=1, seed=seed, epoch=epoch)[0])
        for seed, epoch in [(0, 0), (0, 1), (1, 0)]
    }
    assert len(orders) == 3


@pytest.mark.parametrize(("people", "steps", "rows"), [(3, 1, 3), (15, 1, 15), (16, 1, 16), (31, 1, 16), (32, 2, 32)])
def test_a_partial_batch_is_dropped_unless_it_is_the_only_one(people: int, steps: int, rows: int) -> None:
    shares = [training_batches(people, batch_size=8, rank=rank, world_size=2, seed=0, epoch=0) for rank in (0, 1)]
    assert [len(share) for share in shares] == [steps, steps]
    assert sum(len(batch) for share in shares for batch in share) == rows


def test_fewer_people_than_ranks_is_refused(dataset: PoseDataset) -> None:
    with pytest.raises(InputError, match="20 people for 21 ranks"):
        make_loader(dataset, SMALL, training=True, batch_size=1, rank=0, world_size=21)


@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
def test_evaluation_takes_everyone_once_and_an_image_at_a_time(dataset: PoseDataset, world_size: int) -> None:
    shares = [
        evaluation_batches(dataset.people, batch_size=3, rank=r, world_size=world_size) for r in range(world_size)
    ]
    assert sorted(person for share in shares for batch in share for person in batch) == list(range(20))
    for share in shares:
        images = [dataset.people[person].image_id for batch in share for person in batch]
        assert images == sorted(images)


def test_more_ranks_than_people_leave_some_nothing_to_evaluate(dataset: PoseDataset) -> None:
    loader = make_loader(dataset, SMALL, training=False, batch_size=4, rank=24, world_size=25)
    assert len(loader) == 0 and list(loader) == []


def test_workers_change_nothing(dataset: PoseDataset) -> None:
    alone = make_loader(dataset, SMALL, training=True, batch_size=6, seed=5)
    helped = make_loader(dataset, SMALL, training=True, batch_size=6, seed=5, workers=2)
    for epoch in (0, 1):
        alone.set_epoch(epoch)
        helped.set_epoch(epoch)
        assert equal(list(alone), list(helped))
    helped.close()


def test_ranks_get_the_crops_of_one_process(dataset: PoseDataset) -> None:
    (whole, *_) = make_loader(dataset, SMALL, training=True, batch_size=8, seed=1)
    for rank in (0, 1):
        (share, *_) = make_loader(dataset, SMALL, training=True, batch_size=4, rank=rank, world_size=2, seed=1)
        assert torch.equal(share["image_BHW3"], whole["image_BHW3"][rank::2])
        assert torch.equal(share["joints_BK2"], whole["joints_BK2"][rank::2])


def test_an_epoch_goes_on_where_it_was_left(dataset: PoseDataset) -> None:
    loader = make_loader(dataset, SMALL, training=True, batch_size=4)
    loader.set_epoch(3)
    whole = list(loader)
    loader.set_epoch(3, start_batch=2)
    assert (len(whole), len(loader), loader.batches_per_epoch) == (5, 3, 5)
    assert equal(list(loader), whole[2:])


def test_each_epoch_has_other_crops(dataset: PoseDataset) -> None:
    loader = make_loader(dataset, SMALL, training=True, batch_size=20)
    affines = []
    for epoch in (0, 1):
        loader.set_epoch(epoch)
        (batch,) = loader
        affines.append(batch["image_to_crop_B23"][batch["person_B"].argsort()])
    assert not torch.isclose(affines[0], affines[1]).all(dim=(1, 2)).any()


def test_loading_leaves_the_random_state_alone(dataset: PoseDataset) -> None:
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    list(make_loader(dataset, SMALL, training=True, batch_size=4))
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # type: ignore[index]


@pytest.mark.parametrize("training", [False, True])
def test_the_crop_shows_what_the_affine_says(dataset: PoseDataset, training: bool) -> None:
    # In the drawn pictures red is x, green is y and blue is the image's id: pixels tell where they came from.
    batch = next(iter(make_loader(dataset, SMALL, training=training, batch_size=20)))
    rows, columns = np.mgrid[:128, :96]
    grid_N2 = np.column_stack([columns.ravel(), rows.ravel()]).astype(float)
    for image_HW3, person, affine_23 in zip(
        batch["image_BHW3"].numpy(), batch["person_B"].tolist(), batch["image_to_crop_B23"].numpy(), strict=True
    ):
        linear_22, shift_2 = affine_23[:, :2], affine_23[:, 2]
        source_N2 = np.linalg.solve(linear_22, (grid_N2 - shift_2).T).T
        inside_N = ((source_N2 >= 1) & (source_N2 <= [158, 118])).all(axis=1)
        assert inside_N.mean() > 0.2
        pixels_N3 = image_HW3.reshape(-1, 3)[inside_N].astype(float)
        # OpenCV interpolates at 1/32 of a pixel, and rounds.
        assert np.abs(pixels_N3[:, :2] - source_N2[inside_N]).max() < 1
        assert np.abs((pixels_N3[:, :2] - source_N2[inside_N]).mean(axis=0)).max() < 0.1
        assert (pixels_N3[:, 2] == dataset.people[person].image_id).all()


def test_joints_move_with_the_crop_and_swap_in_a_mirror(dataset: PoseDataset) -> None:
    batch = next(iter(make_loader(dataset, SMALL, training=True, batch_size=20)))
    mirrored_B = np.linalg.det(batch["image_to_crop_B23"].numpy()[:, :, :2]) < 0
    assert 0 < mirrored_B.sum() < 20
    for row, index in enumerate(batch["person_B"].tolist()):
        person = dataset.people[index]
        moved_K2 = apply_affine(batch["image_to_crop_B23"][row].numpy(), person.joints_K2)
        expected_K2 = moved_K2[list(dataset.skeleton.mirrored_order)] if mirrored_B[row] else moved_K2
        assert batch["joints_BK2"][row].numpy() == pytest.approx(expected_K2, abs=1e-4)


def test_labels_swap_in_a_mirror(coco: Any) -> None:
    content = coco.content(images=1, people_per_image=1)
    content["annotations"][0]["keypoints"][5] = 0  # the left eye is not labelled
    content["annotations"][0]["keypoints"][8] = 1  # the right eye is labelled but hidden
    coco.write("train", content)
    dataset = load_coco(coco.root, "train")
    for flip, unlabelled in [(0, 1), (1, 2)]:
        (batch,) = make_loader(dataset, CropSettings(flip=flip), training=True, batch_size=1)
        assert batch["labelled_BK"][0].tolist() == [float(joint != unlabelled) for joint in range(17)]


def test_evaluation_is_not_augmented(dataset: PoseDataset) -> None:
    (plain,) = make_loader(dataset, CropSettings(), training=False, batch_size=20, seed=1)
    (other,) = make_loader(dataset, AS_THEY_ARE, training=False, batch_size=20, seed=2)
    assert equal([plain], [other])


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_cannot_be_decoded_is_grey_and_flagged(coco: Any, dataset: PoseDataset, workers: int) -> None:
    coco.image_file("train", 2).write_bytes(b"")
    (batch,) = make_loader(dataset, SMALL, training=True, batch_size=20, workers=workers)
    broken_B = torch.tensor([dataset.people[person].image_id == 2 for person in batch["person_B"].tolist()])
    assert torch.equal(batch["unreadable_B"], broken_B)
    assert (batch["image_BHW3"][broken_B] == 128).all()
    assert not batch["labelled_BK"][broken_B].any() and batch["labelled_BK"][~broken_B].all()
    strict = make_loader(dataset, SMALL, training=True, batch_size=20, workers=workers, strict=True)
    with pytest.raises(InputError, match=r"000000000002\.png: cannot decode this image") as caught:
        list(strict)
    assert "\n" not in str(caught.value)


def children() -> list[int]:
    pid = os.getpid()
    with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123
        return [int(child) for child in file.read().split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_survive_the_signals_of_a_job(dataset: PoseDataset) -> None:
    before = set(children())
    loader = make_loader(dataset, SMALL, training=True, batch_size=1, workers=2)
    batches = iter(loader)
    next(batches)
    time.sleep(0.2)  # both are through settle_worker
    for child in set(children()) - before:
        for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGUSR1, signal.SIGINT):
            os.kill(child, number)
    assert len(list(batches)) == 19
    loader.set_epoch(1)
    assert len(list(loader)) == 20
    started = time.monotonic()
    loader.close()
    assert time.monotonic() - started < 4 and set(children()) <= before


CRASH = """
import sys
from pathlib import Path
from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.coco import load_coco
from heatmark.datasets.loader import make_loader
loader = make_loader(load_coco(Path(sys.argv[1]), "train"), CropSettings(), training=True, batch_size=1, workers=2)
for batch in loader:
    raise RuntimeError("the step failed")
"""


@pytest.mark.usefixtures("dataset")
def test_a_crash_in_the_loop_ends_at_once(coco: Any) -> None:
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", CRASH, str(coco.root)], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1 and ended.stderr.strip().endswith("RuntimeError: the step failed")
    # Far from the half minute that a worker outlives a SIGTERM.
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("workers", [0, 2])
def test_a_cache_of_images_changes_no_pixel(dataset: PoseDataset, tmp_path: Path, workers: int) -> None:
    def crops(cache: Path | None) -> list[torch.Tensor]:
        loader = make_loader(dataset, SMALL, training=True, batch_size=4, workers=workers, cache=cache)
        return [batch["image_BHW3"] for batch in loader]

    plain = crops(None)
    for _ in range(2):
        assert all(torch.equal(*pair) for pair in zip(plain, crops(tmp_path / "cache"), strict=True))


@pytest.mark.parametrize(("side", "expected"), [(60, 1), (140, 2), (300, 4), (700, 8)])
def test_a_picture_that_is_reduced_shows_the_same_place(
    dataset: PoseDataset, tmp_path: Path, side: float, expected: int
) -> None:
    """A round spot in a picture of 1280 x 960 stays where the joint is, to a tenth of a crop's pixel."""
    centre_2 = np.array([641.3, 402.7])
    x_HW, y_HW = np.meshgrid(np.arange(1280), np.arange(960))
    distance_HW = np.hypot(x_HW - centre_2[0], y_HW - centre_2[1])
    picture = tmp_path / "spot.jpg"
    cv2.imwrite(str(picture), (250 * np.exp(-((distance_HW / (side / 8)) ** 2))).astype(np.uint8))
    box_xywh = (centre_2[0] - side * 0.4, centre_2[1] - side * 0.6, side, side)
    person = replace(dataset.people[0], image_path=picture, box_xywh=box_xywh, joints_K2=np.tile(centre_2, (17, 1)))
    settings = CropSettings(input_size=(64, 64), padding=1.0, scaled_decoding=True)
    crops = PersonCrops(replace(dataset, people=[person]), settings, training=False, seed=0)
    crop = crops[0, 0]
    assert reduction(crop["image_to_crop_23"]) == expected
    weight_HW = crop["image_HW3"][..., 1].astype(float)
    rows, columns = np.indices(weight_HW.shape)
    found_2 = np.array([(weight_HW * each).sum() for each in (columns, rows)]) / weight_HW.sum()
    assert found_2 == pytest.approx(crop["joints_K2"][0], abs=0.1)


def test_pixels_are_reduced_only_where_it_is_asked_for(dataset: PoseDataset) -> None:
    assert CropSettings().scaled_decoding is False
    small = CropSettings(input_size=(32, 32), scale=0, rotation=0, flip=0)
    plain, scaled = (
        next(iter(make_loader(dataset, settings, training=False, batch_size=4)))["image_BHW3"]
        for settings in (small, small.model_copy(update={"scaled_decoding": True}))
    )
    assert not torch.equal(plain, scaled)
