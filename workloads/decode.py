"""Anyone's heatmaps in, joints out: the decoders side by side on one set of maps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heatmark.datasets.errors import InputError
from heatmark.models import decoding

PLAIN: dict[str, Callable[[Tensor], Tensor]] = {"argmax": decoding.argmax, "quarter": decoding.quarter_offset}
WITH_BETA: dict[str, Callable[[Tensor, float], Tensor]] = {
    "soft": decoding.soft_argmax,
    "bcir": decoding.bias_compensated_argmax,
}


def decode_file(path: Path, decoders: list[str], betas: list[str]) -> dict[str, Any]:
    """Joints by decoder, each N x K x 2 as (x, y) in 0-indexed heatmap pixels: `argmax`, `soft@10`, `bcir@10`.

    Raises InputError for a file that holds no heatmaps, an unknown decoder or a beta that is not a positive number.
    """
    chosen = _chosen(decoders, betas)
    heatmap_NKHW = torch.from_numpy(_read(path))
    return {name: read(heatmap_NKHW).tolist() for name, read in chosen.items()}


def _chosen(decoders: list[str], betas: list[str]) -> dict[str, Callable[[Tensor], Tensor]]:
    chosen: dict[str, Callable[[Tensor], Tensor]] = {}
    for name in decoders:
        name = name.strip()
        if name in PLAIN:
            chosen[name] = PLAIN[name]
        elif name in WITH_BETA:
            for text in betas:
                beta = _beta(text)
                chosen[f"{name}@{beta:g}"] = lambda maps, read=WITH_BETA[name], beta=beta: read(maps, beta)  # type: ignore[misc]
        else:
            raise InputError(f"--decoders {name}: unknown decoder; valid: {', '.join([*PLAIN, *WITH_BETA])}")
    return chosen


def _beta(text: str) -> float:
    try:
        beta = float(text)
    except ValueError:
        beta = float("nan")
    if not 0 < beta < float("inf"):
        raise InputError(f"--beta {text}: must be a positive number")
    return beta


def _read(path: Path) -> Any:
    """The maps in a .npy file, in fp32 or fp64. Pickled objects are refused."""
    try:
        maps = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not a .npy file of numbers ({error}); write it with numpy.save") from error
    if not isinstance(maps, np.ndarray) or maps.ndim != 4 or maps.size == 0 or maps.dtype.kind not in "fiu":
        found = f"{maps.dtype} {maps.shape}" if isinstance(maps, np.ndarray) else type(maps).__name__
        raise InputError(f"{path}: heatmaps must be numbers of shape (N, K, rows, columns), found {found}")
    if not np.isfinite(maps).all():
        bad = tuple(int(index) for index in np.argwhere(~np.isfinite(maps))[0])
        raise InputError(f"{path}: the heatmap value at {bad} is not a finite number")
    return maps if maps.dtype == np.float64 else maps.astype(np.float32)
