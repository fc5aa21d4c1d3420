"""IPR: integral pose regression."""

from __future__ import annotations

from typing import ClassVar, Literal

from heatmark.models.method import AbsoluteError, SoftmaxRegression
from heatmark.models.methods.registry import register


@register
class IntegralRegression(AbsoluteError, SoftmaxRegression):
    """IPR: softmax(beta * h), expectation, L1 (Sun et al. 2018; Eq. 3 and Eq. 5)."""

    label: ClassVar[str] = "IPR"
    colour: ClassVar[str] = "#D55E00"
    order: ClassVar[int] = 1
    name: Literal["ipr"] = "ipr"
