"""DARK's and UDP's decoders against loops written from the published descriptions, and on Gaussians."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch

from heatmark.models.decoding import argmax
from heatmark.models.decoding_refined import dark, smoothed, udp
from tests.made_up import gaussian_HW


def opencv_smoothed(heatmap_HW: Any, kernel: int) -> Any:
    border = kernel // 2
    blurred = cv2.GaussianBlur(np.pad(heatmap_HW, border), (kernel, kernel), 0)[border:-border, border:-border]
    return blurred * heatmap_HW.max() / blurred.max()


def one_by_one(heatmap_HW: Any, decoder: str, kernel: int) -> Any:
    """One map, with numpy's inverse."""
    height, width = heatmap_HW.shape
    y, x = np.unravel_index(heatmap_HW.argmax(), heatmap_HW.shape)
    low, high = {"dark": (1e-10, np.inf), "udp": (1e-3, 50)}[decoder]
    m = np.pad(np.log(np.clip(opencv_smoothed(heatmap_HW, kernel), low, high)), 2, mode="edge")
    u, v = x + 2, y + 2
    gradient = np.array([m[v, u + 1] - m[v, u - 1], m[v + 1, u] - m[v - 1, u]]) / 2
    if decoder == "dark":
        if not (1 < x < width - 2 and 1 < y < height - 2):
            return np.array([x, y], float)
        xx, yy = (m[v, u + 2] - 2 * m[v, u] + m[v, u - 2]) / 4, (m[v + 2, u] - 2 * m[v, u] + m[v - 2, u]) / 4
        xy = (m[v + 1, u + 1] - m[v - 1, u + 1] - m[v + 1, u - 1] + m[v - 1, u - 1]) / 4
    else:
        xx, yy = m[v, u + 1] - 2 * m[v, u] + m[v, u - 1], m[v + 1, u] - 2 * m[v, u] + m[v - 1, u]
        xy = m[v + 1, u + 1] - m[v, u + 1] - m[v + 1, u] + 2 * m[v, u] - m[v, u - 1] - m[v - 1, u] + m[v - 1, u - 1]
        xy = xy / 2
    hessian = np.array([[xx, xy], [xy, yy]])
    if np.linalg.eigvalsh(hessian).max() >= 0:  # ours: no step from a point that is no maximum
        return np.array([x, y], float)
    return np.array([x, y]) - np.linalg.inv(hessian) @ gradient


@pytest.mark.parametrize(("decoder", "read"), [("dark", dark), ("udp", udp)])
@pytest.mark.parametrize("kernel", [11, 17])
def test_a_batch_is_read_as_map_by_map(decoder: str, read: Any, kernel: int) -> None:
    """Peaks in the middle, near and at the border, over a positive background that tells the rules apart."""
    generator = np.random.default_rng(0)
    means = [(20.3, 30.7), (1.2, 30.0), (2.2, 2.4), (46.6, 61.0), (45.4, 20.1), (10.0, 0.4), (24.5, 62.6), (33.3, 1.6)]
    maps = np.stack([0.8 * gaussian_HW((64, 48), mean) + 0.01 * generator.random((64, 48)) for mean in means])
    expected = np.stack([one_by_one(each, decoder, kernel) for each in maps])
    found = read(torch.from_numpy(maps).view(2, 4, 64, 48), kernel).view(8, 2).numpy()
    assert found == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("read", [dark, udp])
@pytest.mark.parametrize("mean", [(20.0, 30.0), (20.3, 30.7), (19.55, 31.45), (12.25, 40.5)])
def test_the_centre_of_a_gaussian_is_found_between_pixels(read: Any, mean: tuple[float, float]) -> None:
    found = read(torch.from_numpy(gaussian_HW((64, 48), mean)).float()[None, None])
    assert found.squeeze().tolist() == pytest.approx(mean, abs=0.005)


@pytest.mark.parametrize("kernel", [11, 17])
def test_smoothing_is_opencvs(kernel: int) -> None:
    heatmap = gaussian_HW((20, 14), (3, 4)) + 0.1 * np.random.default_rng(1).random((20, 14))
    found = smoothed(torch.from_numpy(heatmap)[None, None], kernel)[0, 0].numpy()
    assert found == pytest.approx(opencv_smoothed(heatmap, kernel), abs=1e-9)


@pytest.mark.parametrize("read", [dark, udp])
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e4])
@pytest.mark.parametrize("offset", [0.0, -1e4, 1e4])
def test_any_map_gives_a_finite_joint_and_a_flat_one_its_maximum(read: Any, scale: float, offset: float) -> None:
    noise = torch.randn(3, 4, 16, 12, generator=torch.Generator().manual_seed(0))
    found = read(scale * noise + offset)
    assert found.isfinite().all()
    if scale == 0:
        assert torch.equal(found, argmax(scale * noise + offset))


@pytest.mark.parametrize("read", [dark, udp])
def test_a_map_is_read_alike_alone_and_in_a_batch(read: Any) -> None:
    maps = torch.rand(4, 3, 16, 12, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([read(maps[row : row + 1]) for row in range(4)])
    torch.testing.assert_close(read(maps), alone, rtol=0, atol=1e-4)
