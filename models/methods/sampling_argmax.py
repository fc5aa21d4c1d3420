"""Sampling-argmax, beyond the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import AbsoluteError, SoftmaxRegression
from heatmark.models.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

# The authors' temperature falls by 0.06 an epoch from 2 to 0.5: 25 of their 140 epochs.
PUBLISHED_FALL = 25 / 140


@register
class SamplingArgmax(AbsoluteError, SoftmaxRegression):
    """Sampling-argmax: the expected error under the density, not the error of its expectation (Li et al. 2021).

    The L1 is the mean over places drawn from softmax(h), by Gumbel-softmax over the pixels and a random step of a basis
    around each; read by soft-argmax. As published: 30 samples, the triangular basis, tau falling from 2 to 0.5, L1 in
    parts of the map's sides. What a joint draws follows from its place in the crop and the epoch alone: a resumed trial
    draws the same, and so does any number of ranks.
    The paper's formula, softmax((h + g) / tau). The authors' code divides g alone, reads the map anew where a step led,
    and puts a sign where the gradient has a distance.

    beta: of the read-out, and of h in training.
    tau_epochs: over how many epochs tau falls; None means the published 25 of 140, rounded.
    """

    label: ClassVar[str] = "Sampling-argmax"
    colour: ClassVar[str] = "#6B8E00"
    order: ClassVar[int] = 12
    name: Literal["sampling_argmax"] = "sampling_argmax"
    beta: float = Field(1.0, gt=0, description="Scale of the heatmap in the exponential; 1 as published.")
    l_re_units: Literal["heatmap_px", "input_px", "normalised"] = Field(
        "normalised", description="Of the coordinate loss: heatmap pixels, input pixels, or parts of the map's sides."
    )
    samples: int = Field(30, ge=1, description="Places drawn for each joint; 30 as published.")
    basis: Literal["triangular", "uniform"] = Field(
        "triangular", description="Of a pixel's random step: a triangle over two pixels, or even over one."
    )
    tau: float = Field(2.0, gt=0, description="Temperature of the Gumbel-softmax at the beginning; 2 as published.")
    least_tau: float = Field(0.5, gt=0, description="What the temperature falls to; 0.5 as published.")
    tau_epochs: int | None = Field(
        None, ge=1, description="Epochs in which it falls; None means the published 25 of 140, rounded."
    )

    def resolved(self, epochs: int) -> Any:
        if self.tau_epochs is not None:
            return self
        return self.model_copy(update={"tau_epochs": max(1, round(epochs * PUBLISHED_FALL))})

    def temperature(self, epoch: int) -> float:
        """Of an epoch, counted from 0."""
        fallen = min(1.0, epoch / self.tau_epochs) if self.tau_epochs else 0.0
        return self.tau + (self.least_tau - self.tau) * fallen

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses, sampling
        from heatmark.models.decoding import at_least_fp32

        size = heatmap_BKHW.shape[-2:]
        scaled_BKHW = self.beta * at_least_fp32(heatmap_BKHW)
        found_BKS2 = sampling.soft_samples(
            scaled_BKHW, self.temperature(epoch), self.samples, self.basis, joints_BK2, epoch
        )
        true_BKS2, labelled_BKS = joints_BK2[..., None, :].expand_as(found_BKS2), labelled_BK[..., None]
        loss = losses.coordinate_loss(
            found_BKS2, true_BKS2, labelled_BKS.expand(found_BKS2.shape[:-1]), size, self.l_re_units
        )
        return {"l_re": loss}
