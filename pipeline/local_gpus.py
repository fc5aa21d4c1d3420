"""The GPUs of this machine, shared out among the trials that run side by side on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from heatmark.foundation.command import CommandFailed, run_command
from heatmark.workloads.launch import VISIBLE


def gpus_here(environment: Mapping[str, str]) -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none without an NVIDIA driver."""
    chosen = environment.get(VISIBLE)
    if chosen is not None:
        return [name for name in chosen.replace(" ", "").split(",") if name and name != "-1"]
    try:
        lines = run_command(["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"], timeout_s=30).split()
    except CommandFailed:
        return []
    return [line for line in lines if line.isdigit()]


def choose_gpus(gpus: Sequence[str], taken: Sequence[str], ranks: int) -> list[str]:
    """GPUs for the ranks of one trial: those with the fewest trials on them first. taken: by every live trial."""
    trials = Counter(taken)
    free = sorted(gpus, key=lambda gpu: trials[gpu])  # stable: in the machine's order
    return free[:ranks]
