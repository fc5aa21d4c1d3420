"""Entrants on so many of torch's threads."""

from __future__ import annotations

from collections.abc import Callable

import torch


def on_threads(threads: int, run: Callable[[], int]) -> int:
    """What the run gives; the number stays until another one asks for its own."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return run()
