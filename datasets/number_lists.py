"""Numbers in annotation files: what may stand where a list of them is wanted."""

from __future__ import annotations

from typing import Any

# No pixel coordinate or area is larger; also keeps numbers out that would overflow later.
LARGEST_NUMBER = 1e9


def numbers_problem(key: str, values: Any, count: int) -> str | None:
    """What keeps a value from being a list of that many finite numbers, or None."""
    if not isinstance(values, list) or len(values) != count:
        found = f"{len(values)}" if isinstance(values, list) else f"{values!r:.40}"
        return f"'{key}' must be a list of {count} numbers, found {found}"
    for value in values:
        # bool is an int to Python; NaN fails every comparison.
        if type(value) not in (int, float) or not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
            return f"'{key}' must hold finite numbers, found {value!r:.40}"
    return None
