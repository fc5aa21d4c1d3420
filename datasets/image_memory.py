"""Decoded images in a process's own memory, for whoever crops the same few again and again."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from heatmark.datasets.geometry import Reduction
from heatmark.datasets.images import ImageArray, ReadImage


class ImageMemory:
    """What `read` gives, kept up to so many bytes; of more, those that were not asked for the longest go first.

    A file that is written anew is read anew. What cannot be decoded is not kept.
    """

    def __init__(self, read: ReadImage, budget: int) -> None:
        self._read, self._budget = read, budget
        self._kept: OrderedDict[tuple[Path, Reduction], tuple[tuple[int, int], ImageArray]] = OrderedDict()
        self.used = 0

    def read(self, path: Path, reduced: Reduction = 1) -> ImageArray | None:
        """image_HW3, not to be written to."""
        state = _state(path)
        known = self._kept.get((path, reduced))
        if known is not None and known[0] == state:
            self._kept.move_to_end((path, reduced))
            return known[1]
        self._forget((path, reduced))
        image = self._read(path, reduced)
        if image is not None and state is not None and image.nbytes <= self._budget:
            self._kept[path, reduced] = state, image
            self.used += image.nbytes
            while self.used > self._budget:
                self._forget(next(iter(self._kept)))
        return image

    def _forget(self, key: tuple[Path, Reduction]) -> None:
        known = self._kept.pop(key, None)
        if known is not None:
            self.used -= known[1].nbytes


def _state(path: Path) -> tuple[int, int] | None:
    """When a file was written, in nanoseconds, and its size; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
