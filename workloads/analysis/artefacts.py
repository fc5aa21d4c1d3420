"""Figures and tables of an analysis: the same bytes for the same numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from heatmark.foundation.files import write_atomic

# rows, columns: the paper's map.
SIZE = (64, 48)
COLORS = {"regression": "#d1495b", "detection": "#2e6f95"}


def gaussian_map(
    joint: tuple[float, float], sigma: float = 2.0, peak: float = 1.0, size: tuple[int, int] = SIZE
) -> Tensor:
    """heatmap_HW in float64. size: rows, columns."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    squared = (columns - joint[0]) ** 2 + (rows - joint[1]) ** 2
    return torch.from_numpy(peak * np.exp(-squared / (2 * sigma**2)))


@contextmanager
def one_thread() -> Iterator[None]:
    """A map of this size is computed sooner than a second thread is awake, and much sooner where cores are busy."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def write_table(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A csv; numbers with six significant digits."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
    write_atomic(path, text.getvalue())
    return path


def write_figure(path: Path, figure: Figure) -> Path:
    """An svg or png, by the name; without the date that would make it differ each time."""
    import matplotlib

    picture = io.BytesIO()
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": "heatmark", "svg.fonttype": "none"}):
        figure.savefig(picture, format=path.suffix[1:], metadata=metadata, dpi=150)
    write_atomic(path, picture.getvalue())
    return path
