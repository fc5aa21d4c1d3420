"""The hint at the end of an error message about a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(wrong: str, valid: Iterable[str]) -> str:
    """The valid name that is most like the wrong one, or all of them where none is."""
    names = [str(name) for name in valid]
    close = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; valid: {', '.join(names)}"
