"""A folder of COCO-style files, as PoseTrack has one for each video, read as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from heatmark.datasets.json_files import unpacked
from heatmark.foundation.errors import InputError


class _Lists(msgspec.Struct, gc=False):
    """What a file holds; pictures and annotations unread."""

    images: list[msgspec.Raw] = []
    annotations: list[msgspec.Raw] = []
    categories: list[Any] = []


def joined_files(folder: Path) -> bytes:
    """One json of all in a folder, in the order of their names. Raises InputError for categories that are not alike."""
    joined = _Lists([], [], [])
    paths = sorted((*folder.glob("*.json"), *folder.glob("*.json.gz")))
    for path in paths:
        try:
            found = msgspec.json.decode(unpacked(path.read_bytes()), type=_Lists)
        except (ValueError, msgspec.MsgspecError) as error:
            raise InputError(f"{path}: not valid JSON ({error}); the file may be cut short, fetch it again") from error
        if joined.categories and found.categories != joined.categories:
            raise InputError(f"{path}: its categories are not those of {paths[0].name}; read one of them alone")
        joined.images += found.images
        joined.annotations += found.annotations
        joined.categories = found.categories
    if not paths:
        raise InputError(f"{folder}: a folder without a json; give an annotation file")
    return msgspec.json.encode(joined)
