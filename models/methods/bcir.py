"""BCIR: bias-compensated integral regression."""

from __future__ import annotations

from typing import ClassVar, Literal

from heatmark.models.method import AbsoluteError, CompensatedRegression, GaussianPrior
from heatmark.models.methods.registry import register

# The paper's T_o: 120 of SimpleBaseline's 140 epochs (section 7.1.2).
PAPER_T_O_FRACTION = 120 / 140


@register
class BiasCompensated(GaussianPrior, AbsoluteError, CompensatedRegression):
    """BCIR: the expectation under weights exp(beta h) - 1, L1, and L_de until T_o (Eq. 18, 20 and 21).

    t_o: the first epoch without L_de. None means the paper's 120 of 140 epochs, rounded; 0 means never L_de.
    """

    label: ClassVar[str] = "BCIR"
    colour: ClassVar[str] = "#009E73"
    order: ClassVar[int] = 2
    name: Literal["bcir"] = "bcir"

    def resolved(self, epochs: int) -> BiasCompensated:
        if self.t_o is not None:
            return self
        return self.model_copy(update={"t_o": round(epochs * PAPER_T_O_FRACTION)})
