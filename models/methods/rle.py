"""RLE, beyond the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import SoftmaxRegression
from heatmark.models.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor, nn

    from heatmark.models.losses import Size
    from heatmark.models.maps import Maps


@register
class Rle(SoftmaxRegression):
    """RLE: softmax, expectation, and the likelihood of the residual under a learned density (Li et al. 2021).

    A joint is a mean mu and a deviation sigma per axis, in parts of the map's sides, and e = (mu* - mu) / sigma. The
    loss is log sigma - log phi(e), with phi a RealNVP flow shared by all joints, and with the residual form
    -log Laplace(mu*; mu, sigma) = log(2 sigma) + |e| beside it, as in mmpose; the authors' code divides |e| by the
    square root of 2. Of both, the mean over the labelled joints inside the crop.
    Published for a pooled ResNet with a linear layer. On HRNet mu is the expectation of a softmax map; here it is so on
    every backbone, and sigma is read in the same way: the sigmoid of the mean of a latent map under that softmax.

    beta: 1, the plain softmax of the authors' HRNet.
    least_sigma: sigma runs from this to 1, so that e stays finite. The default is 0.06 pixels of a map of 64, less
        than an annotator can tell.
    score: `deviation` is 1 - the mean of sigma over both axes, as published; `probability` as in IPR.
    With depth, an error of one bone costs as much as across the view at a sigma of 1.
    """

    label: ClassVar[str] = "RLE"
    colour: ClassVar[str] = "#000000"
    order: ClassVar[int] = 9
    latent_maps: ClassVar[int] = 2
    name: Literal["rle"] = "rle"
    beta: float = Field(1.0, gt=0, description="Scale of the heatmap in the exponential; 1 as published.")
    least_sigma: float = Field(
        1e-3, gt=0, lt=1, description="Sigma runs from this to 1, so that the error in sigmas stays finite."
    )
    score: Literal["deviation", "probability"] = Field(
        "deviation",
        description="How sure a joint is: `deviation` is 1 - the mean of sigma over both axes; `probability` as "
        "in IPR.",
    )  # type: ignore[assignment]

    def learned(self) -> nn.Module:
        from heatmark.models.flow import RealNvp

        return RealNvp()

    def sigma(self, maps: Maps) -> Tensor:
        """sigma_BK2 across and down, in parts of the map's sides."""
        from heatmark.models import likelihood

        assert maps.latent_BLKHW is not None
        return likelihood.deviation(self.density(maps.heatmap_BKHW), maps.latent_BLKHW, self.least_sigma)

    def terms(
        self, maps: Maps, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int, learned: nn.Module | None
    ) -> dict[str, Tensor]:
        from heatmark.models import likelihood

        assert learned is not None
        size = maps.heatmap_BKHW.shape[-2:]
        sigma_BK2 = self.sigma(maps)
        residual_BK2 = likelihood.residual(self.decode(maps.heatmap_BKHW), joints_BK2, sigma_BK2, size)
        found = {
            "l_laplace": likelihood.laplace_loss(residual_BK2, sigma_BK2),
            "l_flow": likelihood.flow_loss(residual_BK2, sigma_BK2, learned),
        }
        return {name: likelihood.mean_inside(loss_BK, joints_BK2, labelled_BK, size) for name, loss_BK in found.items()}

    def counts(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        return dict.fromkeys(("l_laplace", "l_flow"), losses.inside_count(joints_BK2, labelled_BK, size))

    def certainty(self, maps: Maps) -> Tensor:
        return 1 - self.sigma(maps).mean(-1) if self.score == "deviation" else super().certainty(maps)

    def bone_cost(self, width: int) -> float:
        return super().bone_cost(width) / width
