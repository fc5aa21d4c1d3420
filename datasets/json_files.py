"""Large JSON files, read fast."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from heatmark.foundation.collection import collection_paused


def parsed_json(content: bytes) -> Any:
    """The value. ValueError or RecursionError for what is no JSON, in the words of the standard library."""
    with collection_paused():
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # NaN, other encodings and halves of characters, which the standard library takes.
            return json.loads(content)
