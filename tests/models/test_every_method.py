"""What holds for every method there is, whoever wrote it: a new one is held to it without a change here."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter

from heatmark.models.maps import Maps, maps_per_joint
from heatmark.models.methods import METHODS, AnyMethod
from heatmark.reports.rendering.method_colors import method_color
from tests.made_up import split_for

SAMPLES, JOINTS, HEIGHT, WIDTH = 2, 3, 24, 20
TRUE_BK2 = torch.tensor([[[10.0, 15.0], [3.25, 8.5], [12.0, 6.0]], [[11.0, 4.0], [7.5, 4.0], [5.0, 20.0]]])
LABELLED_BK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
every_method = pytest.mark.parametrize("name", METHODS)
any_width = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])


def method_of(name: str) -> Any:
    return METHODS[name]().resolved(10)


def maps_of(method: Any, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, Maps]:
    """What a network gives, and it taken apart."""
    torch.manual_seed(0)
    channels = JOINTS * maps_per_joint(method.latent_maps, False)
    network = torch.randn(SAMPLES, channels, HEIGHT, WIDTH).to(dtype).requires_grad_()
    return network, split_for(method, network, JOINTS)


@every_method
@any_width
def test_terms_are_finite_numbers_in_full_precision_and_reach_the_maps(name: str, dtype: torch.dtype) -> None:
    method = method_of(name)
    network, maps = maps_of(method, dtype)
    learned = method.learned()
    for epoch in (0, 9):
        terms = method.terms(maps, TRUE_BK2, LABELLED_BK, epoch, learned)
        assert terms and all(key.startswith("l_") for key in terms)
        for term in terms.values():
            assert term.shape == () and term.dtype == torch.float32 and term.isfinite()
        (gradient,) = torch.autograd.grad(torch.stack(list(terms.values())).sum(), network, retain_graph=True)
        assert gradient.isfinite().all()
        heatmap_gradient_BK = gradient[:, :JOINTS].abs().amax((-2, -1))
        assert (heatmap_gradient_BK[LABELLED_BK > 0] > 0).all()


# Whom four people are lacking: one all joints, one two, and some stand outside the map.
UNLIKE_BK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
UNLIKE_BK2 = torch.tensor([[30.0, 5.0], [2.0, -40.0], [6.0, 3.0]]).expand(4, 3, 2) * torch.tensor(
    [[[0.5]], [[0.6]], [[0.4]], [[0.3]]]
)


@every_method
@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("depth", [False, True], ids=["flat", "depth"])
def test_the_loss_is_that_of_the_global_batch_on_any_number_of_ranks(name: str, ranks: int, depth: bool) -> None:
    """Each rank's terms weigh as its counts among those of all."""
    method = method_of(name)
    torch.manual_seed(1)
    network = torch.randn(4, JOINTS * maps_per_joint(method.latent_maps, depth), HEIGHT, WIDTH).requires_grad_()
    true_BK, learned, size = torch.rand(4, JOINTS), method.learned(), (HEIGHT, WIDTH)
    reader = method.reader(JOINTS, size)

    def terms_of(people: slice) -> dict[str, torch.Tensor]:
        maps = split_for(method, network[people], JOINTS, reader)
        labels = UNLIKE_BK2[people], UNLIKE_BK[people]
        terms = method.terms(maps, *labels, 0, learned)
        if depth:
            terms["l_depth"] = method.depth_loss(
                maps.heatmap_BKHW, maps.depth_BKHW, labels[0], true_BK[people], labels[1]
            )
        return dict(terms)

    def counts_of(people: slice) -> dict[str, torch.Tensor]:
        counts = method.counts(UNLIKE_BK2[people], UNLIKE_BK[people], size, 0)
        if depth:
            counts["l_depth"] = method.depth_count(UNLIKE_BK2[people], UNLIKE_BK[people], size)
        return dict(counts)

    shares = [slice(rank, None, ranks) for rank in range(ranks)]
    counts = [counts_of(people) for people in shares]
    whole = terms_of(slice(None))
    assert set(counts[0]) == set(whole), "every term here is a mean over something"
    for key, value in whole.items():
        total = sum(float(each[key]) for each in counts)
        spread = [float(own[key]) * terms_of(people)[key] / total for own, people in zip(counts, shares, strict=True)]
        joined = torch.stack(spread).sum()
        torch.testing.assert_close(joined, value, rtol=2e-6, atol=1e-7)
        (wanted,) = torch.autograd.grad(value, network, retain_graph=True)
        (found,) = torch.autograd.grad(joined, network)
        torch.testing.assert_close(found, wanted, rtol=2e-5, atol=1e-8)


@every_method
@any_width
def test_a_joint_is_read_within_the_map_in_full_precision(name: str, dtype: torch.dtype) -> None:
    method = method_of(name)
    _, maps = maps_of(method, dtype)
    heatmap_BKHW = torch.zeros(1, 1, HEIGHT, WIDTH).to(dtype)
    heatmap_BKHW[..., 9:12, 4:7] = 6.0
    heatmap_BKHW[..., 10, 5] = 12.0
    joints_BK2 = method.decode(heatmap_BKHW)
    assert joints_BK2.shape == (1, 1, 2) and joints_BK2.dtype == torch.float32
    assert (joints_BK2 - torch.tensor([5.0, 10.0])).abs().max() < 1.5
    found_BK2, sure_BK = method.read(maps), method.certainty(maps)
    assert found_BK2.shape == (SAMPLES, JOINTS, 2) and found_BK2.dtype == torch.float32
    assert sure_BK.shape == (SAMPLES, JOINTS) and sure_BK.dtype == torch.float32 and sure_BK.isfinite().all()


@every_method
def test_a_map_and_the_same_map_merge_to_what_it_says(name: str) -> None:
    """A mirror that agrees changes nothing where maps do not lag."""
    method = method_of(name)
    _, maps = maps_of(method)
    heatmap_BKHW = maps.heatmap_BKHW.detach()
    read_BK2 = method.decode(heatmap_BKHW)
    torch.testing.assert_close(method.decode_flipped(heatmap_BKHW, heatmap_BKHW, 0.0), read_BK2)
    for lagging_BK2 in (method.decode_flipped(heatmap_BKHW, heatmap_BKHW, 0.75), method.read_flipped(maps, maps, 0.75)):
        assert lagging_BK2.shape == read_BK2.shape and lagging_BK2.dtype == torch.float32
        assert lagging_BK2.isfinite().all()


@every_method
@any_width
def test_a_density_sums_to_one_in_full_precision(name: str, dtype: torch.dtype) -> None:
    method = method_of(name)
    heatmap_BKHW = maps_of(method, dtype)[1].heatmap_BKHW.detach()
    for density_BKHW in (method.density(heatmap_BKHW), method.visible_density(heatmap_BKHW)):
        assert density_BKHW.shape == heatmap_BKHW.shape and density_BKHW.dtype == torch.float32
        torch.testing.assert_close(density_BKHW.sum((-2, -1)), torch.ones(SAMPLES, JOINTS), atol=1e-4, rtol=0)
    assert (method.visible_density(heatmap_BKHW) >= 0).all()


@every_method
def test_a_method_comes_back_from_its_own_file(name: str) -> None:
    method, methods = method_of(name), TypeAdapter(AnyMethod)
    assert method.name == name and type(method).__doc__
    written = methods.dump_json(method)
    assert methods.validate_json(written) == method and methods.validate_python(method) == method
    assert set(json.loads(written)) == set(type(method).model_fields)


def test_no_two_methods_look_alike() -> None:
    labels = [each.label for each in METHODS.values()]
    colors = [method_color(name) for name in METHODS]
    assert len(set(labels)) == len(labels) and all(labels)
    assert len({each.upper() for each in colors}) == len(colors)
    assert all(re.fullmatch("#[0-9A-Fa-f]{6}", each) for each in colors)
