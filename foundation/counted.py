"""Numbers with their nouns and verbs, so that one is told as one: `1 trial`, `3 trials`, `1 is`, `3 are`."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 trial`, `1,200 trials`. plural: of a noun that takes more than an s, such as `people` of `person`."""
    return f"{number:,} {several(number, noun, plural)}"


def several(number: int, noun: str, plural: str = "") -> str:
    """The noun alone; for verbs too: `several(number, "is", "are")`."""
    return noun if number == 1 else plural or f"{noun}s"


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
