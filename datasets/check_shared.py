"""Whether pictures that a network is trained on validate it, too."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

from heatmark.foundation.hashes import file_sha256

# Bytes at the end of a file: unlike headers, they differ from picture to picture.
TAIL = 4096

Trait = Callable[[Path], Hashable]


def shared_pictures(train: Iterable[Path], val: Iterable[Path]) -> str | None:
    """A line on the pictures of val whose content is that of a picture of train; None where there are none.

    Only files of equal size are read, and whole only those that end alike. Files that cannot be read count as none.
    """
    train_files, val_files = sorted(set(train)), sorted(set(val))
    pictures = len(val_files)
    traits: tuple[Trait, ...] = (_size, _tail, file_sha256)
    for trait in traits:
        train_files, val_files = _alike(train_files, val_files, trait)
    if not val_files:
        return None
    first, twin = val_files[0], next(path for path in train_files if file_sha256(path) == file_sha256(val_files[0]))
    same = "" if twin == first else f", which is {twin}"
    return f"{len(val_files)} of {pictures} pictures of val are in train, too; the first is {first}{same}"


def _alike(train: list[Path], val: list[Path], trait: Trait) -> tuple[list[Path], list[Path]]:
    """Those of each list that share a trait with one of the other."""
    train_traits, val_traits = ({path: _told(trait, path) for path in paths} for paths in (train, val))
    common = (set(train_traits.values()) & set(val_traits.values())) - {None}
    return [path for path in train if train_traits[path] in common], [p for p in val if val_traits[p] in common]


def _told(trait: Trait, path: Path) -> Hashable | None:
    try:
        return trait(path)
    except OSError:
        return None


def _size(path: Path) -> int:
    return path.stat().st_size


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-min(TAIL, os.fstat(file.fileno()).st_size), os.SEEK_END)
        return file.read()
