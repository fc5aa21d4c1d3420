"""Which joints are left and right of the same thing, told from their names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal

Side = Literal["left", "right"]
Reading = tuple[Side, tuple[str, ...]]

# forelegL1 -> foreleg, L, 1. LShoulder -> L, Shoulder. left collar -> left, collar.
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+")
_SIDES: dict[str, Side] = {"left": "left", "l": "left", "right": "right", "r": "right"}


def pairs_by_name(joints: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """(left, right) of each pair, in the order of the joints.

    A name may say its side as a word of its own (left, right, L, R; words end where letters turn to digits or
    capitals) or, where no such twin is there, as the beginning or end of a word: lefteye, Lknee, eyel. Two joints are a
    pair where nothing but the side differs and no third joint fits.
    """
    found: dict[int, tuple[int, int]] = {}
    for readings in (_whole_words, _parts_of_words):
        sides: dict[tuple[str, ...], dict[Side, list[int]]] = defaultdict(lambda: {"left": [], "right": []})
        for index, joint in enumerate(joints):
            for side, rest in () if index in found else set(readings(joint)):
                sides[rest][side].append(index)
        pairs = {(s["left"][0], s["right"][0]) for s in sides.values() if len(s["left"]) == len(s["right"]) == 1}
        used = [joint for pair in pairs for joint in pair]
        for pair in pairs:
            if all(used.count(joint) == 1 for joint in pair):
                found |= dict.fromkeys(pair, pair)
    return tuple(sorted(set(found.values()), key=min))


def side_by_name(joint: str) -> Side | None:
    """The side that a name says in a word of its own, or None where it says none, or both."""
    sides = {side for side, _ in _whole_words(joint)}
    return sides.pop() if len(sides) == 1 else None


def _words(joint: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(joint))


def _whole_words(joint: str) -> Iterator[Reading]:
    words = _words(joint)
    for place, word in enumerate(words):
        if word in _SIDES:
            yield _SIDES[word], (*words[:place], "", *words[place + 1 :])


def _parts_of_words(joint: str) -> Iterator[Reading]:
    words = _words(joint)
    for place, word in enumerate(words):
        for sign, side in _SIDES.items():
            if word != sign and word.startswith(sign):
                yield side, (*words[:place], "", word[len(sign) :], *words[place + 1 :])
            if word != sign and word.endswith(sign):
                yield side, (*words[:place], word[: -len(sign)], "", *words[place + 1 :])
