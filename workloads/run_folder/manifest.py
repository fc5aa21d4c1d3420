"""checkpoints/step-<n>/manifest.json: what a checkpoint holds, by which it is found whole (workloads/checkpoint.py)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from heatmark.foundation.hashes import file_sha256
from heatmark.workloads.run_folder.record import Part, Record


class FileRecord(Part):
    """bytes: its size. sha256: of its content, in hex digits."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileRecord:
        return cls(bytes=path.stat().st_size, sha256=file_sha256(path))


class Manifest(Record):
    """signature: of the trial. files: by name."""

    signature: str
    files: Mapping[str, FileRecord]
