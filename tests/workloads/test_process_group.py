"""Ranks meet wherever a job may find itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RANK = """
import sys
from pathlib import Path
import torch
from heatmark.workloads.launch import Launch
from heatmark.workloads.process_group import process_group
with process_group(Launch("job", rank=int(sys.argv[2]), world_size=2, local_rank=int(sys.argv[2])), Path(sys.argv[1])) as ranks:
    print("total", ranks.total_later(torch.ones(1)).read())
"""  # noqa: E501


def test_ranks_meet_without_a_compiler_and_without_a_home(tmp_path: Path) -> None:
    extensions = tmp_path / "extensions"
    environment = {
        **os.environ,
        "CXX": "/nonexistent/c++",
        "PATH": "/nonexistent",
        "HOME": "/proc/none",
        "TORCH_EXTENSIONS_DIR": str(extensions),
        "CUDA_VISIBLE_DEVICES": "",
    }
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(tmp_path), str(rank)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    for rank in ranks:
        output, _ = rank.communicate(timeout=250)
        assert rank.returncode == 0 and "total [2.0]" in output, output
    assert not list(extensions.rglob("*.so"))
