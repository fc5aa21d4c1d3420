"""The loss is that of the global batch, over however many ranks it is spread: a real process group."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# A network without batch norm, whose statistics are each rank's own. People have from 1 to 8 labelled joints.
RANK = """
import json, sys
from pathlib import Path
import numpy as np
import torch
from heatmark.datasets.loader import Batch
from heatmark.workloads.launch import Launch
from heatmark.workloads.process_group import process_group
from heatmark.workloads.step import loss_terms
from tests.made_up import made_spec
folder, rank, ranks = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with process_group(Launch("job", rank=rank, world_size=ranks, local_rank=rank), folder) as group:
    torch.manual_seed(0)
    net = torch.nn.Conv2d(3, 17, 3, stride=4, padding=1)
    net.module = torch.nn.Module()
    people = torch.arange(8)[rank::ranks]
    batch = Batch(
        image_BHW3=torch.randint(0, 256, (8, 64, 64, 3), dtype=torch.uint8)[people],
        joints_BK2=(torch.rand(8, 17, 2) * 80 - 8)[people],
        labelled_BK=(torch.arange(17) <= torch.arange(8)[:, None]).float()[people],
        depth_BK=torch.zeros(8, 17)[people],
        person_B=people,
        image_to_crop_B23=torch.zeros(8, 2, 3)[people],
        unreadable_B=torch.zeros(8, dtype=torch.bool)[people],
    )
    spec = made_spec(sys.argv[4], data={"input_size": [64, 64]})
    net.module.reader = spec.method.reader(17, (16, 16))
    terms = loss_terms(net, spec, group, batch, 0)
    loss = torch.stack(list(terms.values())).sum()
    loss.backward()
    values = [loss.detach() / ranks, *(p.grad.flatten()[::7].double() / ranks for p in net.parameters())]
    print(json.dumps(group.total_later(torch.cat([each.double().flatten() for each in values])).read()))
"""


def over(ranks: int, folder: Path, method: str) -> list[float]:
    """The loss, and a part of its gradient, averaged over the ranks as DeepSpeed does."""
    folder.mkdir()
    command = [sys.executable, "-c", RANK, str(folder)]
    jobs = [
        subprocess.Popen([*command, str(rank), str(ranks), method], stdout=subprocess.PIPE, text=True)
        for rank in range(ranks)
    ]
    outputs = [job.communicate(timeout=250)[0] for job in jobs]
    assert all(job.returncode == 0 for job in jobs), outputs
    found = [json.loads(output.splitlines()[-1]) for output in outputs]
    assert all(each == found[0] for each in found)
    return list(found[0])


@pytest.mark.parametrize("method", ["bcir", "simcc", "sampling_argmax"])
def test_one_two_and_four_ranks_have_the_same_loss_and_gradient(method: str, tmp_path: Path) -> None:
    alone = over(1, tmp_path / "1", method)
    assert len(alone) > 60 and any(abs(value) > 1e-3 for value in alone[1:])
    for ranks in (2, 4):
        assert over(ranks, tmp_path / str(ranks), method) == pytest.approx(alone, rel=1e-5, abs=1e-5)
