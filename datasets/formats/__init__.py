"""Data set formats: one class in one file of this folder.

A new one is such a file, with a class from datasets/format.py under `@register`, and needs no other change.
"""

from heatmark.datasets.format import Format
from heatmark.datasets.formats.registry import (
    FORMATS,
    USUAL_FORMAT,
    FormatName,
    chosen_format,
    drawn_formats,
    format_of,
    load_split,
    make_recipe,
    measured_by,
    register,
    score,
)

__all__ = [
    "FORMATS",
    "USUAL_FORMAT",
    "Format",
    "FormatName",
    "chosen_format",
    "drawn_formats",
    "format_of",
    "load_split",
    "make_recipe",
    "measured_by",
    "register",
    "score",
]
