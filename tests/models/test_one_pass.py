"""Read-outs in one pass against the formulas that they stand for, in float64."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from unittest.mock import Mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from heatmark.models import decoding, one_pass
from heatmark.models.decoding_refined import dark, udp
from heatmark.models.density import compensated_map, softmax_map
from heatmark.models.losses import gaussian_targets
from heatmark.models.shared import shared

BOUND = 1e-3
BETAS = (0.5, 1.0, 5.0, 10.0, 20.0, 50.0)
SIZES = [(64, 48), (48, 64), (96, 72), (33, 21), (7, 31)]
READERS: dict[str, Callable[[Tensor], Tensor]] = {
    "argmax": decoding.argmax,
    "quarter": decoding.quarter_offset,
    "soft": lambda maps: decoding.soft_argmax(maps, 10),
    "bcir": lambda maps: decoding.bias_compensated_argmax(maps, 10, least_mass=10),
    "dark": dark,
    "udp": udp,
    "udp, wider": lambda maps: udp(maps, 17),
}


def maps(size: tuple[int, int], noise: float, seed: int = 0) -> Tensor:
    """Gaussians anywhere in the map, in every quadrant, under noise: heatmap_BKHW."""
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    joints_BK2 = torch.rand(4, 17, 2, generator=generator) * torch.tensor([width - 1.0, height - 1.0])
    target_BKHW, _ = gaussian_targets(joints_BK2, torch.ones(4, 17), size, sigma=2.0)
    return target_BKHW + noise * torch.randn(4, 17, height, width, generator=generator)


def closed_form(heatmap_BKHW: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """joints_BK2 and C - n in float64, as Eq. 18 reads: C / (C - n) J - n / (C - n) centre."""
    height, width = heatmap_BKHW.shape[-2:]
    joints_BK2 = decoding.soft_argmax(heatmap_BKHW.double(), beta)
    total_BK = torch.exp(beta * heatmap_BKHW.double()).sum((-2, -1))
    short_BK = total_BK - height * width
    centre_2 = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
    joints = total_BK[..., None] / short_BK[..., None] * joints_BK2
    return joints - height * width / short_BK[..., None] * centre_2, short_BK


def test_maps_that_nobody_differentiates_are_read_in_one_pass() -> None:
    heatmap = torch.rand(1, 1, 8, 6)
    assert one_pass.reads(heatmap) and one_pass.reads(heatmap.half())
    assert not one_pass.reads(heatmap.double()) and not one_pass.reads(heatmap.to("meta"))
    assert not one_pass.reads(heatmap.requires_grad_())
    with torch.no_grad():
        assert one_pass.reads(heatmap)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.3])
def test_above_the_guard_the_closed_form_is_met_to_a_thousandth_of_a_pixel(
    size: tuple[int, int], beta: float, noise: float
) -> None:
    heatmap_BKHW = maps(size, noise)
    expected_BK2, mass_BK = closed_form(heatmap_BKHW, beta)
    found_BK2 = decoding.bias_compensated_argmax(heatmap_BKHW, beta, least_mass=beta)
    above_BK = mass_BK >= beta
    assert above_BK.any()
    assert (found_BK2 - expected_BK2)[above_BK].abs().max() < BOUND


@pytest.mark.parametrize("amplitude", [1e-6, 1e-4, 1e-2])
def test_where_c_is_near_n_no_digit_of_the_mass_is_lost(amplitude: float) -> None:
    generator = torch.Generator().manual_seed(1)
    heatmap_BKHW = amplitude * torch.rand(2, 17, 64, 48, generator=generator)
    exact_BK = torch.expm1(10 * heatmap_BKHW.double()).sum((-2, -1))
    found = decoding.exponentials(heatmap_BKHW, 10)
    torch.testing.assert_close(found.mass_BK / found.unit_BK, exact_BK, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", READERS)
@given(st.integers(0, 2**31), st.sampled_from(SIZES), st.sampled_from([0.0, 1e-3, 0.1, 1.0]), st.booleans())
@settings(deadline=None, max_examples=25)
def test_each_read_out_is_that_of_its_formula(
    name: str, seed: int, size: tuple[int, int], noise: float, offset: bool
) -> None:
    heatmap_BKHW = maps(size, noise, seed) - 0.2 * offset
    found, expected = READERS[name](heatmap_BKHW), READERS[name](heatmap_BKHW.double())
    assert found.dtype == torch.float32
    if name == "bcir":
        above_BK = torch.expm1(10 * heatmap_BKHW.double()).sum((-2, -1)) >= 10
        found, expected = found[above_BK], expected[above_BK]
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=BOUND)


@pytest.mark.parametrize("name", READERS)
def test_smaller_and_larger_maps_than_usual(name: str) -> None:
    """Peaks below UDP's cut-off and above its ceiling, and far beyond what an exponential holds."""
    for scale in (1e-4, 1e-2, 60.0, 1e3):
        heatmap_BKHW = scale * maps((64, 48), 0.05)
        torch.testing.assert_close(
            READERS[name](heatmap_BKHW).double(), READERS[name](heatmap_BKHW.double()), rtol=0, atol=BOUND
        )


@pytest.mark.parametrize("name", READERS)
def test_batch_threads_and_memory_layout_change_nothing(name: str) -> None:
    heatmap_BKHW = maps((64, 48), 0.05).repeat(8, 1, 1, 1)
    threads, read = torch.get_num_threads(), READERS[name]
    try:
        torch.set_num_threads(1)
        expected_BK2 = read(heatmap_BKHW)
        torch.set_num_threads(3)
        assert torch.equal(read(heatmap_BKHW), expected_BK2)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(read(heatmap_BKHW.contiguous(memory_format=torch.channels_last)), expected_BK2)
    assert torch.equal(read(heatmap_BKHW[5:6]), expected_BK2[5:6])


def test_a_value_that_is_no_number_is_not_hidden() -> None:
    heatmap_BKHW = maps((16, 12), 0.05)
    heatmap_BKHW[0, 0, 3, 4] = torch.nan
    for read in (READERS["soft"], READERS["bcir"]):
        found_BK2 = read(heatmap_BKHW)
        assert found_BK2[0, 0].isnan().all() and found_BK2[0, 1:].isfinite().all()


def test_shared_maps_are_read_as_others_are() -> None:
    heatmap_BKHW = maps((64, 48), 0.05)

    def everything() -> list[Tensor]:
        return [
            decoding.bias_compensated_argmax(heatmap_BKHW, 10, least_mass=10),
            decoding.mass_is_short(heatmap_BKHW, 10),
            compensated_map(heatmap_BKHW, 10, least_mass=10),
            softmax_map(heatmap_BKHW, 10),
            decoding.peak_probability(heatmap_BKHW, 10),
        ]

    alone = everything()
    with shared(heatmap_BKHW):
        assert all(torch.equal(*pair) for pair in zip(everything(), alone, strict=True))


def test_the_exponentials_of_shared_maps_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heatmap_BKHW = maps((64, 48), 0.05)
    computed = Mock(wraps=one_pass.exponentials)
    monkeypatch.setattr(one_pass, "exponentials", computed)
    with shared(heatmap_BKHW):
        decoding.bias_compensated_argmax(heatmap_BKHW, 10, least_mass=10)
        decoding.mass_is_short(heatmap_BKHW, 10)
        compensated_map(heatmap_BKHW, 10, least_mass=10)
    computed.assert_called_once()


def test_the_weights_of_a_map_sum_to_its_mass() -> None:
    heatmap_BKHW = maps((64, 48), 0.05)
    found = decoding.exponentials(heatmap_BKHW, 10, weights=True)
    assert found.weight_BKHW is not None
    torch.testing.assert_close(found.weight_BKHW.double().sum((-2, -1)), found.mass_BK, rtol=1e-6, atol=0)
    exact_BKHW = torch.expm1(10 * heatmap_BKHW.double())
    torch.testing.assert_close(found.weight_BKHW.double(), exact_BKHW, rtol=1e-6, atol=1e-12)


WITHOUT = """
import sys
sys.modules["numba"] = None
import importlib.util
importlib.util.find_spec = lambda name, find=importlib.util.find_spec: None if name == "numba" else find(name)
import torch
from heatmark.models import decoding, one_pass
heatmap = torch.zeros(1, 1, 8, 6)
heatmap[0, 0, 5, 2] = 1
assert not one_pass.reads(heatmap)
print(decoding.bias_compensated_argmax(heatmap, 10).flatten().tolist())
"""


def test_without_a_compiler_the_formulas_are_used() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "[2.0, 5.0]", done.stderr


READ_ONLY = """
import sys
import numba.core.caching as caching
caching.CacheImpl._locator_classes = []
import torch
from heatmark.models import decoding
print(decoding.argmax(torch.eye(4)[None, None]).tolist())
"""


def test_a_machine_without_a_folder_to_write_compiles_anew() -> None:
    done = subprocess.run([sys.executable, "-c", READ_ONLY], capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "[[[0.0, 0.0]]]", done.stderr
