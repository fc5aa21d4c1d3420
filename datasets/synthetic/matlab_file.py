"""MATLAB files with the same bytes for the same arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heatmark.datasets.array_files import matlab_file
from heatmark.datasets.synthetic.recipe import write_bytes

# A MATLAB 5 file begins with this much free text, in which its writer puts the time of day.
TEXT_BYTES = 116
TEXT = b"MATLAB 5.0 MAT-file, drawn by heatmark"


def write_matlab(path: Path, arrays: dict[str, Any]) -> None:
    """A MATLAB 5 file whose header names no time and no platform: the same arrays, the same bytes."""
    write_bytes(path, TEXT.ljust(TEXT_BYTES) + matlab_file(arrays)[TEXT_BYTES:])
