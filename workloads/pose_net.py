"""A net with its read-out inside: what leaves as a file."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from heatmark.datasets.people import Skeleton
from heatmark.models.decoding import clamp_to_map
from heatmark.models.maps import Maps, changed
from heatmark.workloads.evaluate import certainty, depths_seen, maps_of, own_reading
from heatmark.workloads.spec import TrialSpec


class PoseNet(nn.Module):
    """Normalised crops -> joints_BK2 in their pixels, confidence_BK and, of a trial with depth, depth_BK; in fp32.

    Read as the trial's evaluation reads its maps, with the mirrored crops where it has a flip test: both go through the
    net as one batch. Maps are read in fp64, and so by the formulas in models/decoding.py and not by the loops beside
    them (models/one_pass.py), which no trace can follow. Those sum in fp64 too: in fp32 a logarithm's second
    difference (DARK, UDP) and a mean over a large map would be off by more than 1e-4 input pixels.
    """

    pitch_2: Tensor

    def __init__(self, model: nn.Module, spec: TrialSpec, skeleton: Skeleton) -> None:
        super().__init__()
        self.model = model
        self.spec = spec
        self.order = skeleton.mirrored_order
        self.register_buffer("pitch_2", torch.from_numpy(spec.data.pitch))

    def forward(self, image_B3HW: Tensor) -> tuple[Tensor, ...]:
        seen = self._maps(image_B3HW)
        joints_BK2 = clamp_to_map(own_reading(self.spec, seen), seen[0].heatmap_BKHW.shape[-2:]) * self.pitch_2
        depth_BK = depths_seen(self.spec, seen)
        found = (joints_BK2, certainty(self.spec, seen), *(() if depth_BK is None else (depth_BK,)))
        return tuple(each.float() for each in found)

    def _maps(self, image_B3HW: Tensor) -> list[Maps]:
        """As evaluate.all_maps, in fp64."""
        if not self.spec.train.flip_test:
            return [self._apart(self.model(image_B3HW))]
        people = image_B3HW.shape[0]
        both_BCHW = self.model(torch.cat([image_B3HW, image_B3HW.flip(-1)]))
        return [self._apart(both_BCHW[:people]), self._apart(both_BCHW[people:]).mirrored_back(self.order)]

    def _apart(self, maps_BCHW: Tensor) -> Maps:
        return changed(maps_of(self.model, self.spec, len(self.order), maps_BCHW), Tensor.double)
