"""RLE: the flow is a density, its derivative is autograd's, and the loss has the values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from heatmark.models import likelihood
from heatmark.models.flow import RealNvp
from heatmark.models.maps import Maps
from heatmark.models.methods.rle import Rle


@pytest.fixture
def flow() -> RealNvp:
    """Far from the identity, in double precision: weights as large as tanh lets them matter."""
    torch.manual_seed(3)
    flow = RealNvp().double()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.25)
    return flow


def identity() -> RealNvp:
    flow = RealNvp().double()
    for parameter in flow.parameters():
        torch.nn.init.zeros_(parameter)
    return flow


def through(flow: RealNvp, x_N2: Tensor) -> Tensor:
    for coupling in flow.couplings:
        x_N2, _ = coupling(x_N2)
    return x_N2


def grid(reach: float, count: int) -> tuple[Tensor, float]:
    """Points of a square around the origin, and the area that each stands for."""
    axis = torch.linspace(-reach, reach, count, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis), (2 * reach / (count - 1)) ** 2


def test_the_density_is_that_of_the_base_times_the_jacobians_determinant(flow: RealNvp) -> None:
    points = 2 * torch.randn(20, 2, dtype=torch.float64)
    found = flow(points)
    base = torch.distributions.MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
    for point, log_density in zip(points, found, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda x: through(flow, x[None])[0], point)
        expected = base.log_prob(through(flow, point[None])[0]) + torch.linalg.det(jacobian).abs().log()
        assert log_density.item() == pytest.approx(expected.item(), rel=1e-12)
    stretches = [
        torch.linalg.det(torch.autograd.functional.jacobian(lambda x: through(flow, x[None])[0], point))
        for point in points
    ]
    assert max(stretches) > 1.2 * min(stretches) > 0, "a flow that bends nothing proves nothing"


def test_the_density_integrates_to_one(flow: RealNvp) -> None:
    points, area = grid(12.0, 401)
    with torch.no_grad():
        density = flow(points).exp()
    assert (density.sum() * area).item() == pytest.approx(1, abs=3e-4)
    normal = torch.exp(-points.square().sum(-1) / 2) / (2 * math.pi)
    assert (density - normal).abs().sum().item() * area > 0.1, "not the normal density that it started from"


def test_a_flow_without_weights_is_the_normal_density() -> None:
    at = torch.tensor([[0.0, 0.0], [3.0, -4.0]], dtype=torch.float64)
    assert identity()(at).tolist() == pytest.approx([-math.log(2 * math.pi), -math.log(2 * math.pi) - 12.5])


def test_the_published_flow_has_six_steps_of_two_networks() -> None:
    """1 -> 64 -> 64 -> 1 with biases: 4353 weights, for scale and shift, in six steps."""
    assert sum(each.numel() for each in RealNvp().parameters()) == 6 * 2 * (2 * 64 + 65 * 64 + 65)
    torch.manual_seed(0)
    points = torch.randn(500, 2)
    normal = -points.square().sum(-1) / 2 - math.log(2 * math.pi)
    assert (RealNvp()(points) - normal).abs().mean() < 1, "an untrained one is near the identity"


def test_a_flow_learns_a_density_that_is_not_normal() -> None:
    """A parabola, y = x^2 + 0.3 noise: its entropy is log(2 pi e) + log 0.3, that of a normal density of the same
    covariance log(2 pi e) + log(2.09) / 2.
    """
    torch.manual_seed(0)
    flow, unit = RealNvp(), math.log(2 * math.pi * math.e)
    optimizer = torch.optim.Adam(flow.parameters(), lr=3e-3)

    def parabola(count: int) -> Tensor:
        x_N, noise_N = torch.randn(2, count)
        return torch.stack([x_N, x_N**2 + 0.3 * noise_N], dim=-1)

    for _ in range(300):
        loss = -flow(parabola(256)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        cost = -flow(parabola(20_000)).mean().item()
    assert unit + math.log(0.3) - 0.05 < cost < unit + math.log(2.09) / 2 - 0.5


def test_the_loss_of_one_joint_by_hand() -> None:
    """A flat map of 8 x 4 is read at its centre (3.5, 1.5); its latent maps of -log 3 and 0 say sigma 1/4 and 1/2.

    The joint is at (4.5, 2.5): e = (1/8 / (1/4), 1/4 / (1/2)) = (1/2, 1/2).
    """
    method = Rle(least_sigma=1e-12)
    latent = torch.zeros(1, 2, 1, 4, 8, dtype=torch.float64)
    latent[:, 0] = -math.log(3)
    maps = Maps(torch.zeros(1, 1, 4, 8, dtype=torch.float64), latent)
    joints, labelled = torch.tensor([[[4.5, 2.5]]]).double(), torch.ones(1, 1).double()
    assert method.sigma(maps).flatten().tolist() == pytest.approx([0.25, 0.5])
    assert method.certainty(maps).item() == pytest.approx(1 - 0.375)
    terms = method.terms(maps, joints, labelled, 0, identity())
    log_phi = -math.log(2 * math.pi) - (0.25 + 0.25) / 2
    assert terms["l_laplace"].item() == pytest.approx(math.log(2 * 0.25) + math.log(2 * 0.5) + 1)
    assert terms["l_flow"].item() == pytest.approx(math.log(0.25) + math.log(0.5) - 2 * log_phi)


def test_only_labelled_joints_inside_the_map_count() -> None:
    torch.manual_seed(0)
    method, flow = Rle(), RealNvp()
    maps = Maps(torch.randn(1, 3, 4, 8), torch.randn(1, 2, 3, 4, 8))
    joints, labelled = torch.tensor([[[1.0, 2.0], [5.0, 1.0], [9.0, 1.0]]]), torch.tensor([[1.0, 0.0, 1.0]])
    first = Maps(maps.heatmap_BKHW[:, :1], maps.latent_BLKHW[:, :, :1] if maps.latent_BLKHW is not None else None)
    alone = method.terms(first, joints[:, :1], labelled[:, :1], 0, flow)
    for name, term in method.terms(maps, joints, labelled, 0, flow).items():
        assert term.item() == pytest.approx(alone[name].item())
    nobody = method.terms(maps, joints, torch.zeros(1, 3), 0, flow)
    assert [term.item() for term in nobody.values()] == [0, 0]


def test_a_deviation_is_read_where_the_joint_is() -> None:
    density, latent = torch.zeros(1, 1, 2, 2), torch.tensor([[[[[0.0, 9.0], [9.0, 9.0]]], [[[9.0, 9.0], [9.0, 0.0]]]]])
    density[0, 0, 0, 0] = 1
    sigma = likelihood.deviation(density, latent, least=0.2)[0, 0]
    assert sigma.tolist() == pytest.approx([0.2 + 0.8 / 2, 0.2 + 0.8 / (1 + math.exp(-9))])


@pytest.mark.parametrize("size", [0.0, 1e4, -1e4])
def test_a_deviation_never_reaches_nought(size: float) -> None:
    method = Rle()
    sigma = method.sigma(Maps(torch.zeros(1, 1, 4, 8), torch.full((1, 2, 1, 4, 8), size)))
    assert ((sigma >= method.least_sigma) & (sigma <= 1)).all()


def test_the_true_deviation_of_laplacian_errors_is_the_best() -> None:
    """The expected log(2 s) + |e| / s is least where s is the mean of |e|, here 0.1."""
    torch.manual_seed(0)
    error = torch.distributions.Laplace(0.0, 0.1).sample((20_000, 1, 2))
    scales = (0.05, 0.08, 0.1, 0.125, 0.2)
    cost = [likelihood.laplace_loss(error / scale, torch.full_like(error, scale)).mean().item() for scale in scales]
    assert min(cost) == cost[2]
