"""A method = how to train a heatmap (loss) and how to read it (decoder). The one place to add a method.

The classes hold fields only, validated and hashed into a trial's signature, and reach for torch when they are used:
so a sweep is planned on a login node without it. A new method is one class here and its name in `AnyMethod`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from torch import Tensor

# The paper's T_o: 120 of SimpleBaseline's 140 epochs (section 7.1.2).
PAPER_T_O_FRACTION = 120 / 140


class Method(BaseModel):
    """Loss and decoder of one family. Heatmaps are raw network output, joints are (x, y) in heatmap pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    label: ClassVar[str]
    # A person's score is the mean over the joints above this confidence (0.2 in SBL and HRNet).
    least_confidence: ClassVar[float] = 0.2

    def resolved(self, epochs: int) -> Any:
        """The same method with every default that depends on the number of epochs written out."""
        return self

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        """The named terms whose sum is minimised.

        joints_BK2: ground truth in heatmap pixels. labelled_BK: 1 where annotated. epoch: counted from 0.
        """
        raise NotImplementedError

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        """joints_BK2 in heatmap pixels."""
        raise NotImplementedError

    def decode_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor) -> Tensor:
        """joints_BK2 from an image and its mirror (heatmaps already mirrored back, left and right swapped)."""
        raise NotImplementedError

    def confidence(self, heatmap_BKHW: Tensor) -> Tensor:
        """How sure each joint is, B x K; it orders people in AP. The peak, where maps learn a Gaussian of peak 1."""
        from heatmark.models import decoding

        return decoding.confidence(heatmap_BKHW)


class Detection(Method):
    """Heatmap regression read by its maximum: SimpleBaseline (Xiao et al. 2018), Eq. 2 and Eq. 4.

    sigma: standard deviation of the target Gaussian in heatmap pixels; 2 at a stride of 4 (SBL, HRNet).
    target_center: `rounded` draws the Gaussian at the nearest pixel as SBL and HRNet do; `exact` at the joint.
    decoder: `quarter` moves the maximum a quarter pixel towards its higher neighbour (SBL, HRNet); `argmax` does not.
    l_de_reduction: `half_mean` is 0.5 * mean over pixels, joints and samples (the codebases' loss); `sum_pixels` is
        Eq. 4 as printed, summed over pixels and averaged over labelled joints. Adam makes the two nearly equal here.
    """

    label: ClassVar[str] = "Detection"
    name: Literal["detection"] = "detection"
    sigma: float = Field(2.0, gt=0)
    target_center: Literal["rounded", "exact"] = "rounded"
    decoder: Literal["argmax", "quarter"] = "quarter"
    l_de_reduction: Literal["half_mean", "sum_pixels"] = "half_mean"

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        target_BKHW, weight_BK = losses.gaussian_targets(
            joints_BK2, labelled_BK, heatmap_BKHW.shape[-2:], self.sigma, self.target_center
        )
        return {"l_de": losses.heatmap_loss(heatmap_BKHW, target_BKHW, weight_BK, self.l_de_reduction)}

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        read = decoding.quarter_offset if self.decoder == "quarter" else decoding.argmax
        return read(heatmap_BKHW)

    def decode_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        return self.decode((heatmap_BKHW + decoding.shift_right(mirrored_BKHW)) / 2)


class IntegralRegression(Method):
    """IPR: softmax(beta * h), expectation, L1 (Sun et al. 2018; Eq. 3 and Eq. 5).

    beta: scale of the heatmap in the softmax; the paper uses 10.
    The L1 is in heatmap pixels, averaged over the labelled coordinates inside the crop: an expectation cannot leave
    the map, so a joint outside it would only pull the map apart.
    """

    label: ClassVar[str] = "IPR"
    least_confidence: ClassVar[float] = 0.0
    name: Literal["ipr"] = "ipr"
    beta: float = Field(10.0, gt=0)

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        size = heatmap_BKHW.shape[-2:]
        return {"l_re": losses.coordinate_loss(self.decode(heatmap_BKHW), joints_BK2, labelled_BK, size)}

    def confidence(self, heatmap_BKHW: Tensor) -> Tensor:
        """The largest probability: a softmax ignores a constant added to h, so the raw peak means nothing here."""
        from heatmark.models import decoding

        return decoding.peak_probability(heatmap_BKHW, self.beta)

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        return decoding.soft_argmax(heatmap_BKHW, self.beta)

    def decode_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        return decoding.average_mirrored(self.decode(heatmap_BKHW), self.decode(mirrored_BKHW))


class BiasCompensated(Method):
    """BCIR: the expectation under weights exp(beta h) - 1, L1, and L_de until T_o (Eq. 18, 20 and 21).

    beta: as in IPR. guard: where C - n is below guard * beta the map is topped up with weight at its centre, which
        keeps the quotient finite while the net is untrained and both its sums are noise. A Gaussian of peak 1 and
        sigma 2 weighs at least 25 * beta, so at the default of 1 a map that holds more than 1/25 of it is read exactly.
    t_o: the first epoch without L_de. None means the paper's 120 of 140 epochs, rounded; 0 means never L_de.
    l_de_weight: lambda of Eq. 21. l_de_reduction: `sum_pixels` is Eq. 4 as printed, of the same order as an L1 in
        heatmap pixels; `half_mean` is 6,000 times smaller at 64 x 48, and cannot pin h = 0 to the background.
    sigma, target_center: as in detection; `exact`, because a rounded target contradicts the coordinate loss by up to
        half a pixel.
    """

    label: ClassVar[str] = "BCIR"
    name: Literal["bcir"] = "bcir"
    beta: float = Field(10.0, gt=0)
    guard: float = Field(1.0, gt=0)
    t_o: int | None = Field(None, ge=0)
    l_de_weight: float = Field(1.0, ge=0)
    l_de_reduction: Literal["half_mean", "sum_pixels"] = "sum_pixels"
    sigma: float = Field(2.0, gt=0)
    target_center: Literal["rounded", "exact"] = "exact"

    def resolved(self, epochs: int) -> BiasCompensated:
        if self.t_o is not None:
            return self
        return self.model_copy(update={"t_o": round(epochs * PAPER_T_O_FRACTION)})

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        size = heatmap_BKHW.shape[-2:]
        terms = {"l_re": losses.coordinate_loss(self.decode(heatmap_BKHW), joints_BK2, labelled_BK, size)}
        if self.t_o is None or epoch < self.t_o:
            target_BKHW, weight_BK = losses.gaussian_targets(
                joints_BK2, labelled_BK, size, self.sigma, self.target_center
            )
            l_de = losses.heatmap_loss(heatmap_BKHW, target_BKHW, weight_BK, self.l_de_reduction)
            terms["l_de"] = self.l_de_weight * l_de
        return terms

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        return decoding.bias_compensated_argmax(heatmap_BKHW, self.beta, least_mass=self.guard * self.beta)

    def decode_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        return decoding.average_mirrored(self.decode(heatmap_BKHW), self.decode(mirrored_BKHW))


AnyMethod = Annotated[Detection | IntegralRegression | BiasCompensated, Field(discriminator="name")]
METHODS: dict[str, type[Method]] = {
    "detection": Detection,
    "ipr": IntegralRegression,
    "bcir": BiasCompensated,
}
