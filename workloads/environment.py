"""What a result ran on: versions of what decides numbers, and the machine."""

from __future__ import annotations

import os
import platform
import socket
from importlib.metadata import PackageNotFoundError, version

import psutil
import torch

from heatmark.foundation.processor import processor_name

PACKAGES = ("heatmark", "torch", "deepspeed", "ray", "mlflow", "submitit", "numpy", "opencv-python-headless")


def versions() -> dict[str, str]:
    """Installed versions by package name."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine() -> dict[str, object]:
    """Host, processor, cores this process may use, memory, GPUs."""
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "cpu": processor_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    }
