"""A row of the paper's ablation (Table 6): IPR + L_reg."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import AbsoluteError, SoftmaxRegression
from heatmark.models.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from heatmark.models.losses import Size


@register
class RegularizedIntegral(AbsoluteError, SoftmaxRegression):
    """IPR + L_reg: a softmax map must not be narrower than wanted (section 4.4, Eq. 15).

    tau: the Laplacian of softmax(beta * h) that is still free. The paper names no value. The default is the largest
        one of a normalised Gaussian of sigma 2, 1 / (pi e^2 sigma^4): only narrower maps pay.
    l_reg_weight: of L_reg, summed over pixels and averaged over labelled joints; a map on one pixel costs 8 - 8 tau,
        the L1 of 8 heatmap pixels.
    """

    label: ClassVar[str] = "IPR + L_reg"
    colour: ClassVar[str] = "#CC79A7"
    order: ClassVar[int] = 3
    name: Literal["ipr+l_reg"] = "ipr+l_reg"
    tau: float = Field(0.0027, ge=0, description="The Laplacian of softmax(beta * h) that is still free.")
    l_reg_weight: float = Field(
        1.0, ge=0, description="Of L_reg, summed over pixels and averaged over labelled joints."
    )

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        terms = super().losses(heatmap_BKHW, joints_BK2, labelled_BK, epoch)
        l_reg = losses.shrinkage_loss(heatmap_BKHW, self.beta, self.tau, labelled_BK)
        return terms | {"l_reg": self.l_reg_weight * l_reg}

    def counts(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size, epoch: int) -> dict[str, Tensor]:
        return super().counts(joints_BK2, labelled_BK, size, epoch) | {"l_reg": labelled_BK.sum()}
