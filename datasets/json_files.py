"""Large JSON files, read fast."""

from __future__ import annotations

import gzip
import zlib
from typing import Any, Final

from heatmark.foundation import json_text
from heatmark.foundation.collection import collection_paused

GZIP: Final = b"\x1f\x8b"


def parsed_json(content: bytes) -> Any:
    """The value, of a .json.gz too. ValueError or RecursionError for what is no JSON, as the standard library says."""
    with collection_paused():
        return json_text.parsed_json(unpacked(content))


def unpacked(content: bytes) -> bytes:
    """The text of a .json or a .json.gz. ValueError where it is compressed and damaged."""
    if not content.startswith(GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"its compressed content is damaged: {error}") from error
