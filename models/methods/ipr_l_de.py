"""A row of the paper's ablation (Table 6): IPR + L_de."""

from __future__ import annotations

from typing import ClassVar, Literal

from heatmark.models.method import AbsoluteError, GaussianPrior, SoftmaxRegression
from heatmark.models.methods.registry import register


@register
class IntegralWithPrior(GaussianPrior, AbsoluteError, SoftmaxRegression):
    """IPR + L_de: the Gaussian prior without compensating the bias.

    t_o: None is the paper's row "lambda = 1 all epochs"; 120 of 140 epochs is its row "+ L_de".
    """

    label: ClassVar[str] = "IPR + L_de"
    colour: ClassVar[str] = "#E69F00"
    order: ClassVar[int] = 4
    name: Literal["ipr+l_de"] = "ipr+l_de"
