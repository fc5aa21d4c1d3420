"""A small net that has seen its validation people for a moment, and trials of every method that begin with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from heatmark.datasets.loader import heatmap_joints
from heatmark.datasets.synthetic.coco_tree import SyntheticCoco, write_coco
from heatmark.models.maps import maps_per_joint
from heatmark.models.method import Method
from heatmark.workloads import checkpoint
from heatmark.workloads.engine import network_input
from heatmark.workloads.evaluate import maps_of
from heatmark.workloads.process_group import Ranks
from heatmark.workloads.run_folder.folder import RunFolder
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.train import build_model
from heatmark.workloads.views import load_split, loader_of
from tests.made_up import made_epoch, made_spec, planned

JOINTS, CPU = 17, torch.device("cpu")
State = dict[str, Tensor]
Build = Callable[[TrialSpec], nn.Module]


def drawn_people(root: Path, people: int = 16) -> Path:
    write_coco(root, SyntheticCoco(people_train=2, people_val=people, seed=1))
    return root


def spec_of(root: Path, method: str | dict[str, Any] | Method, **train: Any) -> TrialSpec:
    section = {"epochs": 1, "batch_size": 16, **train}
    return made_spec(method, train=section, data={"input_size": [64, 64]}, runtime={"data_root": str(root)})


class SmallNet(nn.Module):
    """Few layers, whose graph is soon written, that see far enough to know a person again."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 32, 7, 2, 3), nn.ReLU(), nn.Conv2d(32, 32, 3, 2, 1), nn.ReLU()]
        for reach in (2, 4, 2):
            layers += [nn.Conv2d(32, 32, 3, 1, reach, reach), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(32, maps, 1)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        found: Tensor = self.final_layer(self.layers(image_B3HW))
        return found


def small_net(spec: TrialSpec) -> nn.Module:
    """With what build_model adds for the method."""
    torch.manual_seed(0)
    net = SmallNet(JOINTS * maps_per_joint(spec.method.latent_maps, False))
    for name, layers in (("learned", spec.method.learned()), ("reader", spec.method.reader(JOINTS, (16, 16)))):
        if layers is not None:
            net.add_module(name, layers)
    return net


def usual_net(spec: TrialSpec) -> nn.Module:
    """That of the spec's backbone."""
    return build_model(spec, JOINTS)


def taught(root: Path, steps: int, build: Build = usual_net) -> State:
    """The weights of a detection net after some steps on the validation people."""
    spec = spec_of(root, "detection")
    model = build(spec)
    learn(model, spec, steps)
    return dict(model.state_dict())


def learn(model: nn.Module, spec: TrialSpec, steps: int) -> None:
    """Adam on the validation people as they are; the net is left in evaluation mode."""
    people = load_split(spec, "val")
    loader = loader_of(spec, people, Ranks(0, 1, CPU), training=False)
    batches = list(loader)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for step in range(steps):
        batch = batches[step % len(batches)]
        maps = maps_of(model, spec, JOINTS, model(network_input(batch["image_BHW3"], CPU)))
        joints_BK2 = heatmap_joints(batch, spec.data.pitch)
        terms = spec.method.terms(maps, joints_BK2, batch["labelled_BK"], 0, getattr(model, "learned", None))
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimiser.step()
    model.eval()


def begun(spec: TrialSpec, state: State, build: Build = usual_net, steps: int = 0) -> nn.Module:
    """A net with what of those weights fits, its maps scaled to the method's beta, and some steps of its own."""
    model = build(spec)
    own = dict(model.state_dict())
    for name, value in state.items():
        if name in own and value.ndim and own[name].shape[1:] == value.shape[1:]:
            own[name][: len(value)] = value
            if name.startswith("final_layer"):
                own[name][: len(value)] *= 10 / getattr(spec.method, "beta", 10)
    model.load_state_dict(own)
    learn(model, spec, steps)
    return model.eval()


def as_run(path: Path, spec: TrialSpec, model: nn.Module, **val: float) -> RunFolder:
    """A run folder with these weights after one epoch. val: its metrics on record."""
    folder = planned(path / spec.signature, spec)
    state = {"training": {"model": model.state_dict()}, "position": {"epoch": 1, "batch": 0, "step": 1}}
    checkpoint.save(folder, state, 1, keep=1)
    if val:
        folder.append_epoch(made_epoch(0, {f"gtbox/{name}": value for name, value in val.items()}))
    return folder
