"""What a plug-in consists of: a file or a package of the user's, known by its content."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import write_atomic
from heatmark.foundation.hashes import sha256_of
from heatmark.foundation.variables import expand_variables

# What of a package counts and travels.
SUFFIXES = frozenset({".py", ".yaml", ".yml", ".json", ".toml", ".csv", ".txt"})
LARGEST_BYTES = 20_000_000
# Where the copies lie in a run folder.
COPIES = "plugins"


@dataclass(frozen=True)
class PlugIn:
    """name: as people know it, `my_method.py` or `my_package.module`. place: its file, or the folder of its package.

    sha256: of a file its content's, of a package that of the names and contents of its files.
    """

    name: str
    place: Path
    sha256: str

    @property
    def is_package(self) -> bool:
        """Whether it is a folder."""
        return self.place.is_dir()

    def copy_to(self, run: Path) -> None:
        """Into a run folder, whole or not at all; a copy that is there and the same is left as it is."""
        root = _home_of_copy(run, self.sha256) / self.place.name
        if self.is_package:
            for file in _files_of(self.place):
                _copy(file, root / file.relative_to(self.place))
        else:
            _copy(self.place, root)


def plug_in_of(given: str, where: str) -> PlugIn:
    """What a sweep file names: the path of a file or of a package's folder, or a module by its dotted name.

    where: names the key, for messages. Raises InputError for what is not there.
    """
    if given.endswith(".py") or os.sep in given:
        place = Path(expand_variables(given)).expanduser().absolute()
        if not place.exists():
            raise InputError(f"{where}: {place}: no such file; give it from the folder that the command is run in")
        if place.is_dir() and not (place / "__init__.py").is_file():
            raise InputError(f"{where}: {place}: a folder without __init__.py; add one, or give a file")
        return _hashed(place.name, place, where)
    parts = given.split(".")
    if not all(part.isidentifier() for part in parts):
        raise InputError(f"{where}: {given!r}: neither a file (my_method.py) nor a module (my_package.module)")
    found = importlib.machinery.PathFinder.find_spec(parts[0], [str(Path.cwd()), *sys.path])
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        raise InputError(f"{where}: no module {parts[0]!r} here or among the installed packages; give the file's path")
    place = Path(found.origin)
    return _hashed(given, place.parent if place.name == "__init__.py" else place, where)


def plug_in_in(run: Path, name: str, sha256: str) -> PlugIn:
    """The copy in a run folder. Raises InputError for one that is not there or was changed."""
    home = _home_of_copy(run, sha256)
    top = name if name.endswith(".py") else name.split(".")[0]
    place = next((each for each in (home / top, home / f"{top}.py") if each.exists()), None)
    if place is None:
        raise InputError(f"plug-in {name}: no copy of it in {home}; run the sweep with it again, or restore it there")
    found = _hashed(name, place, f"plug-in {name}")
    if found.sha256 != sha256:
        raise InputError(f"plug-in {name}: {place} is not as the trial was planned with it; remove it and plan again")
    return found


def copies_in(run: Path) -> list[Path]:
    """The files of all plug-ins in a run folder."""
    return sorted(path for path in (run / COPIES).rglob("*") if path.is_file() and path.suffix in SUFFIXES)


def _home_of_copy(run: Path, sha256: str) -> Path:
    return run / COPIES / sha256[:8]


def hash_of(place: Path) -> str:
    """SHA-256 of a file or a package, in hex digits. Raises OSError."""
    if not place.is_dir():
        return sha256_of(place.read_bytes())
    lines = [f"{file.relative_to(place)} {sha256_of(file.read_bytes())}\n" for file in _files_of(place)]
    return sha256_of("".join(lines))


def _hashed(name: str, place: Path, where: str) -> PlugIn:
    try:
        size = sum(file.stat().st_size for file in _files_of(place)) if place.is_dir() else place.stat().st_size
        if size > LARGEST_BYTES:
            raise InputError(
                f"{where}: {place} holds {size / 1e6:.0f} MB, more than the {LARGEST_BYTES / 1e6:.0f} MB that go with "
                "every trial; put the plug-in into a file or a package of its own"
            )
        return PlugIn(name, place, hash_of(place))
    except OSError as error:
        raise InputError(f"{where}: {place}: cannot be read ({error.strerror})") from error


def _files_of(package: Path) -> Iterator[Path]:
    """What counts of a package, in a fixed order; no caches and nothing hidden."""
    for folder, folders, files in os.walk(package):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        for name in sorted(files):
            if Path(name).suffix in SUFFIXES and not name.startswith("."):
                yield Path(folder) / name


def _copy(source: Path, target: Path) -> None:
    content = source.read_bytes()
    if not target.is_file() or target.read_bytes() != content:
        write_atomic(target, content)
