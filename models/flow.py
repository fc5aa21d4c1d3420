"""A normalising flow: a learned density in the plane (RealNVP, Dinh et al. 2017), as RLE uses it (Li et al. 2021)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from heatmark.models.precision import full_precision


class Coupling(nn.Module):
    """One step x -> z of a flow: z_a = x_a, z_b = (x_b - shift(x_a)) * exp(-scale(x_a)).

    Its Jacobian is triangular, so that log |det dz/dx| = -scale(x_a). The scale ends in a tanh: one step stretches by
    a factor from 1 / e to e. first: whether the first coordinate is the one that is kept.
    """

    def __init__(self, hidden: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.scale = nn.Sequential(*_perceptron(hidden), nn.Tanh())
        self.shift = nn.Sequential(*_perceptron(hidden))

    def forward(self, x_N2: Tensor) -> tuple[Tensor, Tensor]:
        """z_N2 and the logarithm of the step's stretch, log_stretch_N."""
        kept_N1, moved_N1 = (x_N2 if self.first else x_N2.flip(-1)).chunk(2, dim=-1)
        scale_N1 = self.scale(kept_N1)
        moved_N1 = (moved_N1 - self.shift(kept_N1)) * torch.exp(-scale_N1)
        z_N2 = torch.cat([kept_N1, moved_N1] if self.first else [moved_N1, kept_N1], dim=-1)
        return z_N2, -scale_N1.squeeze(-1)


class RealNvp(nn.Module):
    """The density of x where z = f(x) is standard normal in the plane: log N(f(x); 0, I) + log |det df/dx|.

    couplings, hidden: 6 and 64 as published, with the kept coordinate in turns. Weights start at Xavier's with a gain
    of 0.01 and biases at torch's, so that an untrained flow is near the identity. No autocast inside.
    """

    def __init__(self, couplings: int = 6, hidden: int = 64) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(hidden, first=step % 2 == 0) for step in range(couplings))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight, gain=0.01)

    def forward(self, x_N2: Tensor) -> Tensor:
        """log_density_N of the points x_N2."""
        with full_precision(x_N2.device):
            log_stretch_N = x_N2.new_zeros(x_N2.shape[:-1])
            for coupling in self.couplings:
                x_N2, step_N = coupling(x_N2)
                log_stretch_N = log_stretch_N + step_N
            return log_stretch_N - x_N2.square().sum(-1) / 2 - math.log(2 * math.pi)


def _perceptron(hidden: int) -> list[nn.Module]:
    return [nn.Linear(1, hidden), nn.LeakyReLU(), nn.Linear(hidden, hidden), nn.LeakyReLU(), nn.Linear(hidden, 1)]
