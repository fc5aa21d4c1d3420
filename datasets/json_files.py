"""Large JSON files, read fast."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec


def parsed_json(content: bytes) -> Any:
    """The value. ValueError or RecursionError for what is no JSON, in the words of the standard library."""
    with collection_paused():
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # NaN, other encodings and halves of characters, which the standard library takes.
            return json.loads(content)


@contextmanager
def collection_paused() -> Iterator[None]:
    """A quarter of a gigabyte of JSON makes millions of objects; looking for garbage among them takes as long again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
