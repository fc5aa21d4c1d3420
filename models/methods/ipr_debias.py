"""A row of the paper's ablation (Table 6): IPR + de-bias."""

from __future__ import annotations

from typing import ClassVar, Literal

from heatmark.models.method import AbsoluteError, CompensatedRegression
from heatmark.models.methods.registry import register


@register
class DebiasedIntegral(AbsoluteError, CompensatedRegression):
    """IPR + de-bias: the compensated expectation without a prior.

    Nothing but the guard holds h = 0 to the background, so an untrained net is read near the centre of the map.
    """

    label: ClassVar[str] = "IPR + de-bias"
    colour: ClassVar[str] = "#56B4E9"
    order: ClassVar[int] = 5
    name: Literal["ipr+debias"] = "ipr+debias"
