"""The one door to files that must not be lost: whole or not at all, durable, and named where they are damaged."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from heatmark.foundation.errors import InputError
from heatmark.foundation.json_text import parsed_json

Record = dict[str, Any]


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a whole file or nothing: temporary file in the same folder, fsync, rename, fsync of the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Threads share a number, and so may processes of two nodes.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    data = content.encode() if isinstance(content, str) else content
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # on a full disk half a file would only take up room
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Record) -> None:
    """Write a JSON object atomically. Non-finite numbers are refused: they are not JSON."""
    write_atomic(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Record | None:
    """The object in a JSON file, or None where there is no file. Raises InputError for one that is damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    value = _parsed(content, path)
    if not isinstance(value, dict):
        raise InputError(f"{path}: damaged: no JSON object; restore it or remove it")
    return value


def _parsed(content: bytes, path: Path) -> Any:
    try:
        return parsed_json(content)
    except ValueError as error:
        raise InputError(f"{path}: damaged: not JSON ({error}); restore it or remove it") from error


def append_line(path: Path, record: Record) -> None:
    """Append one JSON line and make it durable; a torn last line of a killed writer is cut off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(record, allow_nan=False).encode() + b"\n"
    with path.open("ab+") as file:
        file.truncate(path.read_bytes().rfind(b"\n") + 1)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path, offset: int = 0) -> tuple[list[Record], int]:
    """The JSON lines after a byte offset, and the offset behind the last complete one."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    return [_parsed(line, path) for line in data[:end].splitlines()], offset + end
