"""What a network costs: parameters, true multiply-adds, and the figure that papers print as GFLOPs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from heatmark.models.backbones import parse_backbone


@dataclass(frozen=True)
class Cost:
    """parameters: learned values. gmac: 10^9 multiply-adds of all convolutions for one crop.

    paper_gflops: the count of HRNet's `get_model_summary`, which SBL, HRNet and the papers after them quote:
    multiply-adds by 1024^3, a transposed convolution counted at its output pixels, which is four times too many.
    """

    parameters: int
    gmac: float
    paper_gflops: float


def cost_of(backbone: str, joints: int, input_size: tuple[int, int]) -> Cost:
    """Of a net by its name, without memory for its weights. input_size: width, height."""
    with torch.device("meta"):
        net = parse_backbone(backbone).build(joints)
        true, printed = multiply_adds(net, input_size)
    return Cost(sum(each.numel() for each in net.parameters()), true / 1e9, printed / 1024**3)


def multiply_adds(net: nn.Module, input_size: tuple[int, int]) -> tuple[int, int]:
    """Multiply-adds of the convolutions for one crop: as they are, and as `get_model_summary` counts them."""
    true = printed = 0

    def count(layer: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> None:
        nonlocal true, printed
        assert isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))
        # Every weight meets every output pixel of a convolution, and every input pixel of a transposed one.
        met = arguments[0] if isinstance(layer, nn.ConvTranspose2d) else output
        true += layer.weight.numel() * math.prod(met.shape[2:])
        printed += layer.weight.numel() * math.prod(output.shape[2:])

    layers = [layer for layer in net.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    handles = [layer.register_forward_hook(count) for layer in layers]
    width, height = input_size
    device = next(net.parameters()).device
    training = net.training
    with torch.no_grad():
        net.eval()(torch.zeros(1, 3, height, width, device=device))
    net.train(training)
    for handle in handles:
        handle.remove()
    return true, printed
