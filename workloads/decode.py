"""Anyone's heatmaps in, joints out: the decoders side by side on one set of maps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heatmark.foundation.errors import InputError
from heatmark.workloads.decoders import chosen_decoders, undefined_warning

Log = Callable[[str], None]


def decode_file(path: Path, decoders: list[str], betas: list[str], log: Log = lambda _line: None) -> dict[str, Any]:
    """Joints by decoder, each N x K x 2 as (x, y) in 0-indexed heatmap pixels: `argmax`, `soft@10`, `bcir@10`.

    Says how many maps a decoder has no joint for.
    Raises InputError for a file that holds no heatmaps, an unknown decoder or a beta that is not a positive number.
    """
    chosen = chosen_decoders(decoders, betas)
    heatmap_NKHW = torch.from_numpy(_read(path))
    found = {name: decoder.read(heatmap_NKHW) for name, decoder in chosen.items()}
    for name, joints_NK2 in found.items():
        undefined = chosen[name].undefined
        short = int(undefined(heatmap_NKHW).sum()) if undefined else 0
        if short:
            log(undefined_warning(name, short, joints_NK2[..., 0].numel()))
        if not joints_NK2.isfinite().all():
            peak = float(heatmap_NKHW.abs().max())
            raise InputError(
                f"{path}: {name} overflows on values up to {peak:g}; give a smaller --beta or scale the maps"
            )
    return {name: joints_NK2.tolist() for name, joints_NK2 in found.items()}


def _read(path: Path) -> Any:
    """The maps in a .npy file, in fp32 or fp64. Pickled objects are refused."""
    try:
        maps = np.load(path, allow_pickle=False)
    # Broken bytes end in a dozen kinds of error, in words of numpy's that are of no use here.
    except Exception as error:
        reason = getattr(error, "strerror", None) or "broken, or of another kind"
        raise InputError(f"{path}: not a .npy file of numbers ({reason}); write it with numpy.save") from error
    if not isinstance(maps, np.ndarray) or maps.ndim != 4 or maps.size == 0 or maps.dtype.kind not in "fiu":
        found = f"{maps.dtype} {maps.shape}" if isinstance(maps, np.ndarray) else type(maps).__name__
        raise InputError(f"{path}: heatmaps must be numbers of shape (N, K, rows, columns), found {found}")
    # A wider type than fp64 may hold what that does not.
    with np.errstate(over="ignore"):
        maps = maps.astype(np.float64 if maps.dtype.kind == "f" and maps.dtype.itemsize >= 8 else np.float32)
    if not np.isfinite(maps).all():
        bad = tuple(int(index) for index in np.argwhere(~np.isfinite(maps))[0])
        raise InputError(f"{path}: the heatmap value at {bad} is not a finite number")
    return maps
