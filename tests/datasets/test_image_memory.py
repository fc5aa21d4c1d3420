"""Decoded images kept in memory: the same pixels, each decoded once as long as there is room."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from heatmark.datasets.geometry import Reduction
from heatmark.datasets.image_memory import ImageMemory
from heatmark.datasets.images import ImageArray, read_image

SIZE = 3 * 20 * 16


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    every = [tmp_path / f"{number}.png" for number in range(4)]
    for number, path in enumerate(every):
        write(path, number)
    return every


def write(path: Path, seed: int) -> None:
    image_HW3 = np.random.default_rng(seed).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), image_HW3)


@pytest.fixture
def decoded() -> list[str]:
    return []


@pytest.fixture
def memory(decoded: list[str]) -> ImageMemory:
    """Room for two images; notes which are decoded."""

    def read(path: Path, reduced: Reduction) -> ImageArray | None:
        decoded.append(path.stem)
        return read_image(path, reduced)

    return ImageMemory(read, 2 * SIZE)


def test_the_pixels_are_those_of_the_file(memory: ImageMemory, decoded: list[str], paths: list[Path]) -> None:
    for path in [paths[0], paths[1], paths[0], paths[1]]:
        np.testing.assert_array_equal(memory.read(path), read_image(path))
    assert decoded == ["0", "1"] and memory.used == 2 * SIZE


def test_the_one_that_was_not_asked_for_the_longest_goes(
    memory: ImageMemory, decoded: list[str], paths: list[Path]
) -> None:
    for number in (0, 1, 0, 2, 0, 1):
        memory.read(paths[number])
    assert decoded == ["0", "1", "2", "1"] and memory.used == 2 * SIZE


def test_a_file_written_anew_is_read_anew(memory: ImageMemory, paths: list[Path]) -> None:
    before = memory.read(paths[0])
    write(paths[0], 9)
    os.utime(paths[0], ns=(1, 1))  # however coarse the clock of the file system is
    after = memory.read(paths[0])
    assert before is not None and after is not None and not np.array_equal(before, after)
    np.testing.assert_array_equal(after, read_image(paths[0]))
    assert memory.used == SIZE


def test_what_cannot_be_read_is_tried_again(memory: ImageMemory, decoded: list[str], tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for path in (tmp_path / "broken.png", tmp_path / "absent.png"):
        assert memory.read(path) is None and memory.read(path) is None
    assert decoded == ["broken", "broken", "absent", "absent"] and memory.used == 0


def test_an_image_larger_than_all_room_is_not_kept(paths: list[Path]) -> None:
    small = ImageMemory(read_image, SIZE - 1)
    assert small.read(paths[0]) is not None and small.used == 0


def test_another_reduction_is_another_image(memory: ImageMemory, paths: list[Path]) -> None:
    whole, half = memory.read(paths[0]), memory.read(paths[0], 2)
    assert whole is not None and half is not None and half.shape == (8, 10, 3)
    assert memory.used == SIZE + half.nbytes
