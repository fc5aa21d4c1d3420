"""Whether a net in a file reads crops as the trial's own does: joint by joint, and in every metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from heatmark.datasets.boxes import in_boxes
from heatmark.datasets.formats import format_of
from heatmark.datasets.predictions import Metrics, suppressed
from heatmark.workloads.crop_reader import CropReader, FileReader, Read, TrialReader, apart
from heatmark.workloads.evaluate import Array, View, from_crops, measure

# Of joints, in input pixels.
TOLERANCE = 1e-4
# Of metrics: shares, and lengths in image pixels. Those in millimetres follow from a quadratic equation for the depth
# of the root, which makes more of rounding: in parts of themselves, of 1 at least.
SHARE, LENGTH, IN_SPACE = 1e-6, 1e-3, 1e-3


@dataclass(frozen=True)
class Agreement:
    """Of two readings of the same crops. largest: distance of two joints in input pixels, of those that rounding does
    not move further than TOLERANCE. unsettled: those others, and furthest their largest distance. broken: joints that
    lie further apart than TOLERANCE and than rounding moves them.
    """

    crops: int = 0
    joints: int = 0
    largest: float = 0.0
    unsettled: int = 0
    furthest: float = 0.0
    broken: int = 0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.crops + other.crops,
            self.joints + other.joints,
            max(self.largest, other.largest),
            self.unsettled + other.unsettled,
            max(self.furthest, other.furthest),
            self.broken + other.broken,
        )

    def told(self) -> str:
        """In a few words."""
        told = f"joints within {self.largest:.1e} px"
        if self.unsettled:
            told += (
                f" but for {self.unsettled} of {self.joints}, which rounding alone moves further (a tie, a flat map, "
                f"large values): {self.furthest:.1e} px at most"
            )
        return told


def compare(trial: TrialReader, exported: FileReader, crops: Iterable[Tensor]) -> Agreement:
    """crops: images_BHW3."""
    total = Agreement()
    for image_BHW3 in crops:
        total += agreement(trial, image_BHW3, trial.read(image_BHW3), exported.read(image_BHW3))
    return total


def agreement(trial: TrialReader, image_BHW3: Tensor, own: Read, other: Read) -> Agreement:
    """Of what the trial and somebody else read of some crops."""
    apart_BK = apart(own, other)
    # A number that is none is as far off as can be.
    apart_BK = np.where(np.isfinite(apart_BK), apart_BK, np.inf)
    moved_BK = np.zeros_like(apart_BK)
    if (apart_BK > TOLERANCE).any():
        moved_BK = 2 * trial.unsettled(image_BHW3)
    settled_BK = moved_BK <= TOLERANCE
    return Agreement(
        crops=len(image_BHW3),
        joints=apart_BK.size,
        largest=float(apart_BK[settled_BK].max(initial=0.0)),
        unsettled=int((~settled_BK).sum()),
        furthest=float(apart_BK[~settled_BK].max(initial=0.0)),
        broken=int((apart_BK > np.maximum(TOLERANCE, moved_BK)).sum()),
    )


@dataclass(frozen=True)
class Verified:
    """The validation people as the trial and as the file read them. headline: the name of the metric to tell."""

    agreement: Agreement
    own: Metrics
    exported: Metrics
    headline: str

    @property
    def differing(self) -> list[str]:
        """The metrics that are further apart than rounding explains."""
        return [name for name in self.own if not _alike(name, self.own[name], self.exported.get(name))]

    @property
    def broken(self) -> bool:
        """Whether the file reads otherwise: joints do, or metrics do with no joint at a tie that explains it."""
        return bool(self.agreement.broken or (self.differing and not self.agreement.unsettled))

    def told(self, runtime: str) -> str:
        """In a line."""
        names = dict.fromkeys((self.headline, *self.differing))
        values = (
            f"{name} by {runtime} {_shown(self.exported.get(name))}, by torch {_shown(self.own[name])}"
            for name in names
        )
        return f"{'; '.join(values)}; on {self.agreement.crops} people {self.agreement.told()}"


def _alike(name: str, own: float | None, other: float | None) -> bool:
    if own is None or other is None:
        return own is other
    if name.endswith("mm"):
        return abs(own - other) <= IN_SPACE * max(1.0, abs(own))
    length = any(part.startswith("EPE") for part in name.split("/"))
    return abs(own - other) <= (LENGTH if length else SHARE)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.7f}"


def verify(
    trial: TrialReader, exported: FileReader, view: View, progress: Callable[[int, int], None] = lambda *_: None
) -> Verified:
    """Every person of a view once by either. progress: told how many of how many are done."""
    people = view.people
    person: list[Array] = []
    found: dict[str, list[tuple[Array, Array | None]]] = {"own": [], "exported": []}
    total, done = Agreement(), 0
    try:
        for batch in view.loader:
            image_BHW3 = batch["image_BHW3"]
            own, other = trial.read(image_BHW3), exported.read(image_BHW3)
            total += agreement(trial, image_BHW3, own, other)
            person.append(batch["person_B"].numpy())
            for name, read in (("own", own), ("exported", other)):
                found[name].append((from_crops(read.joints_BK2, read.confidence_BK, batch), read.depth_BK))
            done += len(image_BHW3)
            progress(done, len(people.people))
    finally:
        view.loader.close()

    def measured(reader: CropReader, name: str) -> Metrics:
        joints_NK3 = np.concatenate([joints for joints, _ in found[name]])
        depths = [depth for _, depth in found[name] if depth is not None]
        scored = reader.scored(people, np.concatenate(person), joints_NK3, np.concatenate(depths) if depths else None)
        return measure(view.spec, people, suppressed(people, scored), view.name).metrics

    headline = in_boxes(view.name, format_of(view.spec.data).headline)
    return Verified(total, measured(trial, "own"), measured(exported, "exported"), headline)
