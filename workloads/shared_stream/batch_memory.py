"""A batch in memory that has no name: whoever holds its descriptor reads it, and with the last holder it is gone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from heatmark.datasets.loader import Batch

# Name, dtype and shape of every part, in the order in which their bytes lie.
Layout = list[tuple[str, str, list[int]]]


def to_memory(batch: Batch) -> tuple[int, Layout]:
    """The descriptor of a new memory with the batch in it, and its layout."""
    arrays = {name: cast(torch.Tensor, part).contiguous().numpy() for name, part in batch.items()}
    descriptor = os.memfd_create("heatmark-batch", os.MFD_CLOEXEC)
    try:
        for array in arrays.values():
            _write(descriptor, _bytes_of(array))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, [(name, str(array.dtype), list(array.shape)) for name, array in arrays.items()]


def from_memory(descriptor: int, layout: Sequence[Sequence[Any]], *, pinned: bool) -> Batch:
    """The batch, copied out of the memory. pinned: into pages that a GPU copies from by itself."""
    parts: dict[str, torch.Tensor] = {}
    offset = 0
    for name, dtype, shape in layout:
        part = torch.empty(shape, dtype=getattr(torch, dtype), pin_memory=pinned)
        offset += _read(descriptor, _bytes_of(part.numpy()), offset)
        parts[name] = part
    return cast(Batch, parts)


def _bytes_of(array: npt.NDArray[Any]) -> memoryview:
    """The array's own memory."""
    return array.reshape(-1).view(np.uint8).data


def _write(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _read(descriptor: int, target: memoryview, offset: int) -> int:
    """Bytes read, which fill the target."""
    done = 0
    while done < len(target):
        count = os.preadv(descriptor, [target[done:]], offset + done)
        if count == 0:
            raise EOFError("the memory of a batch ends before the batch")
        done += count
    return done
