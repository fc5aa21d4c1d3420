"""One optimizer step that asks the device for nothing: what the host wants to know of it is read a step later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from heatmark.datasets.loader import Batch, heatmap_joints
from heatmark.models.maps import split_maps
from heatmark.models.precision import full_precision
from heatmark.workloads.engine import network_input, update
from heatmark.workloads.process_group import Later, Ranks
from heatmark.workloads.spec import TrialSpec


@dataclass(frozen=True)
class StepFacts:
    """All over the ranks, and so the same on each. diverged, stop: on any of them. terms: the loss and its parts."""

    people: int
    diverged: bool
    stop: bool
    terms: dict[str, float]


@dataclass(frozen=True)
class PendingStep:
    """A step that is on its way; `facts` waits until it is done."""

    names: tuple[str, ...]
    over_ranks: Later

    def facts(self) -> StepFacts:
        diverged, stops, people, *terms = self.over_ranks.read()
        return StepFacts(round(people), diverged > 0, stops > 0, dict(zip(self.names, terms, strict=True)))


def take_step(engine: Any, spec: TrialSpec, ranks: Ranks, batch: Batch, epoch: int, *, stop: bool) -> PendingStep:
    """Forward, loss, backward and update on one rank's batch; every rank must call it.

    epoch: counted from 0, which some losses depend on. stop: whether this rank was told to stop; travels with the
    step, so that all ranks learn of it at the same one. A loss that is no finite number spoils the weights: whoever
    saves them must have read the facts of the last step first.
    """
    terms = loss_terms(engine, spec, ranks, batch, epoch)
    loss = torch.stack(list(terms.values())).sum()
    people = len(batch["person_B"])
    counted = [(~loss.isfinite()).float(), *(loss.new_full((), each).float() for each in (stop, people))]
    means = torch.stack([loss, *terms.values()]).detach().float() / ranks.world_size
    over_ranks = ranks.total_later(torch.cat([torch.stack(counted), means]))
    update(engine, spec, loss)
    return PendingStep(("loss", *terms), over_ranks)


def loss_terms(engine: Any, spec: TrialSpec, ranks: Ranks, batch: Batch, epoch: int) -> dict[str, Tensor]:
    """The parts of the loss by name; the loss is their sum.

    Each is this rank's share of the mean over the global batch, such that the mean of the ranks' shares is that mean:
    joints weigh the same, with whomever they share a rank.
    """
    device = ranks.device
    joints_BK2 = heatmap_joints(batch, spec.data.pitch).to(device, non_blocking=True)
    labelled_BK = batch["labelled_BK"].to(device, non_blocking=True)
    # Under way before the network is, which takes longer than the ranks need to add up a few numbers.
    weights = ranks.weights_later(_counts(spec, joints_BK2, labelled_BK, epoch)) if ranks.world_size > 1 else None
    maps_BCHW = engine(network_input(batch["image_BHW3"], device, spec.channels))
    with full_precision(device):
        maps = split_maps(
            maps_BCHW, labelled_BK.shape[1], spec.method.latent_maps, getattr(engine.module, "reader", None)
        )
        learned = getattr(engine.module, "learned", None)
        terms = spec.method.terms(maps, joints_BK2, labelled_BK, epoch, learned)
        if maps.depth_BKHW is not None:
            true_BK = batch["depth_BK"].to(device, non_blocking=True)
            l_depth = spec.method.depth_loss(maps.heatmap_BKHW, maps.depth_BKHW, joints_BK2, true_BK, labelled_BK)
            terms["l_depth"] = spec.train.depth_weight * l_depth
    if weights is None:
        return terms
    weight_of = weights()
    return {name: term * weight_of[name] if name in weight_of else term for name, term in terms.items()}


def _counts(spec: TrialSpec, joints_BK2: Tensor, labelled_BK: Tensor, epoch: int) -> dict[str, Tensor]:
    """What the terms are means over, from the labels alone."""
    width, height = spec.data.heatmap_size
    counts = spec.method.counts(joints_BK2, labelled_BK, (height, width), epoch)
    if spec.train.depth:
        counts["l_depth"] = spec.method.depth_count(joints_BK2, labelled_BK, (height, width))
    return counts
