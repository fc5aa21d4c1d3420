"""What a method is, and the parts that several methods share.

The classes hold fields only, validated and hashed into a trial's signature, and reach for torch when they are used:
so a sweep is planned on a login node without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from heatmark.foundation.registry import LAST

if TYPE_CHECKING:
    from torch import Tensor, nn

    from heatmark.models.losses import Size
    from heatmark.models.maps import Maps


class Method(BaseModel):
    """Loss and decoder of one family. Heatmaps are raw network output, joints are (x, y) in heatmap pixels.

    name: what a sweep file calls it, the one value that the field may have. label: what people call it. colour: in all
    figures, as #RRGGBB; one that is no other method's where a method names none (reports/rendering/method_colors.py).
    order: methods are listed in ascending order.
    latent_maps: how many more maps per joint the network must give. Whoever has the network's maps asks `terms`, `read`
    and `certainty`; a method that needs its heatmaps alone has `losses`, `decode` and `confidence` instead.
    moves_a_whole_pixel: `decode_flipped` makes good for a mirrored map's lag of 3/4 of a pixel by a whole one, as
    published; evaluations then read it exactly as well.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    label: ClassVar[str]
    colour: ClassVar[str | None] = None
    order: ClassVar[int] = LAST
    latent_maps: ClassVar[int] = 0
    moves_a_whole_pixel: ClassVar[bool] = False
    name: str = ""

    @property
    def least_confidence(self) -> float:
        """A person's score is the mean over the joints above this (0.2 of a peak in SBL and HRNet)."""
        return 0.2

    def resolved(self, epochs: int) -> Any:
        """The same method with every default that depends on the number of epochs written out."""
        return self

    def learned(self) -> nn.Module | None:
        """What the loss itself learns, new: trained, saved and counted with the network, and not used in reading."""
        return None

    def reader(self, joints: int, size: Size) -> nn.Module | None:
        """Layers of the method's own behind the network's maps, new: Maps -> Maps, with what they made beside them.

        They are trained, saved and counted with the network, and used in training and in reading. size: rows and
        columns of a map. The heatmap that they give is described and read by other decoders as any is.
        """
        return None

    def terms(
        self, maps: Maps, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int, learned: nn.Module | None
    ) -> dict[str, Tensor]:
        """`losses` from all maps. learned: the network's own copy of what `learned` made."""
        return self.losses(maps.heatmap_BKHW, joints_BK2, labelled_BK, epoch)

    def read(self, maps: Maps) -> Tensor:
        """`decode` from all maps."""
        return self.decode(maps.heatmap_BKHW)

    def read_flipped(self, maps: Maps, mirrored: Maps, lag: float = 0.75) -> Tensor:
        """`decode_flipped` from all maps of an image and its mirror (mirrored back, left and right swapped)."""
        return self.decode_flipped(maps.heatmap_BKHW, mirrored.heatmap_BKHW, lag)

    def certainty(self, maps: Maps) -> Tensor:
        """`confidence` from all maps."""
        return self.confidence(maps.heatmap_BKHW)

    def certainty_flipped(self, maps: Maps, mirrored: Maps, lag: float = 0.75) -> Tensor:
        """`certainty` from an image and its mirror (mirrored back, left and right swapped): the mean of the two."""
        return (self.certainty(maps) + self.certainty(mirrored)) / 2

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        """The named terms whose sum is minimised.

        joints_BK2: ground truth in heatmap pixels. labelled_BK: 1 where annotated. epoch: counted from 0.
        """
        raise NotImplementedError

    def counts(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size, epoch: int) -> dict[str, Tensor]:
        """By term, how many of a batch's joints or people it is a mean over, from the labels alone.

        The ranks' means are weighted by it, so that they make the mean over the global batch. A term that is not named
        weighs the same on every rank. size: rows and columns of a map; the rest as in `losses`.
        """
        return {}

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        """joints_BK2 in heatmap pixels."""
        raise NotImplementedError

    def decode_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor, lag: float = 0.75) -> Tensor:
        """joints_BK2 from an image and its mirror (heatmaps already mirrored back, left and right swapped).

        lag: heatmap pixels that a mirrored-back map lies to the left (datasets/geometry.py).
        """
        raise NotImplementedError

    def density(self, heatmap_BKHW: Tensor) -> Tensor:
        """The weight of each pixel in the read-out, normalised to sum 1 per map; may be negative where h is."""
        raise NotImplementedError

    def visible_density(self, heatmap_BKHW: Tensor) -> Tensor:
        """`density` for descriptions and pictures: what is negative counts as nothing, and the rest sums to 1."""
        from heatmark.models.density import positive_map

        return positive_map(self.density(heatmap_BKHW))

    def read_depth(self, heatmap_BKHW: Tensor, depth_BKHW: Tensor) -> Tensor:
        """depth_BK from latent depth maps, in bone lengths: the mean under the weights that the joint is read with."""
        from heatmark.models import depth

        return depth.expected_depth(self.density(heatmap_BKHW), depth_BKHW)

    def depth_loss(
        self, heatmap_BKHW: Tensor, depth_BKHW: Tensor, joints_BK2: Tensor, true_BK: Tensor, labelled_BK: Tensor
    ) -> Tensor:
        """The L1 of the depths over the labelled joints inside the crop; true_BK in bone lengths.

        It is in the units of the coordinate loss, so that at a weight of 1 a millimetre counts as much along the view
        as across it.
        """
        from heatmark.models import depth

        size = heatmap_BKHW.shape[-2:]
        found_BK = self.read_depth(heatmap_BKHW, depth_BKHW)
        return self.bone_cost(size[1]) * depth.depth_error(found_BK, true_BK, joints_BK2, labelled_BK, size)

    def depth_count(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size) -> Tensor:
        """What `depth_loss` is a mean over, as `counts` says."""
        from heatmark.models import losses

        return losses.inside_count(joints_BK2, labelled_BK, size)

    def bone_cost(self, width: int) -> float:
        """What an error of one bone length costs across the view, on a map of that width; here in heatmap pixels."""
        from heatmark.models import depth

        return depth.BONE_SHARE * width

    def confidence(self, heatmap_BKHW: Tensor) -> Tensor:
        """How sure each joint is, B x K; it orders people in AP. The peak, where maps learn a Gaussian of peak 1."""
        from heatmark.models import decoding

        return decoding.confidence(heatmap_BKHW)


class HeatmapRegression(Method):
    """A heatmap that learns a Gaussian (Eq. 4) and is read at its maximum (Eq. 2).

    sigma: standard deviation of the target Gaussian in heatmap pixels; 2 at a stride of 4 (SBL, HRNet).
    target_center: `rounded` draws the Gaussian at the nearest pixel as SBL and HRNet do; `exact` at the joint.
    l_de_reduction: `half_mean` is 0.5 * mean over pixels, joints and samples (the codebases' loss), `mean` twice that;
        `sum_pixels` is Eq. 4 as printed, summed over pixels and averaged over labelled joints. Adam makes them nearly
        equal here.
    """

    moves_a_whole_pixel: ClassVar[bool] = True
    sigma: float = Field(
        2.0,
        gt=0,
        description="Standard deviation of the target Gaussian in heatmap pixels; 2 at a stride of 4 (SBL, HRNet).",
    )
    target_center: Literal["rounded", "exact"] = Field(
        "rounded",
        description="`rounded` draws the Gaussian at the nearest pixel as SBL and HRNet do; `exact` at the joint.",
    )
    l_de_reduction: Literal["half_mean", "mean", "sum_pixels"] = Field(
        "half_mean",
        description="`half_mean` is 0.5 * mean over pixels, joints and samples, `mean` twice that; `sum_pixels` sums "
        "over pixels (Eq. 4).",
    )

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        target_BKHW, weight_BK = losses.gaussian_targets(
            joints_BK2, labelled_BK, heatmap_BKHW.shape[-2:], self.sigma, self.target_center
        )
        return {"l_de": losses.heatmap_loss(heatmap_BKHW, target_BKHW, weight_BK, self.l_de_reduction)}

    def counts(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size, epoch: int) -> dict[str, Tensor]:
        return {"l_de": self.depth_count(joints_BK2, labelled_BK, size)}

    def decode_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor, lag: float = 0.75) -> Tensor:
        """The maximum of the mean map, as SBL and HRNet take it: a map that lags is shifted by a whole pixel."""
        from heatmark.models import decoding

        return self.decode(decoding.mean_map(heatmap_BKHW, mirrored_BKHW, lag))

    def certainty_flipped(self, maps: Maps, mirrored: Maps, lag: float = 0.75) -> Tensor:
        """Of the mean map, whose peak is SBL's and HRNet's score."""
        from heatmark.models import decoding

        return self.certainty(
            maps._replace(heatmap_BKHW=decoding.mean_map(maps.heatmap_BKHW, mirrored.heatmap_BKHW, lag))
        )

    def density(self, heatmap_BKHW: Tensor) -> Tensor:
        """The positive part over its sum: the map itself learns a Gaussian."""
        from heatmark.models.density import positive_map

        return positive_map(heatmap_BKHW)

    def read_depth(self, heatmap_BKHW: Tensor, depth_BKHW: Tensor) -> Tensor:
        """The depth at the maximum of the heatmap."""
        from heatmark.models import depth

        return depth.depth_at_peak(heatmap_BKHW, depth_BKHW)

    def depth_loss(
        self, heatmap_BKHW: Tensor, depth_BKHW: Tensor, joints_BK2: Tensor, true_BK: Tensor, labelled_BK: Tensor
    ) -> Tensor:
        """A maximum has no gradient: the depth map learns the joint's depth wherever the heatmap learns its Gaussian.

        Reduced as L_de is; an error of one bone weighs as much as one of the peak.
        """
        from heatmark.models import depth, losses

        size = heatmap_BKHW.shape[-2:]
        target_BKHW, weight_BK = losses.gaussian_targets(joints_BK2, labelled_BK, size, self.sigma, self.target_center)
        error_BK = depth.depth_map_error(depth_BKHW, true_BK, target_BKHW)
        return losses.map_loss(error_BK, weight_BK, size.numel(), self.l_de_reduction)

    def depth_count(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size) -> Tensor:
        from heatmark.models import losses

        return losses.heatmap_count(joints_BK2, labelled_BK, size, self.sigma, self.target_center, self.l_de_reduction)


class AbsoluteError(Method):
    """L_re, the L1 of a coordinate (Eq. 5), over the labelled joints inside the crop.

    An expectation cannot leave the map, so a joint outside it would only pull the map apart.
    l_re_units: the paper names none. `heatmap_px` makes L_re and a summed L_de of the same order, which lambda = 1 in
        Eq. 21 takes for granted; `input_px` is four times as much at a stride of 4; `normalised` is in parts of the
        map's sides (Sun et al. 2018).
    """

    l_re_units: Literal["heatmap_px", "input_px", "normalised"] = Field(
        "heatmap_px", description="Of the coordinate loss: heatmap pixels, input pixels, or parts of the map's sides."
    )

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        size = heatmap_BKHW.shape[-2:]
        found_BK2 = self.decode(heatmap_BKHW)
        return {"l_re": losses.coordinate_loss(found_BK2, joints_BK2, labelled_BK, size, self.l_re_units)}

    def counts(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        return {"l_re": losses.inside_count(joints_BK2, labelled_BK, size)}

    def bone_cost(self, width: int) -> float:
        from heatmark.models import losses

        return super().bone_cost(width) / losses.pixels_per_unit(self.l_re_units, width)


class CoordinateRegression(Method):
    """A joint read as an expectation over the map.

    beta: scale of the heatmap in the exponential; the paper uses 10.
    score: how sure a joint is, which the paper leaves open. `peak` is the largest raw value, comparable wherever maps
        learn a Gaussian of peak 1 over a background of 0; `probability` the largest value of softmax(beta * h).
    """

    beta: float = Field(10.0, gt=0, description="Scale of the heatmap in the exponential; the paper uses 10.")
    score: Literal["peak", "probability"] = Field(
        "peak",
        description="How sure a joint is: `peak` is the largest raw value, `probability` the largest value of "
        "softmax(beta * h).",
    )

    @property
    def least_confidence(self) -> float:
        return super().least_confidence if self.score == "peak" else 0.0

    def confidence(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        if self.score == "peak":
            return decoding.confidence(heatmap_BKHW)
        return decoding.peak_probability(heatmap_BKHW, self.beta)

    def decode_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor, lag: float = 0.75) -> Tensor:
        from heatmark.models import decoding

        return decoding.average_mirrored(self.decode(heatmap_BKHW), self.decode(mirrored_BKHW), lag)


class SoftmaxRegression(CoordinateRegression):
    """The expectation under softmax(beta * h) (Sun et al. 2018; Eq. 3).

    score: a softmax ignores a constant added to h, so the raw peak means nothing here.
    """

    score: Literal["peak", "probability"] = Field(
        "probability",
        description="How sure a joint is: `peak` is the largest raw value, `probability` the largest value of "
        "softmax(beta * h).",
    )

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        return decoding.soft_argmax(heatmap_BKHW, self.beta)

    def density(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models.density import softmax_map

        return softmax_map(heatmap_BKHW, self.beta)


class CompensatedRegression(CoordinateRegression):
    """The expectation under weights exp(beta h) - 1 (Eq. 18 and 20).

    guard: where C - n is below guard * beta the map is topped up with weight at its centre, which keeps the quotient
        finite while the net is untrained and both its sums are noise. A Gaussian of peak 1 and sigma 2 weighs at least
        25 * beta, so at the default of 1 a map that holds more than 1/25 of it is read exactly.
    """

    guard: float = Field(
        1.0, gt=0, description="Where C - n is below guard * beta the map is topped up with weight at its centre."
    )

    def decode(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        return decoding.bias_compensated_argmax(heatmap_BKHW, self.beta, least_mass=self.guard * self.beta)

    def density(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models.density import compensated_map

        return compensated_map(heatmap_BKHW, self.beta, least_mass=self.guard * self.beta)


class ClassScores(Method):
    """A map of the scores of classes, whose softmax says where the joint is; an image and its mirror give the mean.

    With depth, an error of one bone costs a nat.
    """

    @property
    def least_confidence(self) -> float:
        return 0.0

    def decode_flipped(self, heatmap_BKHW: Tensor, mirrored_BKHW: Tensor, lag: float = 0.75) -> Tensor:
        from heatmark.models import decoding

        return decoding.average_mirrored(self.decode(heatmap_BKHW), self.decode(mirrored_BKHW), lag)

    def density(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models.density import softmax_map

        return softmax_map(heatmap_BKHW, 1.0)

    def confidence(self, heatmap_BKHW: Tensor) -> Tensor:
        from heatmark.models import decoding

        return decoding.peak_probability(heatmap_BKHW, 1.0)

    def bone_cost(self, width: int) -> float:
        return 1.0


class GaussianPrior(Method):
    """L_de beside another loss, until epoch T_o (Eq. 21). To be named before that other loss among the bases.

    t_o: the first epoch without L_de. None means never without; 0 means never with it.
    l_de_weight: lambda of Eq. 21. l_de_reduction: `sum_pixels` is Eq. 4 as printed, of the same order as an L1 in
        heatmap pixels; `half_mean` is 6,000 times smaller at 64 x 48 and `mean` 3,000 times, too little to pin h = 0 to
        the background.
    sigma, target_center: as in detection; `exact`, because a rounded target contradicts the coordinate loss by up to
        half a pixel.
    """

    t_o: int | None = Field(
        None, ge=0, description="The first epoch without L_de (T_o); None means never without, 0 never with it."
    )
    l_de_weight: float = Field(1.0, ge=0, description="Lambda of Eq. 21.")
    l_de_reduction: Literal["half_mean", "mean", "sum_pixels"] = Field(
        "sum_pixels",
        description="`sum_pixels` is Eq. 4 as printed; `half_mean` is 6,000 times smaller at 64 x 48, `mean` 3,000.",
    )
    sigma: float = Field(
        2.0,
        gt=0,
        description="Standard deviation of the target Gaussian in heatmap pixels; 2 at a stride of 4 (SBL, HRNet).",
    )
    target_center: Literal["rounded", "exact"] = Field(
        "exact",
        description="`rounded` draws the Gaussian at the nearest pixel as SBL and HRNet do; `exact` at the joint.",
    )

    def losses(self, heatmap_BKHW: Tensor, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        terms = super().losses(heatmap_BKHW, joints_BK2, labelled_BK, epoch)
        if self.t_o is None or epoch < self.t_o:
            target_BKHW, weight_BK = losses.gaussian_targets(
                joints_BK2, labelled_BK, heatmap_BKHW.shape[-2:], self.sigma, self.target_center
            )
            l_de = losses.heatmap_loss(heatmap_BKHW, target_BKHW, weight_BK, self.l_de_reduction)
            terms["l_de"] = self.l_de_weight * l_de
        return terms

    def counts(self, joints_BK2: Tensor, labelled_BK: Tensor, size: Size, epoch: int) -> dict[str, Tensor]:
        from heatmark.models import losses

        counts = super().counts(joints_BK2, labelled_BK, size, epoch)
        if self.t_o is None or epoch < self.t_o:
            counts["l_de"] = losses.heatmap_count(
                joints_BK2, labelled_BK, size, self.sigma, self.target_center, self.l_de_reduction
            )
        return counts
