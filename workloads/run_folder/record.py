"""What every file of a run folder is: a typed record with its version, checked where it is read.

A key that is absent, unknown or of another type is refused by its name. A change of a record's keys gives it a new
VERSION, and an entry in UPGRADES that turns the older content into the newer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from heatmark.foundation.errors import InputError
from heatmark.foundation.files import append_line, read_json, read_lines, write_json

if TYPE_CHECKING:
    from typing import Self  # of Python 3.11

VERSION_KEY = "schema_version"


class Part(BaseModel):
    """A part of a record."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Record(Part):
    """VERSION: of its keys. UPGRADES: from each earlier version to the one after it.

    UNNUMBERED: the version of files in which no number stands.
    """

    VERSION: ClassVar[int] = 1
    UNNUMBERED: ClassVar[int | None] = None
    UPGRADES: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}

    def plain(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {VERSION_KEY: self.VERSION, **self.model_dump(mode="json", by_alias=True)}

    @classmethod
    def of(cls, content: Mapping[str, Any], where: str) -> Self:
        """From what stands in a file. where: the file, for messages. Raises InputError naming file and key."""
        values = dict(content)
        version = values.pop(VERSION_KEY, cls.UNNUMBERED)
        if version is None:
            raise _refused(where, VERSION_KEY, "missing")
        if type(version) is not int or not 1 <= version <= cls.VERSION:
            raise InputError(
                f"{where}: {VERSION_KEY} {version!r}: this heatmark reads 1 to {cls.VERSION}; "
                f"use the version that wrote the file"
            )
        while version < cls.VERSION:
            try:
                values, version = cls.UPGRADES[version](values), version + 1
            except KeyError as error:
                raise _refused(where, str(error.args[0]), f"missing in version {version}") from error
            except (TypeError, ValueError, AttributeError) as error:
                raise _refused(where, VERSION_KEY, f"the file is not of version {version} ({error})") from error
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            raise _refused(where, ".".join(map(str, first["loc"])), _problem(first)) from error

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """None where there is no file. Raises InputError naming file and key."""
        content = read_json(path)
        return None if content is None else cls.of(content, str(path))

    def write(self, path: Path) -> None:
        """Whole or not at all. Raises ValueError for a number that is not finite."""
        write_json(path, self.plain())

    @classmethod
    def read_all(cls, path: Path, offset: int = 0) -> tuple[list[Self], int]:
        """The records of a file of lines after a byte offset, and the offset behind the last complete line."""
        lines, end = read_lines(path, offset)
        return [cls.of(line, str(path)) for line in _objects(lines, path)], end

    def append(self, path: Path) -> None:
        """One more line, durable."""
        append_line(path, self.plain())


def _objects(lines: list[Any], path: Path) -> Iterator[dict[str, Any]]:
    for line in lines:
        if not isinstance(line, dict):
            raise InputError(f"{path}: damaged: a line is no JSON object; restore it or remove it")
        yield line


def _problem(details: Any) -> str:
    if details["type"] == "missing":
        return "missing"
    if details["type"] == "extra_forbidden":
        return "unknown"
    return f"{details['msg']}, found {details['input']!r:.60}"


def _refused(where: str, key: str, problem: str) -> InputError:
    return InputError(f"{where}: key {key}: {problem}; restore the file or remove it")
