"""What a sweep file says of a data set of COCO-style files: which files, which skeleton, which categories."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import Field, field_validator, model_validator

from heatmark.foundation.section import Section

# Of the pictures of a file that is not split: how many validate.
VAL_FRACTION: Final = 0.2
HEADLINES: Final = r"AP|AUC@0-30px|PCK@0?\.\d+"


class SplitFiles(Section):
    """The files of one split, by their paths in the data set's folder."""

    annotations: str = Field(description="The annotation file, .json or .json.gz, or a folder of such.")
    images: str = Field(".", description="The folder that its file names start from.")


class KeypointSettings(Section):
    """Either train and val, or annotations and images, which are split by picture.

    What is left out is told by the folder, the file's categories and the skeleton: `heatmark data check` prints it.
    """

    train: SplitFiles | None = Field(None, description="The files of the training split.")
    val: SplitFiles | None = Field(None, description="The files of the validation split.")
    annotations: str | None = Field(None, description="One annotation file for both splits.")
    images: str | None = Field(None, description="The folder of its pictures.")
    val_fraction: float | None = Field(
        None, gt=0, lt=1, description=f"The share of its pictures that validate; {VAL_FRACTION} where it is left out."
    )
    split_seed: int = Field(0, ge=0, description="Chooses these pictures.")
    skeleton: str | dict[str, Any] | None = Field(
        None,
        description="A shipped skeleton (`heatmark data skeleton` lists them), a YAML file, an mmpose config, or the "
        "keys of such a file; else the category's own.",
    )
    category: str | int | list[str | int] | None = Field(
        None, description="Names or numbers of the categories to use; else all that share the skeleton."
    )
    headline: str | None = Field(
        None,
        description="The metric to judge by: AP, AUC@0-30px, or PCK at a share of the skeleton's reference length, as "
        "in PCK@0.2; else AP where the skeleton has sigmas of its own, and PCK@0.2 where it has none.",
    )

    @field_validator("headline")
    @classmethod
    def _is_known(cls, given: str | None) -> str | None:
        if given is not None and not re.fullmatch(HEADLINES, given):
            raise ValueError(f"headline {given!r}: AP, AUC@0-30px, or PCK at a share as in PCK@0.2")
        return given

    @model_validator(mode="after")
    def _files_are_given_one_way(self) -> KeypointSettings:
        if (self.train is None) != (self.val is None):
            raise ValueError("train and val: give both, or one file as `annotations`, which is split by picture")
        if self.annotations is not None and self.train is not None:
            raise ValueError("annotations: give it alone, or train and val")
        if self.annotations is None and self.images is not None:
            raise ValueError("images: goes with `annotations`; the folder of a split is train.images or val.images")
        if self.val_fraction is not None and self.train is not None:
            raise ValueError("val_fraction: is for one file that is split; leave it out beside train and val")
        return self

    @property
    def categories(self) -> tuple[str | int, ...]:
        """Those that are named."""
        named = self.category
        return () if named is None else tuple(named) if isinstance(named, list) else (named,)
