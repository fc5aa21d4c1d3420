"""JSON -> values, fast."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def parsed_json(content: bytes) -> Any:
    """The value. ValueError or RecursionError for what is no JSON, in the words of the standard library."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # NaN, other encodings and halves of characters, which the standard library takes; and it names the place.
        return json.loads(content)
