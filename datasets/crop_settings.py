"""How people are cropped: one model for the sweep file, a trial's spec and the loader."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from heatmark.datasets.geometry import Convention
from heatmark.foundation.section import Section

RecipeName = Literal["sbl", "hrnet", "rle", "mmpose"]


class CropSettings(Section):
    """How people are cropped and how crops vary in training. Defaults are SimpleBaseline's on COCO."""

    input_size: tuple[int, int] = Field((192, 256), description="Width and height of the crop in pixels.")
    padding: float = Field(1.25, gt=0, description="The box grows by this factor.")
    scale: float = Field(0.3, ge=0, lt=1, description="The box is multiplied by 1 + scale * the augmentation's spread.")
    rotation: float = Field(
        40.0, ge=0, le=180, description="Degrees per unit of spread: up to twice that where a normal is clipped at 2."
    )
    flip: float = Field(0.5, ge=0, le=1, description="Probability of mirroring.")
    augmentation: RecipeName = Field(
        "sbl", description="Whose distributions: SimpleBaseline's, HRNet's, RLE's or mmpose's (datasets/augment.py)."
    )
    half_body: float = Field(0.0, ge=0, le=1, description="Probability of cropping the upper or lower half of a body.")
    shift: float = Field(0.0, ge=0, lt=1, description="The box moves by shift * a truncated normal of its sides.")
    geometry: Convention = Field(
        "biased", description="The convention of all pixels (datasets/geometry.py): SimpleBaseline's, or UDP's `udp`."
    )
    scaled_decoding: bool = Field(
        False,
        description="Decode a picture at a half, a quarter or an eighth of its size where the crop is smaller than "
        "that: faster, and other pixels.",
    )

    @field_validator("input_size")
    @classmethod
    def _fits_every_stride(cls, given: tuple[int, int]) -> tuple[int, int]:
        if any(side <= 0 or side % 32 for side in given):
            raise ValueError(f"input_size {list(given)}: both sides must be positive multiples of 32")
        return given
