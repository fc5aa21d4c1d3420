"""A training step of BCIR: DeepSpeed's stages and memory layouts against torch alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from heatmark.models.maps import split_maps
from heatmark.workloads.bench.race import Entrant
from heatmark.workloads.engine import build_engine, network_input
from heatmark.workloads.launch import Launch
from heatmark.workloads.process_group import Ranks, process_group
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.train import build_model

TITLE, UNIT = "steps of BCIR on sbl-r18-w16, 16 crops of 96 x 128, one rank", "crops"
JOINTS, BATCH, WIDTH, HEIGHT, STEPS = 17, 16, 96, 128, 4


@contextmanager
def entrants() -> Iterator[list[Entrant]]:
    with tempfile.TemporaryDirectory() as folder, process_group(Launch.from_environment(), Path(folder)) as ranks:
        yield [
            Entrant("torch alone", _alone(ranks)),
            Entrant("DeepSpeed ZeRO-0", _with_deepspeed(ranks, zero_stage=0, channels_last=False)),
            Entrant("DeepSpeed ZeRO-0, channels last", _with_deepspeed(ranks, zero_stage=0, channels_last=True)),
            Entrant("DeepSpeed ZeRO-1", _with_deepspeed(ranks, zero_stage=1)),
            Entrant("DeepSpeed ZeRO-2", _with_deepspeed(ranks, zero_stage=2)),
        ]


def _spec(**runtime: Any) -> TrialSpec:
    content = {
        "method": {"name": "bcir"},
        "backbone": "sbl-r18-w16",
        "data": {"name": "noise", "fingerprint": "bench", "input_size": [WIDTH, HEIGHT]},
        "train": {"epochs": 1, "batch_size": BATCH},
        "runtime": {"data_root": "", **runtime},
    }
    return TrialSpec.model_validate_json(json.dumps(content))


def _alone(ranks: Ranks) -> partial[int]:
    spec = _spec()
    model = build_model(spec, JOINTS).to(ranks.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=spec.train.lr)

    def update(loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return partial(_steps, spec, ranks, model, update)


def _with_deepspeed(ranks: Ranks, **runtime: Any) -> partial[int]:
    spec = _spec(**runtime)
    engine = build_engine(build_model(spec, JOINTS), spec, ranks)

    def update(loss: Tensor) -> None:
        engine.backward(loss)
        engine.step()

    return partial(_steps, spec, ranks, engine, update)


def _steps(spec: TrialSpec, ranks: Ranks, model: nn.Module, update: Any) -> int:
    generator = torch.Generator().manual_seed(0)
    image_BHW3 = torch.randint(0, 256, (BATCH, HEIGHT, WIDTH, 3), dtype=torch.uint8, generator=generator)
    unit_BK2 = torch.rand(BATCH, JOINTS, 2, generator=generator)
    joints_BK2 = (unit_BK2 * torch.tensor([WIDTH / 4 - 1, HEIGHT / 4 - 1])).to(ranks.device)
    labelled_BK = torch.ones(BATCH, JOINTS, device=ranks.device)
    for _ in range(STEPS):
        maps = split_maps(model(network_input(image_BHW3, ranks.device)), JOINTS)
        terms = spec.method.terms(maps, joints_BK2, labelled_BK, 0, None)
        update(torch.stack(list(terms.values())).sum())
    if ranks.device.type == "cuda":
        torch.cuda.synchronize()
    return STEPS * BATCH
