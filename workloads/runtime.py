"""How an experiment is carried out: nothing of it changes the science or enters the signature."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from heatmark.foundation.section import Section
from heatmark.foundation.variables import expand_variables


class RunSettings(Section):
    """What a sweep file's cluster section and a trial's spec both say."""

    workers: int = Field(0, ge=0, description="Loader processes per rank.")
    threads: int = Field(0, ge=0, description="Torch threads per rank; 0 is torch's own choice.")
    zero_stage: Literal[0, 1, 2] = Field(0, description="DeepSpeed's ZeRO stage.")
    channels_last: bool = Field(True, description="Weights and images in channels-last order, under ZeRO stage 0.")
    strict: bool = Field(False, description="Absent or unreadable images end the trial; else they are left out.")
    keep_checkpoints: int = Field(2, ge=1, description="How many of the newest checkpoints are kept.")
    hang_s: float = Field(
        600.0, gt=0, description="The longest that a step, an evaluation batch or a save may take before it hangs."
    )
    image_cache: str | None = Field(
        None,
        description="A folder, on a node's own disk say, for decoded images, so that each is decoded once "
        "(datasets/image_cache.py); its variables are filled in by the job.",
    )


class RuntimeSpec(RunSettings):
    """How a trial is carried out here."""

    data_root: str = Field(description="The data set's folder.")
    stage: str | None = Field(
        None, description="A folder of the node's own disk that the data is copied to (workloads/stage.py)."
    )
    stage_tar: str | None = Field(None, description="The archive that is unpacked there instead of data_root.")
    pretrained: str | None = Field(
        None, description="The file of the weights that a trial with `pretrained` starts from."
    )
    detections: str | None = Field(
        None,
        description="The file of the validation boxes where bbox_source is `det`; its hash is in the data's "
        "fingerprint.",
    )

    @property
    def cache(self) -> Path | None:
        """Raises InputError naming a variable that is not set where the job runs."""
        return Path(expand_variables(self.image_cache)).expanduser() if self.image_cache else None
