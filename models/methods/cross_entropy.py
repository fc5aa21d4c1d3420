"""The pixel as a class, beyond the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from heatmark.models.method import ClassScores
from heatmark.models.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from heatmark.models.losses import Size


@register
class CrossEntropy(ClassScores):
    """A softmax over the pixels learns the one that is nearest to the joint: Mask R-CNN's keypoints (He et al. 2017).

    The loss is the cross-entropy, the mean over the labelled joints inside the map. Mask R-CNN enlarges its map to the
    person's box by cubic convolution and takes the largest value, and so it is read here, enlarged to the crop's size
    around its highest pixel. An image and its mirror give the mean of their joints, the mirror's lag exactly undone;
    Detectron averages their maps. The score is the largest probability.
    decoder: `cubic` as published; `argmax` is the pixel itself.
    """

    label: ClassVar[str] = "Cross-entropy"
    colour: ClassVar[str] = "#1F3FFF"
    order: ClassVar[int] = 11
    name: Literal["cross_entropy"] = "cross_entropy"
    decoder: Literal["cubic", "argmax"] = Field(
        "cubic", description="`cubic` is the maximum of the map enlarged to the crop's size; `argmax` its pixel."
    )

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import pixel_classes

        return {"l_ce": pixel_classes.cross_entropy(heatmap_BKHW, joints_BK2, labelled_BK)}

    def counts(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        return {"l_ce": losses.inside_count(joints_BK2, labelled_BK, size)}

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import pixel_classes
        from heatmark.models.decoding import at_least_fp32

        if self.decoder == "cubic":
            return pixel_classes.cubic_peak(heatmap_BKHW)
        return pixel_classes.peak_pixel(heatmap_BKHW).to(at_least_fp32(heatmap_BKHW).dtype)
