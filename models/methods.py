"""A method = how to train a heatmap (loss) and how to read it (decoder). The one place to add a method.

A new method is one class, from the parts in method.py, and its name in `AnyMethod` and `METHODS`. The paper's three
stand here, its ablations and what lies beyond it in variants.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import (
    AbsoluteError,
    CompensatedRegression,
    GaussianPrior,
    HeatmapRegression,
    Method,
    SoftmaxRegression,
)
from heatmark.models.variants import (
    DarkDetection,
    DebiasedIntegral,
    Dsnt,
    IntegralWithPrior,
    RegularizedIntegral,
    Rle,
    UdpDetection,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["METHODS", "AnyMethod", "BiasCompensated", "Detection", "IntegralRegression", "Method"]

# The paper's T_o: 120 of SimpleBaseline's 140 epochs (section 7.1.2).
PAPER_T_O_FRACTION = 120 / 140


class Detection(HeatmapRegression):
    """Heatmap regression read by its maximum: SimpleBaseline (Xiao et al. 2018), Eq. 2 and Eq. 4.

    decoder: `quarter` moves the maximum a quarter pixel towards its higher neighbour (SBL, HRNet); `argmax` does not.
    """

    label: ClassVar[str] = "Detection"
    name: Literal["detection"] = "detection"
    decoder: Literal["argmax", "quarter"] = "quarter"

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        read = decoding.quarter_offset if self.decoder == "quarter" else decoding.argmax
        return read(heatmap_BKHW)


class IntegralRegression(AbsoluteError, SoftmaxRegression):
    """IPR: softmax(beta * h), expectation, L1 (Sun et al. 2018; Eq. 3 and Eq. 5)."""

    label: ClassVar[str] = "IPR"
    name: Literal["ipr"] = "ipr"


class BiasCompensated(GaussianPrior, AbsoluteError, CompensatedRegression):
    """BCIR: the expectation under weights exp(beta h) - 1, L1, and L_de until T_o (Eq. 18, 20 and 21).

    t_o: the first epoch without L_de. None means the paper's 120 of 140 epochs, rounded; 0 means never L_de.
    """

    label: ClassVar[str] = "BCIR"
    name: Literal["bcir"] = "bcir"

    def resolved(self, epochs: int) -> BiasCompensated:
        if self.t_o is not None:
            return self
        return self.model_copy(update={"t_o": round(epochs * PAPER_T_O_FRACTION)})


AnyMethod = Annotated[
    Detection
    | IntegralRegression
    | BiasCompensated
    | RegularizedIntegral
    | IntegralWithPrior
    | DebiasedIntegral
    | DarkDetection
    | UdpDetection
    | Dsnt
    | Rle,
    Field(discriminator="name"),
]
METHODS: dict[str, type[Method]] = {
    "detection": Detection,
    "ipr": IntegralRegression,
    "bcir": BiasCompensated,
    "ipr+l_reg": RegularizedIntegral,
    "ipr+l_de": IntegralWithPrior,
    "ipr+debias": DebiasedIntegral,
    "dark": DarkDetection,
    "udp": UdpDetection,
    "dsnt": Dsnt,
    "rle": Rle,
}
