"""Anyone's heatmaps in, joints out: the decoders side by side on one set of maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heatmark.foundation.errors import InputError
from heatmark.workloads.decoders import PLAIN, chosen_decoders, undefined_warning

Log = Callable[[str], None]

# The skeletons that people have, by how many joints: a map is seldom so wide.
USUAL_JOINTS = frozenset((14, 15, 16, 17, 18, 19, 20, 21, 23, 25, 26, 29, 68, 98, 133, 136))
# Of beta times the peak: a pixel next to a peak of sigma 2 then weighs less than a millionth.
SATURATED = 120.0


def decode_file(path: Path, decoders: list[str], betas: list[str], log: Log = lambda _line: None) -> dict[str, Any]:
    """Joints by decoder, each N x K x 2 as (x, y) in 0-indexed heatmap pixels: `argmax`, `soft@10`, `bcir@10`.

    Says how many maps a decoder has no joint for, and what looks like maps of another scale, sign or order of axes.
    Raises InputError for a file that holds no heatmaps, an unknown decoder or a beta that is not a positive number.
    """
    chosen = chosen_decoders(decoders, betas)
    heatmap_NKHW = torch.from_numpy(_read(path))
    for line in _remarks(heatmap_NKHW, list(chosen)):
        log(f"warning: {path}: {line}")
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


def _remarks(heatmap_NKHW: Tensor, decoders: list[str]) -> Iterator[str]:
    """What is read without an error and is hardly meant."""
    last = heatmap_NKHW.shape[3]
    if last in USUAL_JOINTS and last < min(heatmap_NKHW.shape[1:3]):
        shape = " x ".join(map(str, heatmap_NKHW.shape))
        yield f"{shape} is read as N x K x rows x columns; where {last} is K, give maps.transpose(0, 3, 1, 2)"
    peak_NK = heatmap_NKHW.amax((-2, -1))
    at_peak = [name for name in decoders if name in PLAIN]
    without = int((peak_NK <= 0).sum())
    if without and at_peak:
        yield (
            f"{without} of {peak_NK.numel()} maps have no value above 0, where {', '.join(at_peak)} say (0, 0), as the "
            "published code does; of log-probabilities give the exponential"
        )
    peak = float(peak_NK.max())
    for name in decoders:
        kind, _, beta = name.partition("@")
        if beta and float(beta) * peak > SATURATED:
            yield (
                f"values up to {peak:g}: at --beta {beta} {kind} takes the maximum alone; for maps of peak 1 this "
                f"would be --beta {float(beta) / peak:.3g}"
            )


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
