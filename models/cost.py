"""What a network costs: parameters, true multiply-adds, and the figure that papers print as GFLOPs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from heatmark.models.backbones import parse_backbone
from heatmark.models.maps import maps_per_joint, split_maps
from heatmark.models.method import Method

# Operations that multiply what has been learned or what was computed, by the words in their names. PyTorch has formulas
# for most of them; one that it has none for would count as nothing.
MULTIPLYING = re.compile(
    r"(?:^|[_bd])mm(?:_|$)|matmul|conv(?!ert)|^(?!upsample).*linear|att(?:n|ention)|einsum|dot|(?:^|_|add)mv(?:_|$)"
    r"|rnn|lstm|gru|encoder_layer"
)
# Input pixels per heatmap pixel.
STRIDE = 4
PRINTED_LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


@dataclass(frozen=True)
class Cost:
    """parameters: learned values. gmac: 10^9 multiply-adds of all convolutions and matrix products for one crop.

    paper_gflops: the count of HRNet's `get_model_summary`, which SBL, HRNet and the papers after them quote:
    multiply-adds of convolutions and linear layers by 1024^3, a transposed convolution counted at its output pixels,
    which is four times too many.
    """

    parameters: int
    gmac: float
    paper_gflops: float


def cost_of(backbone: str, joints: int, input_size: tuple[int, int], method: Method | None = None) -> Cost:
    """Of a net by its name, without memory for its weights. input_size: width, height.

    method: whose maps the net gives, and whose own layers stand behind them; None is one that reads heatmaps alone.
    What a loss alone learns is not counted.
    """
    with torch.device("meta"):
        latent = method.latent_maps if method else 0
        net = parse_backbone(backbone).build(joints * maps_per_joint(latent, depth=False))
        width, height = input_size
        reader = method.reader(joints, (height // STRIDE, width // STRIDE)) if method else None
        if reader is not None:
            net = nn.Sequential(net, _Behind(reader, joints, latent))
        true, printed = multiply_adds(net, input_size)
    return Cost(sum(each.numel() for each in net.parameters()), true / 1e9, printed / 1024**3)


def multiply_adds(net: nn.Module, input_size: tuple[int, int]) -> tuple[int, int]:
    """Multiply-adds for one crop: as they are, and as `get_model_summary` counts them.

    Raises ValueError with the name of the module for an operation that multiplies and that there is no count for.
    """
    printed = 0

    def count(layer: nn.Module, _arguments: tuple[Any, ...], output: Tensor) -> None:
        nonlocal printed
        pixels = output.shape[:-1] if isinstance(layer, nn.Linear) else output.shape[2:]
        printed += layer.weight.numel() * math.prod(pixels)  # type: ignore[operator]

    counter, training = _Counter(), net.training
    handles = [layer.register_forward_hook(count) for layer in net.modules() if isinstance(layer, PRINTED_LAYERS)]
    width, height = input_size
    device = next(net.parameters()).device
    try:
        with torch.no_grad(), counter.following(net.eval()), counter:
            net(torch.zeros(1, 3, height, width, device=device))
    finally:
        net.train(training)
        for handle in handles:
            handle.remove()
    return counter.multiply_adds, printed


class _Behind(nn.Module):
    """A method's own layers, on the maps of a network as it gives them."""

    def __init__(self, reader: nn.Module, joints: int, latent: int) -> None:
        super().__init__()
        self.reader, self.joints, self.latent = reader, joints, latent

    def forward(self, maps_BCHW: Tensor) -> Tensor:
        return split_maps(maps_BCHW, self.joints, self.latent, self.reader).heatmap_BKHW


class _Counter(TorchDispatchMode):
    """Counts every operation by PyTorch's own formula for it, whichever module or function it comes from."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.multiply_adds = 0
        self._inside: list[str] = []

    @contextmanager
    def following(self, net: nn.Module) -> Iterator[None]:
        """Know which module of the net an operation is in."""
        handles = []
        for name, module in net.named_modules():
            handles.append(module.register_forward_pre_hook(self._enter(f"{name or 'net'} ({type(module).__name__})")))
            handles.append(module.register_forward_hook(self._leave))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, name: str) -> Callable[..., None]:
        return lambda _module, _arguments: self._inside.append(name)

    def _leave(self, module: nn.Module, arguments: Any, output: Any) -> None:
        self._inside.pop()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        output = function(*arguments, **(keywords or {}))
        formula = flop_registry.get(function.overloadpacket)
        if formula is not None:
            # A multiplication and an addition each.
            self.multiply_adds += formula(*arguments, **(keywords or {}), out_val=output) // 2
        elif MULTIPLYING.search(function.name().partition("::")[2].partition(".")[0]):
            raise ValueError(
                f"{self._inside[-1]}: the multiply-adds of {function.name()} cannot be counted; write it with "
                f"convolutions, linear layers and matrix products"
            )
        return output
