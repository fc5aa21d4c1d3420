"""Counts what makes the host wait for the device, and what makes ranks wait for each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# Their answer, or its size, is a number that the host must have before it can go on.
WAITING = {
    "aten::_local_scalar_dense", "aten::equal", "aten::is_nonzero", "aten::nonzero", "aten::masked_select",
    "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive", "aten::repeat_interleave.Tensor",
}  # fmt: skip


class Waits(TorchDispatchMode):
    """As a context: `host` and `collectives` count the operators that are called in it, by name.

    A tensor that lies on the host, as Adam's counts of its steps do, costs no wait: on a machine whose device is the
    host they cannot be told apart, so they are given as `on_host`.
    """

    def __init__(self, on_host: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.host: Counter[str] = Counter()
        self.collectives: Counter[str] = Counter()
        self._on_host = {tensor.data_ptr() for tensor in on_host}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.name()
        if name.startswith("c10d::"):
            self.collectives[name] += 1
        elif self._waits(name, args, kwargs):
            self.host[name] += 1
        return func(*args, **kwargs)

    def _waits(self, name: str, args: Any, kwargs: Any) -> bool:
        if name.startswith("aten::index"):
            return any(isinstance(each, Tensor) and each.dtype == torch.bool for each in args[1])
        if name == "aten::_to_copy":
            return _to_host(args[0], kwargs.get("device")) and not kwargs.get("non_blocking")
        if name == "aten::copy_":
            return _to_host(args[1], args[0].device) and not (kwargs.get("non_blocking") or args[2:] == (True,))
        return name in WAITING and args[0].data_ptr() not in self._on_host


def _to_host(source: Tensor, device: torch.device | None) -> bool:
    return device is not None and device.type == "cpu" and source.device.type != "cpu"
