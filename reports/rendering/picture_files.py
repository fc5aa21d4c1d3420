"""Figures and prediction sheets as files beside the tables: SVG for papers and slides, JPEG sheets to look through."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from heatmark.foundation.files import write_atomic
from heatmark.reports.rendering.document import Crop, Sheet
from heatmark.reports.rendering.figure import Figure

Image = npt.NDArray[np.uint8]

LONGEST_NAME = 60
SHEET_CROP_HEIGHT = 240
TITLE_HEIGHT, TEXT_HEIGHT, GAP = 26, 18, 6
INK = (37, 29, 29)


def write_figures(folder: Path, figures: Sequence[Figure]) -> None:
    """NN-title.svg of every figure that is drawn, numbered in the report's order."""
    named = {f"{number:02d}-{file_words(figure.title)}.svg": figure for number, figure in enumerate(figures, 1)}
    _write_all(folder, {name: figure.svg.encode() for name, figure in named.items() if figure.svg})


def write_sheets(folder: Path, sheets: Sequence[Sheet]) -> None:
    """NN.jpg: rows are people, columns are ground truth and methods."""
    files = {}
    for number, sheet in enumerate(sheets, 1):
        encoded, content = cv2.imencode(".jpg", sheet_pixels(sheet), [cv2.IMWRITE_JPEG_QUALITY, 85])
        assert encoded, "a sheet of at least one crop can be encoded"
        files[f"{number:02d}.jpg"] = content.tobytes()
    _write_all(folder, files)


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Of an earlier report no file is left among them."""
    for old in folder.glob("[0-9][0-9]*.*"):
        if old.name not in files:
            old.unlink()
    for name, content in files.items():
        write_atomic(folder / name, content)


def file_words(title: str) -> str:
    """Safe in any file system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", title)[:LONGEST_NAME].strip("-.") or "figure"


def sheet_pixels(sheet: Sheet) -> Image:
    """All crops of a sheet in one picture, the columns' titles above, each crop's text below it."""
    rows = [np.concatenate([_tile(crop) for crop in row], axis=1) for row in sheet.rows]
    side = rows[0].shape[1] // len(sheet.columns)
    titles = np.concatenate([_strip(title, TITLE_HEIGHT, side) for title in sheet.columns], axis=1)
    return np.concatenate([titles, *rows])


def _tile(crop: Crop) -> Image:
    pixels = np.asarray(cv2.imdecode(np.frombuffer(crop.jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    width = round(pixels.shape[1] * SHEET_CROP_HEIGHT / pixels.shape[0])
    small = cv2.resize(pixels, (width, SHEET_CROP_HEIGHT), interpolation=cv2.INTER_AREA).astype(np.uint8)
    framed = cv2.copyMakeBorder(small, 0, 0, GAP // 2, GAP // 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    return np.concatenate([framed, _strip(crop.text, TEXT_HEIGHT, framed.shape[1])]).astype(np.uint8)


def _strip(text: str, height: int, width: int) -> Image:
    """A line of text on white, made narrower where it does not fit. OpenCV draws ASCII only."""
    strip = np.full((height, width, 3), 255, np.uint8)
    plain = text.replace("β", "beta").replace("×", "x").encode("ascii", "replace").decode()
    (wide, _), _ = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
    scale = 0.45 * min(1.0, (width - 2 * GAP) / max(wide, 1))
    cv2.putText(strip, plain, (GAP, height - GAP), cv2.FONT_HERSHEY_SIMPLEX, scale, INK, 1, cv2.LINE_AA)
    return strip
