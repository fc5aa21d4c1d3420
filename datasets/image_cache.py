"""Decoded images on disk, so that a JPEG is decoded once for all epochs, trials and ranks that share the folder.

A picture is kept under the hash of its file's content, so that a changed file is another picture. It appears whole or
not at all (temporary file, rename): any number of writers may work at once, and the last one wins with equal bytes. It
is mapped, not read: a crop touches its own rows only.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from pathlib import Path

import numpy as np

from heatmark.datasets.geometry import Reduction
from heatmark.datasets.images import ImageArray, ReadImage, decode_image, image_content, read_image


class ImageCache:
    """folder: made when needed; everything in it may be deleted at any time, and costs the pixels' own size."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, path: Path, reduced: Reduction = 1) -> ImageArray | None:
        """image_HW3 in RGB as read_image gives it, from the cache if it is there; None for a file that is no good."""
        content = image_content(path)
        if content is None:
            return None
        kept = self._place(content, reduced)
        found = _mapped(kept)
        if found is None:
            found = decode_image(content, reduced)
            # A full disk costs speed, not the trial.
            with contextlib.suppress(OSError):
                _keep(kept, found)
        return found

    def _place(self, content: bytes, reduced: Reduction) -> Path:
        key = hashlib.blake2b(content, digest_size=16).hexdigest()
        return self.folder / key[:2] / (f"{key}.npy" if reduced == 1 else f"{key}-{reduced}.npy")


def reader(cache: Path | None) -> ReadImage:
    """Images through a cache in that folder, or from their files alone."""
    return read_image if cache is None else ImageCache(cache).read


def _mapped(path: Path) -> ImageArray | None:
    """None where there is no picture, or one that is no good."""
    try:
        mapped = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return np.asarray(mapped) if mapped.dtype == np.uint8 and mapped.ndim == 3 else None


def _keep(path: Path, image: ImageArray | None) -> None:
    if image is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the process's number: workers on two machines, or in two containers, have the same.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("wb") as file:
            np.save(file, image)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
