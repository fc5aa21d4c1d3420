"""The folder that a split's images are in."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from heatmark.foundation.errors import InputError


def file_names(folder: Path) -> set[str]:
    """What is in the folder; a file name that would leave it is not in it."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except OSError as error:
        raise InputError(f"{folder}: cannot list the image folder ({error.strerror}); put the images there") from error


def found_names(listed: Iterable[str], folder: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Of each listed name that there is a file for, the file's path in the folder; and a line for each kind that is
    written otherwise than the file is called.

    Label tools write a path of their own machine, `./` or the folder in front, sub-folders that are not there,
    backslashes, URL encoding, another case. Raises InputError where two files fit a name, or two names a file.
    """
    present = file_names(folder)
    names = sorted(set(listed))
    found = {name: name for name in names if name in present}
    others = [name for name in names if name not in found]
    if not others:
        return found, ()
    by_lower: dict[str, list[str]] = {}
    for name in present:
        by_lower.setdefault(name.lower(), []).append(name)
    kinds: Counter[str] = Counter()
    for name in others:
        file, kind = _file_of(name, folder, present, by_lower)
        if file is not None:
            found[name] = file
            kinds[kind] += 1
    _refuse_twice(found, folder)
    return found, tuple(f"{folder}: {count} file names are written {kind}" for kind, count in kinds.items())


def _file_of(name: str, folder: Path, present: set[str], by_lower: dict[str, list[str]]) -> tuple[str | None, str]:
    """The path in the folder, and how the name was written."""
    plain = unquote(name).replace("\\", "/")
    path = PurePosixPath(plain)
    how = "with backslashes" if "\\" in name else "URL-encoded" if plain != name else "with folders in front"
    if ".." in path.parts:
        return None, ""
    if not path.is_absolute() and len(path.parts) > 1 and (folder / path).is_file():
        return str(path), how if plain != name else "with sub-folders"
    if path.name in present:
        return path.name, how
    alike = by_lower.get(path.name.lower(), [])
    if len(alike) > 1:
        raise InputError(f"{folder}: {name} fits {' and '.join(sorted(alike))}; rename one, or write its name as it is")
    return (alike[0], "in another case") if alike else (None, "")


def _refuse_twice(found: dict[str, str], folder: Path) -> None:
    first: dict[str, str] = {}
    for name, file in found.items():
        if first.setdefault(file, name) != name:
            raise InputError(
                f"{folder}: {first[file]} and {name} are listed, and {file} fits both; keep the sub-folders, or give "
                "each a name of its own"
            )


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
