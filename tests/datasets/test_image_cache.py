"""Decoded images kept on disk: the same pixels, from any number of writers, whatever happens to the files."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from heatmark.datasets.image_cache import ImageCache
from heatmark.datasets.images import read_image


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8))
    return path


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_pixels_are_those_of_the_file(picture: Path, tmp_path: Path) -> None:
    cache = ImageCache(tmp_path / "cache")
    for _ in range(2):
        assert np.array_equal(cache.read(picture), read_image(picture))  # type: ignore[arg-type]
    assert len(kept(cache.folder)) == 1


def test_an_image_is_decoded_once(picture: Path, tmp_path: Path) -> None:
    cache = ImageCache(tmp_path / "cache")
    cache.read(picture)
    (file,) = kept(cache.folder)
    before = file.stat().st_mtime_ns
    time.sleep(0.01)
    again = cache.read(picture)
    assert file.stat().st_mtime_ns == before
    assert isinstance(again, np.ndarray) and not again.flags.writeable


def test_a_changed_file_is_another_picture(picture: Path, tmp_path: Path) -> None:
    cache = ImageCache(tmp_path / "cache")
    first = np.array(cache.read(picture))
    cv2.imwrite(str(picture), 255 - first)
    assert np.array_equal(cache.read(picture), read_image(picture))  # type: ignore[arg-type]
    assert not np.array_equal(cache.read(picture), first)  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", [b"", b"no picture at all", None])
def test_a_damaged_picture_is_decoded_anew(picture: Path, tmp_path: Path, damage: bytes | None) -> None:
    cache = ImageCache(tmp_path / "cache")
    expected = np.array(cache.read(picture))
    (file,) = kept(cache.folder)
    file.write_bytes(file.read_bytes()[:300] if damage is None else damage)
    for _ in range(2):
        assert np.array_equal(cache.read(picture), expected)  # type: ignore[arg-type]


def test_what_cannot_be_decoded_is_not_kept(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path / "cache")
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8 cut short")
    assert cache.read(tmp_path / "bad.jpg") is None
    assert cache.read(tmp_path / "absent.jpg") is None
    assert kept(cache.folder) == []


def test_without_a_place_to_write_it_goes_on(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert np.array_equal(ImageCache(tmp_path / "file").read(picture), read_image(picture))  # type: ignore[arg-type]


def _read_all(folder: Path, pictures: list[Path]) -> int:
    images = [ImageCache(folder).read(path) for path in pictures]
    return int(sum(image.sum(dtype=np.int64) for image in images if image is not None))


def test_many_writers_agree(tmp_path: Path) -> None:
    pictures = [tmp_path / f"{number}.png" for number in range(20)]
    for number, path in enumerate(pictures):
        cv2.imwrite(str(path), np.full((50, 50, 3), number, np.uint8))
    expected = sum(7500 * number for number in range(20))
    with ProcessPoolExecutor(4) as pool:
        found = list(pool.map(_read_all, [tmp_path / "cache"] * 8, [pictures] * 8))
    assert found == [expected] * 8
    assert len(kept(tmp_path / "cache")) == 20
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def test_writers_with_one_process_number_do_not_share_a_file(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on two machines: the other one writes the same picture while this one is at it.
    cache, save, written = ImageCache(tmp_path / "cache"), np.save, []

    def slowly(file: Any, image: Any) -> None:
        written.append(file.name)
        if len(written) == 1:
            cache.read(picture)
        save(file, image)

    monkeypatch.setattr(np, "save", slowly)
    cache.read(picture)
    assert len(set(written)) == 2
