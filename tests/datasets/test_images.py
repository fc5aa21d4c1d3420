"""Images of every kind that a folder of photos may hold."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from heatmark.datasets.images import inspect_image, read_image, read_labelled

IMAGE_RGB = np.zeros((30, 40, 3), np.uint8)
IMAGE_RGB[:, :20, 0] = 255
IMAGE_RGB[:15, :, 2] = 255


def jpeg() -> bytes:
    return cv2.imencode(".jpg", IMAGE_RGB[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()


def with_exif_rotation(content: bytes, orientation: int) -> bytes:
    """An EXIF block with the one entry 0x0112, orientation, after the JPEG's first marker."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:]


def read(tmp_path: Path, content: bytes) -> np.ndarray | None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    return read_image(path)


def test_pixels_are_rgb(tmp_path: Path) -> None:
    image = read(tmp_path, jpeg())
    assert image is not None
    assert image[22, 5].tolist() == pytest.approx([255, 0, 0], abs=6)
    assert image[5, 35].tolist() == pytest.approx([0, 0, 255], abs=6)


def test_exif_rotation_is_not_applied(tmp_path: Path) -> None:
    turned = with_exif_rotation(jpeg(), 6)
    flags = cv2.IMREAD_COLOR
    shown = cv2.imdecode(np.frombuffer(turned, np.uint8), flags)
    assert shown is not None and shown.shape == (40, 30, 3), "the block must be valid"
    image, plain = read(tmp_path, turned), read(tmp_path, jpeg())
    assert image is not None and plain is not None and np.array_equal(image, plain)


@pytest.mark.parametrize("content", [b"", b"no image", jpeg()[:-200], jpeg()[:30], b"\x89PNG\r\n\x1a\n"])
def test_what_cannot_be_decoded_is_none(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) is None


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.fromarray(IMAGE_RGB).convert("CMYK").save(path, quality=100)
    image = read_image(path)
    assert image is not None
    assert image[22, 5].tolist() == pytest.approx([255, 0, 0], abs=8)
    assert image[5, 35].tolist() == pytest.approx([0, 0, 255], abs=8)


def test_a_folder_or_nothing_is_none(tmp_path: Path) -> None:
    assert read_image(tmp_path) is None
    assert read_image(tmp_path / "absent.jpg") is None


def test_bytes_after_the_end_do_no_harm(tmp_path: Path) -> None:
    assert read(tmp_path, jpeg() + b"\0" * 100) is not None


@pytest.mark.parametrize(
    "image",
    [IMAGE_RGB[..., 0], IMAGE_RGB.astype(np.uint16) * 257, np.dstack([IMAGE_RGB, IMAGE_RGB[..., :1]])],
    ids=["grey", "16 bit", "with alpha"],
)
def test_other_pixel_formats_become_three_bytes(tmp_path: Path, image: np.ndarray) -> None:
    path = tmp_path / "image.png"
    cv2.imwrite(str(path), image)
    decoded = read_image(path)
    assert decoded is not None and decoded.shape == (30, 40, 3) and decoded.dtype == np.uint8
    assert decoded.max() == 255


FILM = b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\x08moov" + bytes(400)


def with_a_thumbnail(content: bytes) -> bytes:
    """As cameras write it: a small JPEG of its own in the first segment."""
    small = cv2.imencode(".jpg", IMAGE_RGB[:8, :8])[1].tobytes()
    body = b"Exif\0\0" + b"II*\0" + bytes(20) + small
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + content[2:]


def progressive() -> bytes:
    return cv2.imencode(".jpg", IMAGE_RGB, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()


def test_what_stands_behind_a_picture_is_no_damage(tmp_path: Path) -> None:
    """A phone's motion photo: a film behind the JPEG, in which a start of a scan may stand by chance."""
    image, plain = read(tmp_path, jpeg() + FILM), read(tmp_path, jpeg())
    assert image is not None and plain is not None and np.array_equal(image, plain)


@pytest.mark.parametrize("make", [jpeg, progressive, lambda: with_a_thumbnail(jpeg())])
def test_a_picture_is_whole_up_to_its_own_end_and_no_sooner(tmp_path: Path, make: Callable[[], bytes]) -> None:
    content = make()
    assert read(tmp_path, content) is not None
    assert read(tmp_path, content[:-30]) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_where_its_labels_size_proves_it(orientation: int, tmp_path: Path) -> None:
    """As Pillow turns it, for the orientations that exchange the sides; all others prove nothing."""
    random = np.random.default_rng(0)
    picture = Image.fromarray(random.integers(0, 256, (12, 20, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.png"
    picture.save(path, exif=exif)
    stored = read_image(path)
    assert stored is not None and stored.shape == (12, 20, 3)
    with Image.open(path) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened))
    found = read_labelled(path, (12, 20))
    assert np.array_equal(found, upright if orientation >= 5 else stored)  # type: ignore[arg-type]
    for size in (None, (20, 12), (30, 40)):
        assert np.array_equal(read_labelled(path, size), stored)  # type: ignore[arg-type]
    inspected = inspect_image(path).as_labelled((12, 20))
    assert inspected.size == ((12, 20) if orientation >= 5 else (20, 12))
    assert any("is turned as its EXIF" in remark for remark in inspected.remarks) == (orientation >= 5)
