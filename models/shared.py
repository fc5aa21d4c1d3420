"""What several readings of the same maps have in common, computed once: joints, how sure they are, densities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from torch import Tensor

Value = TypeVar("Value")

_KEPT: ContextVar[tuple[Tensor, dict[Any, Any]] | None] = ContextVar("kept", default=None)


@contextmanager
def shared(heatmap_BKHW: Tensor) -> Iterator[None]:
    """Within it, what `once` computes of these very maps is kept. They must not be written to meanwhile."""
    token = _KEPT.set((heatmap_BKHW, {}))
    try:
        yield
    finally:
        _KEPT.reset(token)


def is_shared(heatmap_BKHW: Tensor) -> bool:
    """Whether what is read of these maps is kept for whoever reads them next."""
    kept = _KEPT.get()
    return kept is not None and kept[0] is heatmap_BKHW


def once(heatmap_BKHW: Tensor, key: Any, compute: Callable[[], Value]) -> Value:
    """What `compute` gives, under its key: new, unless these maps are shared and it is there already."""
    kept = _KEPT.get()
    if kept is None or kept[0] is not heatmap_BKHW:
        return compute()
    if key not in kept[1]:
        kept[1][key] = compute()
    found: Value = kept[1][key]
    return found
