"""The ranks of one trial: a real DeepSpeed process group, gloo on CPU and nccl on GPU."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

# Before deepspeed is imported: without a GPU it would look for numactl and oneCCL first.
import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import TCPStore

from heatmark.foundation.files import read_json, write_json
from heatmark.workloads.launch import Launch

if not torch.cuda.is_available():
    os.environ.setdefault("DS_ACCELERATOR", "cpu")

TIMEOUT = timedelta(minutes=10)
CONNECT_TIMEOUT = timedelta(seconds=20)


class Later:
    """Numbers on their way from the device to the host, which goes on; `read` waits for them, and for nothing else."""

    def __init__(self, values_N: Tensor, work: dist.Work | None = None) -> None:
        """work: the collective that they are the result of."""
        self._work, self._copied = work, None
        if values_N.device.type == "cuda":
            if work is not None:
                work.wait()  # on the GPU's queue, not here
            pinned_N = torch.empty(values_N.shape, dtype=values_N.dtype, pin_memory=True)
            self._values_N = pinned_N.copy_(values_N, non_blocking=True)
            self._copied = torch.Event(values_N.device)
            self._copied.record()
        else:
            self._values_N = values_N

    def read(self) -> list[float]:
        if self._copied is not None:
            self._copied.synchronize()
        elif self._work is not None:
            self._work.wait()
        return [float(value) for value in self._values_N.tolist()]


@dataclass(frozen=True)
class Ranks:
    """The process group, seen from one rank."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def barrier(self) -> None:
        if self.world_size > 1:
            dist.barrier()

    def maximum(self, values: list[float]) -> list[float]:
        """The largest of each value over all ranks: how ranks agree on a flag."""
        if self.world_size == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
        return [float(value) for value in tensor.tolist()]

    def total_later(self, values_N: Tensor) -> Later:
        """The sum of each value over all ranks, without waiting for them. values_N: on the device; is overwritten."""
        work = dist.all_reduce(values_N, async_op=True) if self.world_size > 1 else None
        return Later(values_N, work)

    def weights_later(self, counts: Mapping[str, Tensor]) -> Callable[[], dict[str, Tensor]]:
        """What this rank's means of so many values each weigh among those of all ranks; 1 where all have as many.

        The mean over ranks of weight times mean is the mean over all values, 0 where there are none. Call the result
        when the weights are needed: nothing waits for them before.
        """
        own_N = torch.stack([count.double() for count in counts.values()]) if counts else torch.zeros(0)
        total_N = own_N.clone()
        work = dist.all_reduce(total_N, async_op=True) if self.world_size > 1 and counts else None

        def weights() -> dict[str, Tensor]:
            if work is not None:
                work.wait()  # on a GPU its queue waits, not the host
            weight_N = self.world_size * own_N / total_N.clamp(min=1)
            return dict(zip(counts, weight_N.float().unbind(), strict=True))

        return weights

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, on every rank, in order of rank."""
        if self.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value)
        return values

    def average_buffers(self, module: torch.nn.Module) -> None:
        """Batch-norm statistics, which every rank gathers on its own shard, become the same on all."""
        if self.world_size == 1:
            return
        for buffer in module.buffers():
            if buffer.is_floating_point():
                dist.all_reduce(buffer)
                buffer.div_(self.world_size)


@contextmanager
def process_group(launch: Launch, folder: Path) -> Iterator[Ranks]:
    """Join the ranks of a job. folder: where rank 0 publishes its address, seen by all ranks."""
    deepspeed = _import_deepspeed()
    # DeepSpeed would compile an op at every start on CPU that only its tensor-parallel inference calls; with it would
    # come a compiler, Python's headers, a home that can be written, and locks there.
    deepspeed.ops.__compatible_ops__ = {}
    device = _device(launch.local_rank)
    if launch.nodes == 1:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = _rendezvous(launch, folder)
    os.environ.update(RANK=str(launch.rank), WORLD_SIZE=str(launch.world_size), LOCAL_RANK=str(launch.local_rank))
    os.environ.update(MASTER_ADDR=store.host, MASTER_PORT=str(store.port))
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=launch.rank, world_size=launch.world_size, timeout=TIMEOUT)
    deepspeed.init_distributed(dist_backend=backend, auto_mpi_discovery=False, verbose=False)
    try:
        yield Ranks(launch.rank, launch.world_size, device)
    finally:
        # DeepSpeed's own, which also lets go of the groups that it keeps: the next process group would be given those.
        deepspeed.comm.destroy_process_group()


def _import_deepspeed() -> Any:
    """Without MLflow, which DeepSpeed's autotuner imports where it is installed, and nothing of a trial calls: most of
    the time that a rank would take to start.
    """
    absent = "mlflow" not in sys.modules
    if absent:
        sys.modules["mlflow"] = None  # type: ignore[assignment]  # the documented way to make an import fail
    try:
        import deepspeed
    finally:
        if absent:
            del sys.modules["mlflow"]
    return deepspeed


def _device(local_rank: int) -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", local_rank % torch.cuda.device_count())
    torch.cuda.set_device(device)
    return device


def _rendezvous(launch: Launch, folder: Path) -> TCPStore:
    """A store on a port the kernel chose, published under this job's id: it can neither collide nor be stale."""
    address_file = folder / f"rendezvous-{launch.token}.json"
    if launch.rank == 0:
        store = TCPStore(launch.host, 0, launch.world_size, is_master=True, timeout=TIMEOUT, wait_for_workers=False)
        if launch.world_size > 1:
            write_json(address_file, {"host": launch.host, "port": store.port})
        return store
    deadline = time.monotonic() + TIMEOUT.total_seconds()
    while time.monotonic() < deadline:
        address = read_json(address_file)
        try:
            if address is not None:
                host, port = address["host"], address["port"]
                return TCPStore(host, port, launch.world_size, is_master=False, timeout=CONNECT_TIMEOUT)
        except dist.DistError:
            pass  # the address of an attempt that died at its start; rank 0 of this one writes its own over it
        time.sleep(0.1)
    raise TimeoutError(f"rank {launch.rank} did not reach rank 0 by {address_file} within {TIMEOUT}")


def seed_everything(seed: int) -> None:
    """Initial weights depend on the seed alone; augmentation draws from its own generators (datasets/augment.py)."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
