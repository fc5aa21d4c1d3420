"""Every method trains, decodes and follows its schedule."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from heatmark.models import decoding
from heatmark.models.maps import Maps, maps_per_joint
from heatmark.models.methods import METHODS, AnyMethod, BiasCompensated, Detection, IntegralRegression
from heatmark.models.methods.ipr_debias import DebiasedIntegral
from heatmark.models.methods.ipr_l_de import IntegralWithPrior
from heatmark.models.methods.ipr_l_reg import RegularizedIntegral
from tests.made_up import split_for

JOINTS = torch.tensor([[[10.0, 15.0], [3.25, 8.5]], [[11.0, 4.0], [100.0, 4.0]]])
LABELLED = torch.tensor([[1.0, 1.0], [1.0, 0.0]])


# Pixels that share nothing are narrow before they are in place where their width is all that counts at first.
ON_FREE_PIXELS = {"dsnt_var": {"variance_weight": 1.0}}
# A joint is drawn for anew in each epoch; of all others the epoch stays the first.
DRAWING = {"sampling_argmax"}


@pytest.fixture(autouse=True)
def _repeatable() -> None:
    torch.manual_seed(0)


def random_maps(method: Any, samples: int, scale: float = 1.0) -> torch.Tensor:
    """All that a method reads of two joints: heatmaps, and latent maps where it has any."""
    return scale * torch.randn(samples, 2 * maps_per_joint(method.latent_maps, False), 24, 20)


def maps_of(method: Any, maps: torch.Tensor, reader: nn.Module | None = None) -> Maps:
    return split_for(method, maps, 2, reader)


def weights_of(*layers: nn.Module | None) -> list[nn.Parameter]:
    return [each for own in layers if own for each in own.parameters()]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_known_by_its_name(name: str) -> None:
    method: Any = TypeAdapter(AnyMethod).validate_python({"name": name})
    assert type(method) is METHODS[name]
    assert method.name == name
    assert method.label


@pytest.mark.parametrize("name", METHODS)
def test_a_method_learns_where_two_joints_are(name: str) -> None:
    """Free pixels, Adam: after 300 steps the joints are read within a heatmap pixel.

    Weights of the loss learn as they do in a trial, at SimpleBaseline's rate.
    """
    method: Any = METHODS[name].model_validate(ON_FREE_PIXELS.get(name, {})).resolved(10)
    free, learned = nn.Parameter(random_maps(method, 2, 1e-3)), method.learned()
    reader = method.reader(2, (24, 20))
    groups: list[dict[str, Any]] = [{"params": [free]}, {"params": weights_of(learned, reader), "lr": 1e-3}]
    optimizer = torch.optim.Adam(groups, lr=0.05)
    losses = []
    for step in range(300):
        epoch = step if name in DRAWING else 0
        terms = method.terms(maps_of(method, free, reader), JOINTS, LABELLED, epoch, learned)
        loss = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    error = (method.read(maps_of(method, free.detach(), reader)) - JOINTS)[LABELLED > 0].abs().max()
    assert error < 1.0, (name, error)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 1e4])
def test_a_method_reads_random_maps_finitely(name: str, scale: float) -> None:
    method: Any = METHODS[name]().resolved(10)
    maps, mirrored, learned = random_maps(method, 3, scale), random_maps(method, 3, scale), method.learned()
    reader = method.reader(2, (24, 20))
    seen, seen_mirrored = (maps_of(method, each, reader) for each in (maps, mirrored))
    for joints in (
        method.read(seen),
        method.read_flipped(seen, seen_mirrored),
        method.decode(maps[:, :2]),
        method.decode_flipped(maps[:, :2], mirrored[:, :2]),
    ):
        assert joints.shape == (3, 2, 2)
        assert joints.isfinite().all()
    for certainty in (method.certainty(seen), method.certainty_flipped(seen, seen_mirrored)):
        assert certainty.shape == (3, 2) and certainty.isfinite().all()
    maps.requires_grad_()
    terms = method.terms(maps_of(method, maps, reader), JOINTS[[0, 1, 1]], LABELLED[[0, 1, 1]], 0, learned)
    weights = weights_of(learned, reader)
    for gradient in torch.autograd.grad(torch.stack(list(terms.values())).sum(), [maps, *weights]):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", METHODS)
def test_unlabelled_joints_teach_nothing(name: str) -> None:
    method: Any = METHODS[name]().resolved(10)
    maps = random_maps(method, 2).requires_grad_()
    terms = method.terms(maps_of(method, maps), JOINTS, LABELLED, 0, method.learned())
    (gradient,) = torch.autograd.grad(torch.stack(list(terms.values())).sum(), maps)
    # Every kind of map is that of joint 0, then that of joint 1.
    assert gradient[1, 1::2].abs().max() == 0
    assert (gradient[0, 0::2].abs().amax((-2, -1)) > 0).all()


@pytest.mark.parametrize(("epochs", "t_o"), [(140, 120), (210, 180), (10, 9), (7, 6), (1, 1)])
def test_the_prior_ends_at_120_of_140_epochs_unless_it_is_told_otherwise(epochs: int, t_o: int) -> None:
    assert BiasCompensated().resolved(epochs).t_o == t_o
    assert BiasCompensated(t_o=3).resolved(epochs).t_o == 3


def test_the_prior_is_a_step_function_of_the_epoch() -> None:
    method = BiasCompensated(t_o=3, l_de_weight=0.5)
    heatmap = torch.randn(2, 2, 24, 20)
    terms = [method.losses(heatmap, JOINTS, LABELLED, epoch) for epoch in range(5)]
    assert [set(each) for each in terms] == [{"l_re", "l_de"}] * 3 + [{"l_re"}] * 2
    full = BiasCompensated(t_o=3).losses(heatmap, JOINTS, LABELLED, 0)
    assert terms[0]["l_de"].item() == pytest.approx(0.5 * full["l_de"].item())
    assert set(BiasCompensated(t_o=0).losses(heatmap, JOINTS, LABELLED, 0)) == {"l_re"}


def test_terms_are_those_of_the_paper() -> None:
    heatmap = torch.randn(2, 2, 24, 20)
    assert set(Detection().losses(heatmap, JOINTS, LABELLED, 0)) == {"l_de"}
    ipr = IntegralRegression(beta=3.0).losses(heatmap, JOINTS, LABELLED, 0)
    expected = (decoding.soft_argmax(heatmap, 3.0) - JOINTS).abs().sum(-1)[LABELLED > 0].mean()
    assert set(ipr) == {"l_re"}
    assert ipr["l_re"].item() == pytest.approx(expected.item())


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("ipr+l_reg", {"l_re", "l_reg"}),
        ("ipr+l_de", {"l_re", "l_de"}),
        ("ipr+debias", {"l_re"}),
        ("dark", {"l_de"}),
        ("udp", {"l_de"}),
        ("dsnt", {"l_re", "l_js"}),
        ("rle", {"l_laplace", "l_flow"}),
        ("simcc", {"l_x", "l_y"}),
        ("cross_entropy", {"l_ce"}),
        ("sampling_argmax", {"l_re"}),
        ("offset", {"l_disk", "l_offset"}),
        ("dsnt_var", {"l_re", "l_var"}),
    ],
)
def test_terms_of_the_variants(name: str, terms: set[str]) -> None:
    method = METHODS[name]().resolved(10)
    maps = maps_of(method, random_maps(method, 2))
    assert set(method.terms(maps, JOINTS, LABELLED, 1000, method.learned())) == terms


def test_a_prior_without_an_end_stays_and_one_with_an_end_ends() -> None:
    heatmap = torch.randn(2, 2, 24, 20)
    assert IntegralWithPrior().resolved(140).t_o is None
    ending = IntegralWithPrior(t_o=120).resolved(140)
    assert "l_de" in ending.losses(heatmap, JOINTS, LABELLED, 119)
    assert "l_de" not in ending.losses(heatmap, JOINTS, LABELLED, 120)


def test_a_component_changes_only_what_it_names() -> None:
    """Table 6, row by row: the same read-out as IPR or BCIR, the same L_de as BCIR."""
    heatmap = torch.randn(2, 2, 24, 20)
    for same_as_ipr in (RegularizedIntegral(), IntegralWithPrior()):
        assert torch.equal(same_as_ipr.decode(heatmap), IntegralRegression().decode(heatmap))
    assert torch.equal(DebiasedIntegral().decode(heatmap), BiasCompensated().decode(heatmap))
    with_prior, bcir = (kind().losses(heatmap, JOINTS, LABELLED, 0) for kind in (IntegralWithPrior, BiasCompensated))
    assert torch.equal(with_prior["l_de"], bcir["l_de"])


def test_a_flipped_detection_reads_the_mean_map_and_a_regression_the_mean_joint() -> None:
    here, there = torch.rand(2, 2, 24, 20), torch.rand(2, 2, 24, 20)
    merged = (here + decoding.shift_right(there)) / 2
    torch.testing.assert_close(Detection().decode_flipped(here, there), decoding.quarter_offset(merged))
    for method in (IntegralRegression(), BiasCompensated()):
        expected = (method.decode(here) + method.decode(there) + torch.tensor([0.75, 0.0])) / 2
        torch.testing.assert_close(method.decode_flipped(here, there), expected)


@pytest.mark.parametrize(
    ("name", "score", "least"),
    [
        ("detection", "peak", 0.2),
        ("dark", "peak", 0.2),
        ("bcir", "peak", 0.2),
        ("ipr+debias", "peak", 0.2),
        ("ipr", "probability", 0.0),
        ("ipr+l_reg", "probability", 0.0),
        ("ipr+l_de", "probability", 0.0),
        ("dsnt", "probability", 0.0),
    ],
)
def test_a_joint_is_scored_by_what_its_map_means(name: str, score: str, least: float) -> None:
    method: Any = METHODS[name]()
    heatmap = torch.rand(2, 2, 24, 20)
    peak, probability = heatmap.flatten(2).amax(-1), decoding.peak_probability(heatmap, getattr(method, "beta", 1.0))
    assert torch.equal(method.confidence(heatmap), peak if score == "peak" else probability)
    assert method.least_confidence == least
    if hasattr(method, "score"):
        other: Any = METHODS[name].model_validate({"score": "probability" if score == "peak" else "peak"})
        assert torch.equal(other.confidence(heatmap), probability if score == "peak" else peak)


def test_the_units_of_the_coordinate_loss_are_named() -> None:
    heatmap = torch.rand(2, 2, 24, 20)
    pixels, inputs, parts = (
        IntegralRegression(l_re_units=units).losses(heatmap, JOINTS, LABELLED, 0)["l_re"].item()
        for units in ("heatmap_px", "input_px", "normalised")
    )
    error = (IntegralRegression().decode(heatmap) - JOINTS).abs()[LABELLED > 0]
    assert inputs == pytest.approx(4 * pixels)
    assert parts == pytest.approx((error / torch.tensor([20.0, 24.0])).sum(-1).mean().item())


@pytest.mark.parametrize(
    "wrong", [{"name": "bcir", "beta": 0}, {"name": "ipr", "beta": -1.0}, {"name": "detection", "beta": 1.0}]
)
def test_a_wrong_field_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(AnyMethod).validate_python(wrong)
