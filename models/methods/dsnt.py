"""DSNT, beyond the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import SoftmaxRegression
from heatmark.models.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from heatmark.models.losses import Size


class NormalisedDistance(SoftmaxRegression):
    """The distance in coordinates from -1 to 1, over the labelled joints inside the map, beside a regulariser."""

    beta: float = Field(1.0, gt=0, description="Scale of the heatmap in the exponential; 1 as published.")
    regulariser: ClassVar[str]

    def distance(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor) -> Tensor:
        """The mean over those joints."""
        from heatmark.models import losses

        found_BK2 = self.decode(heatmap_BKHW)
        return losses.normalised_distance(found_BK2, joints_BK2, labelled_BK, heatmap_BKHW.shape[-2:])

    def counts(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        return dict.fromkeys(("l_re", self.regulariser), losses.inside_count(joints_BK2, labelled_BK, size))

    def bone_cost(self, width: int) -> float:
        return super().bone_cost(width) * 2 / width


@register
class Dsnt(NormalisedDistance):
    """DSNT: softmax, expectation, Euclidean distance and a Jensen-Shannon regulariser (Nibali et al. 2018).

    beta: 1 as published. The distance is taken in coordinates from -1 to 1 as published, so that js_weight 1 has the
    meaning it has there. sigma: of the Gaussian that a softmax map is to resemble, 1 heatmap pixel as published.
    """

    label: ClassVar[str] = "DSNT"
    colour: ClassVar[str] = "#5A626C"
    order: ClassVar[int] = 8
    regulariser: ClassVar[str] = "l_js"
    name: Literal["dsnt"] = "dsnt"
    sigma: float = Field(1.0, gt=0, description="Of the Gaussian that a softmax map is to resemble, in heatmap pixels.")
    js_weight: float = Field(1.0, ge=0, description="Of the Jensen-Shannon regulariser.")

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        divergence = losses.jensen_shannon(heatmap_BKHW, self.beta, joints_BK2, labelled_BK, self.sigma)
        distance = self.distance(heatmap_BKHW, joints_BK2, labelled_BK)
        return {"l_re": distance, "l_js": self.js_weight * divergence}
