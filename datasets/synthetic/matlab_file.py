"""MATLAB files with the same bytes for the same arrays."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import scipy.io

from heatmark.datasets.synthetic.recipe import write_bytes

# A MATLAB 5 file begins with this much free text, in which its writer puts the time of day.
TEXT_BYTES = 116
TEXT = b"MATLAB 5.0 MAT-file, drawn by heatmark"


def write_matlab(path: Path, arrays: dict[str, Any]) -> None:
    file = io.BytesIO()
    scipy.io.savemat(file, arrays)
    write_bytes(path, TEXT.ljust(TEXT_BYTES) + file.getvalue()[TEXT_BYTES:])
