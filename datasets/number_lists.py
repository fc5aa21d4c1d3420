"""Numbers in annotation files: what may stand where a list of them is wanted."""

from __future__ import annotations

from typing import Any

# No pixel coordinate or area is larger; also keeps numbers out that would overflow later.
LARGEST_NUMBER = 1e9
NUMBERS = {int, float}


def numbers_problem(key: str, values: Any, count: int) -> str | None:
    """What keeps a value from being a list of that many finite numbers, or None."""
    if not isinstance(values, list) or len(values) != count:
        found = f"{len(values)}" if isinstance(values, list) else f"{values!r:.40}"
        return f"'{key}' must be a list of {count} numbers, found {found}"
    if _are_sound(values):
        return None
    for value in values:
        # bool is an int to Python; NaN fails every comparison.
        if type(value) not in NUMBERS or not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
            return f"'{key}' must hold finite numbers, found {value!r:.40}"
    return None


def _are_sound(values: list[Any]) -> bool:
    """The same for the whole list in C: a quarter of a million annotations are checked number by number."""
    if not values or not NUMBERS.issuperset(map(type, values)):
        return False
    total = sum(values)
    # Only NaN is not itself, and it is all that may hide from min and max.
    return bool(total == total and min(values) >= -LARGEST_NUMBER and max(values) <= LARGEST_NUMBER)
