"""Multiply-adds of nets that are more than convolutions, counted by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heatmark.models.cost import cost_of, multiply_adds
from heatmark.models.methods import METHODS

CHANNELS, SIDE = 16, 8
PIXELS = SIDE * SIDE


class Patches(nn.Module):
    """A stem of 4 x 4 patches, whose pixels another module then mixes."""

    def __init__(self, mixer: nn.Module) -> None:
        super().__init__()
        self.stem, self.mixer = nn.Conv2d(3, CHANNELS, 4, 4), mixer

    def forward(self, image_B3HW: Tensor) -> Tensor:
        mixed: Tensor = self.mixer(self.stem(image_B3HW).flatten(2).mT)
        return mixed


class Attention(nn.Module):
    """Attention of pixels to each other, with nothing learned."""

    def forward(self, pixels_BNC: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(pixels_BNC, pixels_BNC, pixels_BNC)


STEM = 3 * 4 * 4 * CHANNELS * PIXELS
INTO_AND_OUT = PIXELS * CHANNELS * (3 * CHANNELS) + PIXELS * CHANNELS * CHANNELS
QUERIES_AND_VALUES = 2 * PIXELS * PIXELS * CHANNELS
FEED_FORWARD = 2 * PIXELS * CHANNELS * 32


def test_a_linear_layer_counts_for_every_pixel() -> None:
    true, printed = multiply_adds(Patches(nn.Linear(CHANNELS, 5)), (32, 32))
    assert true == printed == STEM + PIXELS * CHANNELS * 5


def test_attention_counts_though_no_module_does_it() -> None:
    true, printed = multiply_adds(Patches(Attention()), (32, 32))
    assert (true, printed) == (STEM + QUERIES_AND_VALUES, STEM)


def test_a_transformer_costs_what_its_products_do() -> None:
    with torch.device("meta"):
        net = Patches(nn.TransformerEncoderLayer(CHANNELS, 2, 32, batch_first=True))
        true, _ = multiply_adds(net, (32, 32))
    assert true == STEM + INTO_AND_OUT + QUERIES_AND_VALUES + FEED_FORWARD


def test_what_cannot_be_counted_is_refused_with_the_modules_name() -> None:
    """PyTorch's own fused layer, which is one operation without a count."""
    net = Patches(nn.TransformerEncoderLayer(CHANNELS, 2, 32, batch_first=True)).train()
    with pytest.raises(ValueError, match=r"^mixer.* \(\w+\): the multiply-adds of aten::\w+ cannot be counted"):
        multiply_adds(net, (32, 32))
    assert net.training and not net.stem._forward_hooks and not net.mixer._forward_hooks


def test_a_methods_maps_and_layers_are_counted() -> None:
    """At 64 x 96: three maps a joint instead of one; SimCC's two layers from 16 x 24 pixels to 128 and 192 bins."""
    plain, rle, simcc = (cost_of("sbl-r18-w8", 5, (64, 96), METHODS[name]()) for name in ("ipr", "rle", "simcc"))
    assert plain == cost_of("sbl-r18-w8", 5, (64, 96))
    assert rle.parameters - plain.parameters == 2 * 5 * (32 + 1)
    assert simcc.parameters - plain.parameters == (16 * 24 + 1) * (128 + 192)
    assert simcc.gmac - plain.gmac == pytest.approx(5 * 16 * 24 * (128 + 192) / 1e9)
    assert simcc.paper_gflops - plain.paper_gflops == pytest.approx(5 * 16 * 24 * (128 + 192) / 1024**3)
