"""DSNT with the regulariser of its variance, beyond the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from heatmark.models.methods.dsnt import NormalisedDistance
from heatmark.models.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register
class DsntVariance(NormalisedDistance):
    """DSNT's other regulariser: the map is to be as wide as a Gaussian, of whatever shape (Nibali et al. 2018).

    (Var x - s^2)^2 + (Var y - s^2)^2 beside the distance, both in coordinates from -1 to 1 as in the paper; the
    authors' `dsntnn` has the variance in pixels, which on a map of n x n makes it n^4 / 16 times as much.
    beta and sigma as in `dsnt`, 1 and 1 pixel.
    variance_weight: its lambda, 100 in the authors' experiments (dsnt-pose2d, experiments/reg.json), where the
        divergences have 1: in these units a variance of 2 pixels too much on a map of 64 x 64 costs 4e-6 an axis. It
        falls with the fourth power of a map's side; theirs had 28, and on much smaller ones maps are narrow first and
        in place later.
    """

    label: ClassVar[str] = "DSNT + variance"
    colour: ClassVar[str] = "#A0A6AD"
    order: ClassVar[int] = 14
    regulariser: ClassVar[str] = "l_var"
    name: Literal["dsnt_var"] = "dsnt_var"
    sigma: float = Field(
        1.0, gt=0, description="Standard deviation that a softmax map is to have on either axis, in heatmap pixels."
    )
    variance_weight: float = Field(
        100.0, ge=0, description="Of the variance's squared error, on a map 2 wide and high."
    )

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        error = losses.variance_error(heatmap_BKHW, self.beta, joints_BK2, labelled_BK, self.sigma)
        distance = self.distance(heatmap_BKHW, joints_BK2, labelled_BK)
        return {"l_re": distance, "l_var": self.variance_weight * error}
