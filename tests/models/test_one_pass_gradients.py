"""The way back of read-outs in one pass, against autograd through the formulas in float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from heatmark.models import decoding, one_pass
from heatmark.models.losses import gaussian_targets
from heatmark.models.methods import METHODS

SIZES = [(64, 48), (33, 21), (7, 31)]
READERS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "soft": decoding.soft_argmax,
    "bcir": decoding.bias_compensated_argmax,
    "guarded": lambda maps, beta: decoding.bias_compensated_argmax(maps, beta, least_mass=beta),
    "always short": lambda maps, beta: decoding.bias_compensated_argmax(maps, beta, least_mass=1e9),
    "with pseudo-counts": lambda maps, beta: decoding.bias_compensated_argmax(maps, beta, eps=50.0),
}


def maps(size: tuple[int, int], people: int = 3, seed: int = 0) -> Tensor:
    """Gaussians under noise, and a map of nothing: heatmap_BKHW."""
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    joints_BK2 = torch.rand(people, 17, 2, generator=generator) * torch.tensor([width - 1.0, height - 1.0])
    target_BKHW, _ = gaussian_targets(joints_BK2, torch.ones(people, 17), size, sigma=2.0)
    target_BKHW += 0.02 * torch.randn(people, 17, height, width, generator=generator)
    target_BKHW[0, 0] = 0
    return target_BKHW


def slopes(read: Callable[[Tensor, float], Tensor], heatmap_BKHW: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """joints_BK2, and what an uneven loss of them asks of every pixel."""
    leaf_BKHW = heatmap_BKHW.clone().requires_grad_()
    joints_BK2 = read(leaf_BKHW, beta)
    weight_BK2 = torch.linspace(-1, 2, joints_BK2.numel(), dtype=joints_BK2.dtype).view_as(joints_BK2)
    (slope_BKHW,) = torch.autograd.grad((weight_BK2 * joints_BK2).sum(), leaf_BKHW)
    return joints_BK2.detach(), slope_BKHW


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("beta", [0.5, 1.0, 10.0, 50.0, 2000.0])
@pytest.mark.parametrize("size", SIZES)
def test_the_gradient_is_that_of_the_formula(name: str, beta: float, size: tuple[int, int]) -> None:
    heatmap_BKHW = maps(size)
    found_BK2, slope_BKHW = slopes(READERS[name], heatmap_BKHW, beta)
    expected_BK2, expected_BKHW = slopes(READERS[name], heatmap_BKHW.double(), beta)
    assert found_BK2.dtype == slope_BKHW.dtype == torch.float32
    torch.testing.assert_close(found_BK2.double(), expected_BK2, atol=1e-3, rtol=0)
    # Of each map's largest slope; a distance of some pixels from another is known to a ten-millionth.
    largest_BK11 = expected_BKHW.abs().amax((-2, -1), keepdim=True)
    assert ((slope_BKHW - expected_BKHW).abs() <= 2e-4 * largest_BK11 + 1e-7 * beta * max(size)).all()


@pytest.mark.parametrize("name", READERS)
def test_a_batch_on_several_threads_is_one_on_one(name: str) -> None:
    heatmap_BKHW = maps((64, 48), people=40)
    threads = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(slopes(READERS[name], heatmap_BKHW, 10.0))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for each in found[1:] for one, other in zip(found[0], each, strict=True))


def test_maps_that_are_learned_go_this_way() -> None:
    heatmap_BKHW = maps((8, 6)).requires_grad_()
    assert one_pass.learns(heatmap_BKHW) and not one_pass.learns(heatmap_BKHW.double())
    joints_BK2 = decoding.bias_compensated_argmax(heatmap_BKHW, 10)
    assert type(joints_BK2.grad_fn).__name__ == "_LearnedBackward"
    with torch.no_grad():
        assert not one_pass.learns(heatmap_BKHW)


def test_half_precision_is_given_back_as_it_came() -> None:
    heatmap_BKHW = maps((64, 48)).bfloat16().requires_grad_()
    joints_BK2 = decoding.bias_compensated_argmax(heatmap_BKHW, 10)
    joints_BK2.sum().backward()
    assert joints_BK2.dtype == torch.float32
    assert heatmap_BKHW.grad is not None and heatmap_BKHW.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["ipr", "bcir"])
def test_a_methods_loss_has_the_gradient_of_its_formula(name: str) -> None:
    heatmap_BKHW = maps((16, 12))
    joints_BK2, labelled_BK = torch.full((3, 17, 2), 5.0), torch.ones(3, 17)
    method = METHODS[name]()
    slopes_by_type = []
    for dtype in (torch.float32, torch.float64):
        leaf_BKHW = heatmap_BKHW.to(dtype).requires_grad_()
        terms = method.losses(leaf_BKHW, joints_BK2.to(dtype), labelled_BK.to(dtype), 200)
        slopes_by_type.append(torch.autograd.grad(torch.stack(list(terms.values())).sum(), leaf_BKHW)[0])
    torch.testing.assert_close(slopes_by_type[0].double(), slopes_by_type[1], atol=1e-6, rtol=1e-3)
