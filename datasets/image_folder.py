"""The folder that a split's images are in."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from pathlib import Path

from heatmark.foundation.errors import InputError


def file_names(folder: Path) -> set[str]:
    """What is in the folder; a file name that would leave it is not in it."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except OSError as error:
        raise InputError(f"{folder}: cannot list the image folder ({error.strerror}); put the images there") from error


def is_text(name: str) -> bool:
    """Whether a file's name can be shown on a line: no control characters, no halves of characters."""
    return name.isprintable() or all(unicodedata.category(character) not in ("Cc", "Cs") for character in name)


def absent_images(folder: Path, absent: Counter[str]) -> tuple[str, ...]:
    """The note about images that are listed but not there (absent: people by file name), if there are any."""
    if not absent:
        return ()
    return (
        f"{folder}: {len(absent)} listed images absent ({min(absent)} ...), {absent.total()} people on them left out",
    )


def absent_paths(folder: Path, absent: Counter[str]) -> tuple[Path, ...]:
    """Where the absent images that people are on would be."""
    return tuple(folder / name for name, people in sorted(absent.items()) if people)
