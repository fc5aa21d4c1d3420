"""A training step of BCIR: DeepSpeed's stages against a loop in torch alone, and what host and ranks wait for in it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from heatmark.datasets.loader import Batch
from heatmark.workloads.bench.race import Entrant, Heat, Limit
from heatmark.workloads.bench.threads import on_threads
from heatmark.workloads.bench.waits import Waits
from heatmark.workloads.engine import build_engine
from heatmark.workloads.launch import Launch
from heatmark.workloads.process_group import Ranks, process_group
from heatmark.workloads.spec import TrialSpec
from heatmark.workloads.step import loss_terms, take_step
from heatmark.workloads.train import build_model

TITLE, UNIT = "steps of BCIR on sbl-r18-w16, 16 crops of 96 x 128, one rank", "crops"
JOINTS, BATCH, WIDTH, HEIGHT, STEPS = 17, 16, 96, 128, 4
THREADS = (1, 2)
ALONE, OURS = "torch alone", "heatmark (ZeRO-0)"


@contextmanager
def heats() -> Iterator[list[Heat]]:
    """The same arithmetic on one thread and on two; weights channels-last but where it is said."""
    with tempfile.TemporaryDirectory() as folder, process_group(Launch.from_environment(), Path(folder)) as ranks:
        ways = {
            ALONE: _alone(ranks),
            OURS: _ours(ranks),
            "heatmark, channels first": _ours(ranks, channels_last=False),
            "heatmark, ZeRO-1": _ours(ranks, zero_stage=1),
            "heatmark, ZeRO-2": _ours(ranks, zero_stage=2),
        }
        runs = {name: partial(_steps, step, ranks) for name, step in ways.items()}
        facts = _waits(ranks)
        yield [
            Heat(
                f"{threads} thread(s)",
                [Entrant(name, partial(on_threads, threads, run)) for name, run in runs.items()],
                (Limit(OURS, 1.03, ALONE),),
                facts=facts,
            )
            for threads in THREADS
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


def _batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    unit_BK2 = torch.rand(BATCH, JOINTS, 2, generator=generator)
    return Batch(
        image_BHW3=torch.randint(0, 256, (BATCH, HEIGHT, WIDTH, 3), dtype=torch.uint8, generator=generator),
        joints_BK2=unit_BK2 * torch.tensor([WIDTH - 4.0, HEIGHT - 4.0]),
        labelled_BK=torch.ones(BATCH, JOINTS),
        depth_BK=torch.zeros(BATCH, JOINTS),
        person_B=torch.arange(BATCH),
        image_to_crop_B23=torch.zeros(BATCH, 2, 3, dtype=torch.float64),
        unreadable_B=torch.zeros(BATCH, dtype=torch.bool),
    )


class _Bare(nn.Module):
    """A network where DeepSpeed's engine would be."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, image_B3HW: torch.Tensor) -> Any:
        return self.module(image_B3HW)


def _alone(ranks: Ranks) -> Callable[[], object]:
    """What a loop without DeepSpeed does, and reads the loss after every step."""
    spec, batch = _spec(), _batch()
    model = _Bare(build_model(spec, JOINTS))
    model.to(ranks.device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(model.parameters(), lr=spec.train.lr, fused=ranks.device.type == "cuda")

    def step() -> float:
        loss = torch.stack(list(loss_terms(model, spec, ranks, batch, 0).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), spec.train.gradient_clipping)
        optimizer.step()
        return float(loss.item())

    return step


def _ours(ranks: Ranks, **runtime: Any) -> Callable[[], object]:
    spec, batch = _spec(**runtime), _batch()
    engine = build_engine(build_model(spec, JOINTS), spec, ranks)
    return partial(take_step, engine, spec, ranks, batch, 0, stop=False)


def _steps(step: Callable[[], Any], ranks: Ranks) -> int:
    for _ in range(STEPS):
        step()
    if ranks.device.type == "cuda":
        torch.cuda.synchronize()
    return STEPS * BATCH


def _waits(ranks: Ranks) -> dict[str, float]:
    """Of one step with each stage: reads that the host waits for, and collectives."""
    found: dict[str, float] = {}
    for stage in (0, 1, 2):
        spec, batch = _spec(zero_stage=stage), _batch()
        engine = build_engine(build_model(spec, JOINTS), spec, ranks)
        take_step(engine, spec, ranks, batch, 0, stop=False).facts()
        optimizer = engine.optimizer.optimizer if stage else engine.optimizer
        with Waits(on_host=[state["step"] for state in optimizer.state.values()]) as waits:
            take_step(engine, spec, ranks, batch, 0, stop=False)
        found[f"host waits per step, ZeRO-{stage}"] = waits.host.total()
        found[f"collectives per step, ZeRO-{stage}"] = waits.collectives.total()
    return found
