"""Half precision stops at the last convolution: joints, losses and gradients are those of full precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from heatmark.models import decoding, decoding_refined, diagnostics
from heatmark.models.backbones import parse_backbone
from heatmark.models.maps import maps_per_joint
from heatmark.models.methods import METHODS
from tests.made_up import gaussian_HW, split_for

HALVES = [torch.bfloat16, torch.float16]
JOINTS = torch.tensor([[[10.0, 15.0], [3.25, 8.5]], [[11.0, 4.0], [17.0, 4.0]]])
LABELLED = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
READERS: dict[str, Callable[[Tensor], Tensor]] = {
    "argmax": decoding.argmax,
    "quarter": decoding.quarter_offset,
    "soft": lambda maps: decoding.soft_argmax(maps, 10),
    "bcir": lambda maps: decoding.bias_compensated_argmax(maps, 10),
    "dark": decoding_refined.dark,
    "udp": decoding_refined.udp,
    "confidence": decoding.confidence,
    "probability": lambda maps: decoding.peak_probability(maps, 10),
    "mass": lambda maps: diagnostics.log_mass_ratio(maps, 10),
}


def maps() -> torch.Tensor:
    drawn = [[gaussian_HW((24, 20), (x, y)) for x, y in person] for person in JOINTS.tolist()]
    noise = 0.01 * torch.randn(2, 2, 24, 20, generator=torch.Generator().manual_seed(0))
    return torch.from_numpy(np.array(drawn)).float() + noise


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("half", HALVES)
def test_reading_is_the_same_under_autocast(name: str, half: torch.dtype) -> None:
    expected = READERS[name](maps())
    with torch.autocast("cpu", dtype=half):
        found = READERS[name](maps())
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("half", HALVES)
def test_a_half_precision_map_is_read_in_full_precision(name: str, half: torch.dtype) -> None:
    rounded = maps().to(half)
    assert torch.equal(READERS[name](rounded), READERS[name](rounded.float()))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("half", HALVES)
def test_losses_and_their_gradients_are_the_same_under_autocast(name: str, half: torch.dtype) -> None:
    method: Any = METHODS[name]().resolved(10)
    torch.manual_seed(0)
    learned = method.learned()
    reader = method.reader(2, (24, 20))
    weights = [each for layers in (learned, reader) if layers for each in layers.parameters()]

    def learn(cast: bool) -> tuple[dict[str, torch.Tensor], tuple[torch.Tensor, ...]]:
        free = maps().repeat(1, maps_per_joint(method.latent_maps, False), 1, 1).requires_grad_()
        with torch.autocast("cpu", dtype=half, enabled=cast):
            terms = method.terms(split_for(method, free, 2, reader), JOINTS, LABELLED, 0, learned)
            loss = torch.stack(list(terms.values())).sum()
        # A trial goes back outside autocast, which would cast the matrix products of a loss with weights.
        with torch.autocast("cpu", dtype=half, enabled=cast and not weights):
            return terms, torch.autograd.grad(loss, [free, *weights])

    expected_terms, expected_gradients = learn(cast=False)
    terms, gradients = learn(cast=True)
    assert all(torch.equal(terms[key], expected_terms[key]) for key in expected_terms)
    assert all(map(torch.equal, gradients, expected_gradients))


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("size", [1e3, 1e4])
def test_large_half_precision_maps_do_not_overflow(half: torch.dtype, size: float) -> None:
    """beta * h is 10^5, beyond the largest number of fp16."""
    heatmap = (size * maps()).to(half)
    for method in METHODS.values():
        joints = method().decode(heatmap)
        assert joints.isfinite().all(), method
        assert (joints - JOINTS).abs().max() < 2, method


@pytest.mark.parametrize("name", ["sbl-r18-w8", "hrnet-w8"])
@pytest.mark.parametrize("half", [torch.bfloat16])
def test_a_network_trains_a_step_under_autocast(name: str, half: torch.dtype) -> None:
    torch.manual_seed(0)
    net = parse_backbone(name).build(2)
    image = torch.randn(2, 3, 64, 64)
    with torch.autocast("cpu", dtype=half):
        heatmap = net(image)
    assert heatmap.dtype == torch.float32
    loss = METHODS["bcir"]().losses(heatmap, torch.full((2, 2, 2), 7.0), torch.ones(2, 2), 0)["l_de"]
    loss.backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in net.parameters())
