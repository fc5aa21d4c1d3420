"""What every part of a configuration is: a sweep file's section, a site file, a trial's spec."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Typed, frozen, every number finite, and no key it does not know; every field has its description."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
