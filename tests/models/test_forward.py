"""The same outputs as a second construction of each network, written from its published description on state dicts."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from heatmark.models.backbones import parse_backbone

State = dict[str, Tensor]


def random_state(name: str, joints: int) -> State:
    """Weights and statistics that leave no layer without effect, and the features of order 1."""
    generator = torch.Generator().manual_seed(0)
    state = parse_backbone(name).build(joints).state_dict()
    for key, value in state.items():
        if value.ndim == 4:
            value.copy_(torch.randn(value.shape, generator=generator) * (0.5 / value[0].numel()) ** 0.5)
        elif value.is_floating_point():
            spread = 0.2 * torch.rand(value.shape, generator=generator)
            value.copy_(spread + (0.9 if key.endswith(("weight", "running_var")) else 0))
    return state


def norm(state: State, key: str, x: Tensor) -> Tensor:
    """Batch norm with its statistics, written out."""
    scale = state[f"{key}.weight"] / (state[f"{key}.running_var"] + 1e-5).sqrt()
    shift = state[f"{key}.bias"] - state[f"{key}.running_mean"] * scale
    return x * scale[:, None, None] + shift[:, None, None]


def conv(state: State, key: str, norm_key: str, x: Tensor, stride: int = 1, *, relu: bool = True) -> Tensor:
    weight = state[f"{key}.weight"]
    x = norm(state, norm_key, F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2))
    return x.clamp(min=0) if relu else x


def residual(state: State, key: str, x: Tensor, strides: tuple[int, ...]) -> Tensor:
    """A block of as many convolutions as strides, and its shortcut."""
    y, count = x, len(strides)
    for n, stride in enumerate(strides, start=1):
        y = conv(state, f"{key}.conv{n}", f"{key}.bn{n}", y, stride, relu=n < count)
    if f"{key}.downsample.0.weight" in state:
        x = conv(state, f"{key}.downsample.0", f"{key}.downsample.1", x, max(strides), relu=False)
    return (x + y).clamp(min=0)


def simple_baseline_50(state: State, image: Tensor, caffe: bool) -> Tensor:
    x = F.max_pool2d(conv(state, "conv1", "bn1", image, 2), 3, 2, 1)
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            stride = 2 if stage > 1 and block == 0 else 1
            strides = (stride, 1, 1) if caffe else (1, stride, 1)
            x = residual(state, f"layer{stage}.{block}", x, strides)
    for n in (0, 3, 6):
        x = F.conv_transpose2d(x, state[f"deconv_layers.{n}.weight"], stride=2, padding=1)
        x = norm(state, f"deconv_layers.{n + 1}", x).clamp(min=0)
    return F.conv2d(x, state["final_layer.weight"], state["final_layer.bias"])


def hrnet(state: State, image: Tensor) -> Tensor:
    x = conv(state, "conv2", "bn2", conv(state, "conv1", "bn1", image, 2), 2)
    for block in range(4):
        x = residual(state, f"layer1.{block}", x, (1, 1, 1))
    branches = [conv(state, "transition1.0.0", "transition1.0.1", x)]
    branches.append(conv(state, "transition1.1.0.0", "transition1.1.0.1", x, 2))
    for stage, modules in ((2, 1), (3, 4), (4, 3)):
        if stage > 2:
            new = f"transition{stage - 1}.{stage - 1}.0"
            branches.append(conv(state, f"{new}.0", f"{new}.1", branches[-1], 2))
        for module in range(modules):
            branches = hrnet_module(state, f"stage{stage}.{module}", branches)
    return F.conv2d(branches[0], state["final_layer.weight"], state["final_layer.bias"])


def hrnet_module(state: State, key: str, branches: list[Tensor]) -> list[Tensor]:
    for j in range(len(branches)):
        for block in range(4):
            branches[j] = residual(state, f"{key}.branches.{j}.{block}", branches[j], (1, 1))
    fused = []
    for i in range(len(branches)):
        if i > 0 and not any(name.startswith(f"{key}.fuse_layers.{i}.") for name in state):
            break
        total = branches[i]
        for j, x in enumerate(branches):
            fuse = f"{key}.fuse_layers.{i}.{j}"
            if j > i:
                x = conv(state, f"{fuse}.0", f"{fuse}.1", x, relu=False)
                total = total + x.repeat_interleave(2 ** (j - i), -1).repeat_interleave(2 ** (j - i), -2)
            elif j < i:
                for step in range(i - j):
                    x = conv(state, f"{fuse}.{step}.0", f"{fuse}.{step}.1", x, 2, relu=step < i - j - 1)
                total = total + x
        fused.append(total.clamp(min=0))
    return fused


@pytest.mark.parametrize("name", ["sbl-r50", "sbl-r50-caffe", "hrnet-w32"])
@torch.no_grad()
def test_the_network_computes_what_its_description_says(name: str) -> None:
    state = random_state(name, 17)
    net = parse_backbone(name).build(17)
    net.load_state_dict(state)
    image = torch.randn(1, 3, 128, 96, generator=torch.Generator().manual_seed(1))
    found = net.eval()(image)
    described = hrnet(state, image) if name.startswith("hrnet") else simple_baseline_50(state, image, "caffe" in name)
    assert found.shape == (1, 17, 32, 24)
    assert 0.01 < described.std() < 100
    torch.testing.assert_close(found / described.std(), described / described.std(), rtol=0, atol=1e-5)
