"""Decoders, batched, against the loops that HRNet and DARK publish, and against a softmax alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from heatmark.models.losses import gaussian_targets
from heatmark.workloads.bench.race import Entrant, Heat, Limit
from heatmark.workloads.bench.threads import on_threads
from heatmark.workloads.decoders import NAMES, chosen_decoders

FloatArray = npt.NDArray[np.float32]
TITLE, UNIT = "decoding heatmaps of 17 joints, 64 x 48, fp32", "people"
JOINTS, ROWS, COLUMNS = 17, 64, 48
BATCHES, THREADS = (1, 32, 256), (1, 2)
LEAST_S = 0.05
HRNET, SOFT, BCIR = "HRNet's get_final_preds", "soft@10", "bcir@10"
LIMITS = (Limit(BCIR, 1.25, SOFT), Limit(BCIR, 0.5, HRNET), Limit("dark", 1.0, HRNET), Limit("udp", 1.0, HRNET))


@contextmanager
def heats() -> Iterator[list[Heat]]:
    """Batches of three sizes on one thread and on two; on a GPU too where there is one; and with the gradient."""
    found = [_on_the_cpu(people, threads) for people in BATCHES for threads in THREADS]
    found += [_with_gradient(threads) for threads in THREADS]
    if torch.cuda.is_available():
        found += [_on_the_gpu(people) for people in BATCHES]
    yield found


def _on_the_cpu(people: int, threads: int) -> Heat:
    heatmap_BKHW = _heatmaps(people)
    array_BKHW = heatmap_BKHW.numpy()
    entrants = [
        Entrant(HRNET, partial(_counted, hrnet_loop, array_BKHW)),
        Entrant("DARK's loop", partial(_counted, dark_loop, array_BKHW)),
        Entrant("the largest value alone", partial(_read, partial(torch.amax, dim=(-2, -1)), heatmap_BKHW)),
        Entrant("torch.softmax alone", partial(_read, partial(_softmax, beta=10.0), heatmap_BKHW)),
        *_batched(heatmap_BKHW),
    ]
    entrants = [Entrant(each.name, partial(on_threads, threads, each.run)) for each in entrants]
    return Heat(f"{people} at a time, {threads} thread(s)", entrants, LIMITS, LEAST_S)


def _on_the_gpu(people: int) -> Heat:
    entrants = _batched(_heatmaps(people).cuda())
    return Heat(f"{people} at a time, on the GPU", entrants, (Limit(BCIR, 1.25, SOFT),), LEAST_S)


def _with_gradient(threads: int) -> Heat:
    heatmap_BKHW = _heatmaps(BATCHES[1])
    entrants = [
        Entrant(name, partial(on_threads, threads, partial(_differentiated, decoder.read, heatmap_BKHW)))
        for name, decoder in chosen_decoders(["soft", "bcir"], ["10"]).items()
    ]
    limits = (Limit(BCIR, 1.25, SOFT),)
    return Heat(f"{BATCHES[1]} at a time with their gradient, {threads} thread(s)", entrants, limits, LEAST_S)


def _heatmaps(people: int = 32) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    joints_BK2 = torch.rand(people, JOINTS, 2, generator=generator) * torch.tensor([COLUMNS - 1.0, ROWS - 1.0])
    noise_BKHW = 0.05 * torch.randn(people, JOINTS, ROWS, COLUMNS, generator=generator)
    target_BKHW, _ = gaussian_targets(joints_BK2, torch.ones(people, JOINTS), (ROWS, COLUMNS), sigma=2.0)
    return target_BKHW + noise_BKHW


def _batched(heatmap_BKHW: Tensor) -> list[Entrant]:
    decoders = chosen_decoders(list(NAMES), ["10"])
    return [Entrant(name, partial(_read, decoder.read, heatmap_BKHW)) for name, decoder in decoders.items()]


def _read(read: Callable[[Tensor], Tensor], heatmap_BKHW: Tensor) -> int:
    read(heatmap_BKHW)
    if heatmap_BKHW.is_cuda:
        torch.cuda.synchronize()
    return len(heatmap_BKHW)


def _differentiated(read: Callable[[Tensor], Tensor], heatmap_BKHW: Tensor) -> int:
    leaf_BKHW = heatmap_BKHW.detach().requires_grad_()
    torch.autograd.grad(read(leaf_BKHW).sum(), leaf_BKHW)
    return len(heatmap_BKHW)


def _softmax(heatmap_BKHW: Tensor, beta: float) -> Tensor:
    return torch.softmax(beta * heatmap_BKHW.flatten(-2), dim=-1)


def _counted(read: Callable[[FloatArray], FloatArray], heatmap_BKHW: FloatArray) -> int:
    return len(read(heatmap_BKHW))


def hrnet_loop(heatmap_BKHW: FloatArray) -> FloatArray:
    """joints_BK2 as HRNet's get_max_preds and the loop of get_final_preds find them, without the way to the image."""
    height, width = heatmap_BKHW.shape[2:]
    flat_BKP = heatmap_BKHW.reshape(*heatmap_BKHW.shape[:2], -1)
    index_BK1, peak_BK1 = flat_BKP.argmax(2)[..., None], flat_BKP.max(2)[..., None]
    joints_BK2 = np.tile(index_BK1, (1, 1, 2)).astype(np.float32)
    joints_BK2[..., 0] = joints_BK2[..., 0] % width
    joints_BK2[..., 1] = np.floor(joints_BK2[..., 1] / width)
    joints_BK2 *= np.tile(peak_BK1 > 0, (1, 1, 2)).astype(np.float32)
    for person in range(joints_BK2.shape[0]):
        for joint in range(joints_BK2.shape[1]):
            map_HW = heatmap_BKHW[person][joint]
            x, y = (math.floor(value + 0.5) for value in joints_BK2[person][joint])
            if 1 < x < width - 1 and 1 < y < height - 1:
                slope_2 = np.array([map_HW[y][x + 1] - map_HW[y][x - 1], map_HW[y + 1][x] - map_HW[y - 1][x]])
                joints_BK2[person][joint] += np.sign(slope_2) * 0.25
    return joints_BK2


def dark_loop(heatmap_BKHW: FloatArray, kernel: int = 11) -> FloatArray:
    """joints_BK2 as DARK's gaussian_blur and taylor find them, one map at a time."""
    height, width = heatmap_BKHW.shape[2:]
    border = kernel // 2
    flat_BKP = heatmap_BKHW.reshape(*heatmap_BKHW.shape[:2], -1)
    joints_BK2 = np.stack(np.divmod(flat_BKP.argmax(2), width)[::-1], axis=-1).astype(np.float32)
    for person in range(joints_BK2.shape[0]):
        for joint in range(joints_BK2.shape[1]):
            peak = heatmap_BKHW[person, joint].max()
            padded = np.zeros((height + 2 * border, width + 2 * border))
            padded[border:-border, border:-border] = heatmap_BKHW[person, joint]
            blurred_HW = cv2.GaussianBlur(padded, (kernel, kernel), 0)[border:-border, border:-border]
            log_HW = np.log(np.maximum(blurred_HW * peak / blurred_HW.max(), 1e-10))
            x, y = (int(value) for value in joints_BK2[person, joint])
            if 1 < x < width - 2 and 1 < y < height - 2:
                joints_BK2[person, joint] += _taylor(log_HW, x, y)
    return joints_BK2


def _taylor(log_HW: npt.NDArray[np.float64], x: int, y: int) -> npt.NDArray[np.float64]:
    dx, dy = 0.5 * (log_HW[y][x + 1] - log_HW[y][x - 1]), 0.5 * (log_HW[y + 1][x] - log_HW[y - 1][x])
    dxx = 0.25 * (log_HW[y][x + 2] - 2 * log_HW[y][x] + log_HW[y][x - 2])
    dyy = 0.25 * (log_HW[y + 2][x] - 2 * log_HW[y][x] + log_HW[y - 2][x])
    dxy = 0.25 * (log_HW[y + 1][x + 1] - log_HW[y - 1][x + 1] - log_HW[y + 1][x - 1] + log_HW[y - 1][x - 1])
    if dxx * dyy - dxy**2 == 0:
        return np.zeros(2)
    step_2: npt.NDArray[np.float64] = -np.linalg.inv(np.array([[dxx, dxy], [dxy, dyy]])) @ np.array([dx, dy])
    return step_2
