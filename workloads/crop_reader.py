"""Whoever turns crops into joints: a trial's own net as its evaluation reads it, or a net in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from heatmark.datasets.geometry import heatmap_to_input
from heatmark.datasets.loader import CropLoader, make_loader
from heatmark.datasets.people import PoseDataset, Skeleton
from heatmark.datasets.predictions import Predictions
from heatmark.models.maps import Maps, changed
from heatmark.workloads.engine import network_input
from heatmark.workloads.evaluate import Array, all_maps, certainty, depths_seen, read_joints, scored, scored_poses
from heatmark.workloads.exported import Exported
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.views import loader_of

# Normalised images_B3HW in fp32 -> the outputs of a net in a file.
RunFile = Callable[[npt.NDArray[np.float32]], tuple[npt.NDArray[np.float32], ...]]
# People that a net in a file looks at together.
BATCH_SIZE = 32
# How far two libraries' convolutions, summed in other orders, lie apart: in parts of a map's largest value.
ROUNDING = 4e-6
DRAWS = 8


@dataclass(frozen=True)
class Read:
    """joints_BK2 in input pixels of the crops, how sure each is, and of nets that learned it the depth; in fp64."""

    joints_BK2: Array
    confidence_BK: Array
    depth_BK: Array | None = None


class CropReader(Protocol):
    """name: of the data that was learned from."""

    @property
    def name(self) -> str: ...

    @property
    def skeleton(self) -> Skeleton: ...

    def loader(self, people: PoseDataset) -> CropLoader:
        """The crops that it wants of people."""

    def read(self, image_BHW3: Tensor) -> Read:
        """image_BHW3: uint8 RGB crops."""

    def scored(self, people: PoseDataset, person_N: Any, joints_NK3: Array, depth_NK: Array | None) -> Predictions:
        """As evaluate.scored."""


@dataclass(frozen=True)
class TrialReader:
    """A trial's net, in evaluation mode on its device: the very numbers of the trial's evaluation."""

    spec: TrialSpec
    skeleton: Skeleton
    model: nn.Module
    device: torch.device

    @property
    def name(self) -> str:
        return self.spec.data.name

    def loader(self, people: PoseDataset) -> CropLoader:
        return loader_of(self.spec, people, Ranks(0, 1, self.device), training=False)

    @torch.no_grad()
    def read(self, image_BHW3: Tensor) -> Read:
        return self._read(all_maps(self.model, self.spec, self.skeleton, image_BHW3, self.device))

    @torch.no_grad()
    def unsettled(self, image_BHW3: Tensor) -> Array:
        """How far each joint moves, moved_BK in input pixels, and its confidence, where maps are off by rounding.

        At a tie of two pixels a maximum jumps, and on a flat map a quotient of small sums is anything: no other library
        will read such a joint alike.
        """
        seen = all_maps(self.model, self.spec, self.skeleton, image_BHW3, self.device)
        own = self._read(seen)
        draw = torch.Generator(self.device).manual_seed(0)
        moved_BK = np.zeros_like(own.confidence_BK)
        for _ in range(DRAWS):
            other = self._read([changed(maps, partial(_with_noise, draw)) for maps in seen])
            moved_BK = np.maximum(moved_BK, apart(own, other))
        return moved_BK

    def _read(self, seen: list[Maps]) -> Read:
        joints_BK2, _ = read_joints(self.spec, seen)
        depth_BK = depths_seen(self.spec, seen)
        return Read(
            heatmap_to_input(joints_BK2.double().cpu().numpy(), self.spec.data.pitch),
            certainty(self.spec, seen).double().cpu().numpy(),
            None if depth_BK is None else depth_BK.double().cpu().numpy(),
        )

    def scored(self, people: PoseDataset, person_N: Any, joints_NK3: Array, depth_NK: Array | None) -> Predictions:
        return scored(self.spec, people, person_N, joints_NK3, depth_NK)


def _with_noise(draw: torch.Generator, maps: Tensor) -> Tensor:
    noise = torch.randn(maps.shape, generator=draw, device=maps.device, dtype=maps.dtype)
    return maps + ROUNDING * maps.abs().amax((-2, -1), keepdim=True) * noise


def apart(one: Read, other: Read) -> Array:
    """How far two readings differ, apart_BK: in input pixels, or in confidence or bone lengths where that is more."""
    apart_BK: Array = np.linalg.norm(one.joints_BK2 - other.joints_BK2, axis=-1)
    apart_BK = np.maximum(apart_BK, np.abs(one.confidence_BK - other.confidence_BK))
    if one.depth_BK is not None and other.depth_BK is not None:
        apart_BK = np.maximum(apart_BK, np.abs(one.depth_BK - other.depth_BK))
    return apart_BK


@dataclass(frozen=True)
class FileReader:
    """A net in a file. about: what the file says of itself."""

    about: Exported
    run: RunFile
    skeleton: Skeleton

    @property
    def name(self) -> str:
        return self.about.data

    def loader(self, people: PoseDataset) -> CropLoader:
        return make_loader(people, self.about.crop, training=False, batch_size=BATCH_SIZE)

    def read(self, image_BHW3: Tensor) -> Read:
        about = self.about
        image_B3HW = network_input(image_BHW3, torch.device("cpu"), about.colours, about.mean, about.deviation)
        joints_BK2, confidence_BK, *depth = self.run(image_B3HW.contiguous().numpy())
        return Read(
            joints_BK2.astype(np.float64),
            confidence_BK.astype(np.float64),
            depth[0].astype(np.float64) if depth else None,
        )

    def scored(self, people: PoseDataset, person_N: Any, joints_NK3: Array, depth_NK: Array | None) -> Predictions:
        return scored_poses(self.about.crop, self.about.least_confidence, people, person_N, joints_NK3, depth_NK)
