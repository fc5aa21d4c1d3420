"""The rows of the paper's ablation (Table 6), and methods beyond the paper. Fields only, as in method.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import (
    AbsoluteError,
    CompensatedRegression,
    GaussianPrior,
    HeatmapRegression,
    SoftmaxRegression,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from heatmark.models.maps import Maps


class RegularizedIntegral(AbsoluteError, SoftmaxRegression):
    """IPR + L_reg: a softmax map must not be narrower than wanted (section 4.4, Eq. 15).

    tau: the Laplacian of softmax(beta * h) that is still free. The paper names no value. The default is the largest
        one of a normalised Gaussian of sigma 2, 1 / (pi e^2 sigma^4): only narrower maps pay.
    l_reg_weight: of L_reg, summed over pixels and averaged over labelled joints; a map on one pixel costs 8 - 8 tau,
        the L1 of 8 heatmap pixels.
    """

    label: ClassVar[str] = "IPR + L_reg"
    name: Literal["ipr+l_reg"] = "ipr+l_reg"
    tau: float = Field(0.0027, ge=0)
    l_reg_weight: float = Field(1.0, ge=0)

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        terms = super().losses(heatmap_BKHW, joints_BK2, labelled_BK, epoch)
        l_reg = losses.shrinkage_loss(heatmap_BKHW, self.beta, self.tau, labelled_BK)
        return terms | {"l_reg": self.l_reg_weight * l_reg}


class IntegralWithPrior(GaussianPrior, AbsoluteError, SoftmaxRegression):
    """IPR + L_de: the Gaussian prior without compensating the bias.

    t_o: None is the paper's row "lambda = 1 all epochs"; 120 of 140 epochs is its row "+ L_de".
    """

    label: ClassVar[str] = "IPR + L_de"
    name: Literal["ipr+l_de"] = "ipr+l_de"


class DebiasedIntegral(AbsoluteError, CompensatedRegression):
    """IPR + de-bias: the compensated expectation without a prior.

    Nothing but the guard holds h = 0 to the background, so an untrained net is read near the centre of the map.
    """

    label: ClassVar[str] = "IPR + de-bias"
    name: Literal["ipr+debias"] = "ipr+debias"


class DarkDetection(HeatmapRegression):
    """Detection drawn at the exact joint and refined on the map's logarithm (DARK, Zhang et al. 2020).

    kernel: side of the smoothing Gaussian in heatmap pixels, 11 for sigma 2 and 17 for sigma 3, as published.
    """

    label: ClassVar[str] = "DARK"
    name: Literal["dark"] = "dark"
    target_center: Literal["rounded", "exact"] = "exact"
    kernel: Literal[11, 17] = 11

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding_refined

        return decoding_refined.dark(heatmap_BKHW, self.kernel)


class UdpDetection(HeatmapRegression):
    """Detection drawn at the exact joint and read as UDP does (Huang et al. 2020).

    UDP's other half is a geometry in which a mirrored map needs no shift: `geometry: udp` of a data set. Under
    SimpleBaseline's the same end is met by averaging joints, an image's and its mirror's, displaced exactly.
    kernel: as in DARK.
    """

    label: ClassVar[str] = "UDP"
    name: Literal["udp"] = "udp"
    target_center: Literal["rounded", "exact"] = "exact"
    kernel: Literal[11, 17] = 11

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding_refined

        return decoding_refined.udp(heatmap_BKHW, self.kernel)

    def decode_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor, lag: float = 0.75) -> Tensor:
        from heatmark.models import decoding

        if not lag:
            return super().decode_flipped(heatmap_BKHW, mirrored_BKHW, lag)
        return decoding.average_mirrored(self.decode(heatmap_BKHW), self.decode(mirrored_BKHW), lag)


class Dsnt(SoftmaxRegression):
    """DSNT: softmax, expectation, Euclidean distance and a Jensen-Shannon regulariser (Nibali et al. 2018).

    beta: 1 as published. The distance is taken in coordinates from -1 to 1 as published, so that js_weight 1 has the
    meaning it has there. sigma: of the Gaussian that a softmax map is to resemble, 1 heatmap pixel as published.
    """

    label: ClassVar[str] = "DSNT"
    name: Literal["dsnt"] = "dsnt"
    beta: float = Field(1.0, gt=0)
    sigma: float = Field(1.0, gt=0)
    js_weight: float = Field(1.0, ge=0)

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        size = heatmap_BKHW.shape[-2:]
        distance = losses.normalised_distance(self.decode(heatmap_BKHW), joints_BK2, labelled_BK, size)
        divergence = losses.jensen_shannon(heatmap_BKHW, self.beta, joints_BK2, labelled_BK, self.sigma)
        return {"l_re": distance, "l_js": self.js_weight * divergence}

    def bone_cost(self, width: int) -> float:
        return super().bone_cost(width) * 2 / width


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
    latent_maps: ClassVar[int] = 2
    name: Literal["rle"] = "rle"
    beta: float = Field(1.0, gt=0)
    least_sigma: float = Field(1e-3, gt=0, lt=1)
    score: Literal["deviation", "probability"] = "deviation"  # type: ignore[assignment]

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

    def certainty(self, maps: Maps) -> Tensor:
        return 1 - self.sigma(maps).mean(-1) if self.score == "deviation" else super().certainty(maps)

    def bone_cost(self, width: int) -> float:
        return super().bone_cost(width) / width
