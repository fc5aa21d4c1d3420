"""What a trial asks of the shared stream, and by which key trials share batches: the content of what decides them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from heatmark.datasets.crop_settings import CropSettings
from heatmark.datasets.people import Person, PoseDataset
from heatmark.foundation.hashes import sha256_of
from heatmark.foundation.section import Section
from heatmark.workloads.runtime import RuntimeSpec
from heatmark.workloads.spec import DataSpec

# The socket's name, for the trials of a job whose batches are made by one loader.
VARIABLE = "HEATMARK_STREAM"


class PeopleAsked(Section):
    """How the people of a split are read, and the hash of what the trial itself has read."""

    data: DataSpec = Field(description="The trial's.")
    runtime: RuntimeSpec = Field(description="The trial's, with its data where it was staged.")
    max_people: int = Field(ge=0, description="The first so many people, 0 for all.")
    split: Literal["train", "val"] = Field(description="Which people.")
    digest: str = Field(description="digest_of these people.")


class CropsAsked(Section):
    """How the people are cropped; the same for equal people, seed and epoch."""

    settings: CropSettings = Field(description="Crop and augmentation.")
    training: bool = Field(description="Augmented by seed and epoch.")
    seed: int = Field(ge=0, description="Of the augmentation; 0 where there is none.")


class StreamAsked(Section):
    """A sequence of batches for every epoch. first_step, steps: of this epoch, which the reader asks for one by one."""

    people: PeopleAsked = Field(description="Whose crops.")
    crops: CropsAsked = Field(description="Which crops.")
    batch_size: int = Field(ge=1, description="People per rank and step.")
    rank: int = Field(ge=0, description="Of the rank that reads.")
    world_size: int = Field(ge=1, description="Ranks of the trial.")
    epoch: int = Field(ge=0, description="Of the batches.")
    first_step: int = Field(ge=0, description="The batch of the epoch to begin with.")

    @property
    def key(self) -> str:
        """Equal where batches of equal epoch and step are."""
        crops = self.crops.model_dump(mode="json")
        share = [self.batch_size, self.rank, self.world_size]
        return sha256_of(json.dumps([self.people.digest, crops, *share], sort_keys=True))


def digest_of(people: PoseDataset) -> str:
    """Hash of all of a split that crops depend on: its people, their pictures' places, and the skeleton."""
    digest = hashlib.sha256(repr((people.skeleton, len(people.people))).encode())
    for person in people.people:
        _add(digest, person)
    return digest.hexdigest()


def _add(digest: Any, person: Person) -> None:
    facts = (person.image_id, str(person.image_path), tuple(map(float, person.box_xywh)), person.image_size)
    digest.update(repr(facts).encode())
    arrays = [person.joints_K2, person.visibility_K]
    if person.hand is not None:
        arrays += [person.hand.xyz_K3, person.hand.camera_33]
    for array in arrays:
        digest.update(repr((array.dtype.str, array.shape)).encode())
        digest.update(array.tobytes())


def crop_settings(data: DataSpec) -> CropSettings:
    """Of a data set's settings those that decide a crop."""
    fields: Mapping[str, Any] = {name: getattr(data, name) for name in CropSettings.model_fields}
    return CropSettings(**fields)
