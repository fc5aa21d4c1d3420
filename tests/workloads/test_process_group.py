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

ONE_AFTER_ANOTHER = """
import sys
from pathlib import Path
from heatmark.workloads.engine import build_engine
from heatmark.workloads.launch import Launch
from heatmark.workloads.process_group import process_group
from heatmark.workloads.train import build_model
from tests.made_up import made_spec
spec = made_spec("bcir")
for job in ("first", "second"):
    with process_group(Launch(job), Path(sys.argv[1])) as ranks:
        build_engine(build_model(spec, 17), spec, ranks)
print("both")
"""


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


def test_a_process_joins_the_ranks_of_one_job_after_those_of_another(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ONE_AFTER_ANOTHER, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert found.returncode == 0 and "both" in found.stdout, found.stderr


def test_a_rank_starts_without_mlflow_and_may_still_import_it(tmp_path: Path) -> None:
    """DeepSpeed would import it, which takes as long as all else together."""
    program = (
        "import sys; from pathlib import Path; from heatmark.workloads.launch import Launch; "
        "from heatmark.workloads.process_group import process_group\n"
        "with process_group(Launch('job'), Path(sys.argv[1])): print('mlflow' in sys.modules)\n"
        "import mlflow; print(mlflow.__name__)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["False", "mlflow"]
