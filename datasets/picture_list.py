"""Which pictures a command line means: files, folders, patterns, and a list on stdin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from heatmark.foundation.errors import InputError

# What OpenCV decodes; other files of a folder are passed over.
ENDINGS: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})
STDIN: Final = "-"
SIGNS_OF_A_PATTERN: Final = frozenset("*?[")


def pictures_of(arguments: Sequence[str], lines: Iterable[str]) -> list[Path]:
    """Each once, in the order in which they are named, those of a folder or pattern by name. lines: of stdin, for `-`.

    Raises InputError for what is not there, and where there is no picture at all. That a file can be decoded is not
    asked here.
    """
    found = dict.fromkeys(path for argument in arguments for path in _named(argument, lines))
    if not found:
        raise InputError(f"{', '.join(arguments)}: no picture there; give files, folders, patterns, or - for a list")
    return list(found)


def _named(argument: str, lines: Iterable[str]) -> Iterator[Path]:
    if argument == STDIN:
        for line in lines:
            if line.strip():
                yield from _named(line.strip(), ())
        return
    path = Path(argument).expanduser()
    if path.is_dir():
        yield from (each for each in sorted(path.iterdir()) if each.suffix.lower() in ENDINGS)
    elif path.is_file():
        yield path
    elif SIGNS_OF_A_PATTERN & set(argument):
        start = Path(path.anchor) if path.is_absolute() else Path()
        yield from (each for each in sorted(start.glob(str(path.relative_to(path.anchor)))) if each.is_file())
    else:
        raise InputError(f"{argument}: no such picture or folder; check the path")
