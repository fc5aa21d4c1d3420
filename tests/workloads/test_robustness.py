"""What each read-out makes of a disturbed Gaussian: values from areas of pixels and from the exponential integral."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from pathlib import Path

import pytest
from scipy.special import expi

from heatmark.reports.analyses.robustness import PANELS, STYLES
from heatmark.reports.analyses.robustness import robustness as drawing
from heatmark.workloads.analysis import robustness

PIXELS = 64 * 48
# Of the places from the centre of the map, in pixels; of evenly spread ones 8 pixels from the border it is 15.11.
DISTANCE = 15.13
# Mean distance of a pixel's points from its middle.
WITHIN_A_PIXEL = (math.sqrt(2) + math.asinh(1)) / 6
Errors = dict[tuple[str, float, str], tuple[float, float]]


@pytest.fixture(scope="module")
def errors() -> Errors:
    """Mean and largest, by disturbance, level and read-out."""
    return {
        (row["disturbance"], row["level"], row["readout"]): (row["mean_error"], row["largest_error"])
        for row in robustness.measured()
    }


def gaussian_mass(peak: float) -> float:
    """Of exp(10 g) - 1, g a Gaussian of sigma 2: 2 pi sigma^2 (Ei(z) - ln z - Euler's constant), z = 10 * peak."""
    z = 10 * peak
    return 2 * math.pi * 2**2 * (float(expi(z)) - math.log(z) - 0.5772157)


def test_every_disturbance_level_and_readout_has_one_row(errors: Errors) -> None:
    rows = list(errors)
    levels = {(disturbance, level) for disturbance, found in robustness.LEVELS.items() for level in found}
    assert set(rows) == {(*each, readout) for each in levels for readout in robustness.READOUTS}
    assert len(rows) == 27 * 6
    assert list(robustness.READOUTS) == ["argmax", "quarter", "dark", "udp", "soft@10", "bcir@10"]


def test_each_disturbance_starts_from_the_same_map(errors: Errors) -> None:
    for readout in robustness.READOUTS:
        found = {errors[disturbance, level, readout] for disturbance, level in robustness.IDEAL.items()}
        assert len(found) == 1


def test_the_places_are_spread_over_the_map_and_over_a_pixel() -> None:
    places = robustness.places()
    assert places.shape == (256, 2)
    assert places.mean(0).tolist() == pytest.approx([23.5, 31.5], abs=0.35)
    assert places.frac().mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.02)
    assert places.amin() >= 8 and (places.amax(0) <= places.new_tensor([39, 55])).all()
    assert (places - places.new_tensor([23.5, 31.5])).norm(dim=-1).mean().item() == pytest.approx(DISTANCE, abs=0.01)


def test_undisturbed_maps_are_read_as_far_off_as_a_pixel_or_the_softmax_makes_them(errors: Errors) -> None:
    mean, largest = ({readout: errors["offset", 0, readout][i] for readout in robustness.READOUTS} for i in (0, 1))
    assert mean["argmax"] == pytest.approx(WITHIN_A_PIXEL, rel=0.02)
    assert largest["argmax"] == pytest.approx(math.sqrt(0.5), rel=0.06)
    # A quarter pixel towards the higher neighbour leaves a pixel of half the side.
    assert mean["quarter"] == pytest.approx(WITHIN_A_PIXEL / 2, rel=0.02)
    assert largest["quarter"] == pytest.approx(math.sqrt(0.125), rel=0.1)
    assert largest["dark"] < 5e-4
    assert largest["udp"] < 1e-4
    share = PIXELS / (PIXELS + gaussian_mass(1))
    assert mean["soft@10"] == pytest.approx(share * DISTANCE, rel=0.01)
    assert mean["bcir@10"] == pytest.approx(0.003, abs=2e-4)
    assert largest["bcir@10"] == pytest.approx(0.0043, abs=2e-4)


@pytest.mark.parametrize("offset", [0.01, 0.02, 0.05, 0.1])
def test_an_offset_is_background_mass_to_bcir_and_nothing_to_a_softmax_or_a_maximum(
    offset: float, errors: Errors
) -> None:
    for readout in ("argmax", "quarter", "soft@10"):
        assert errors["offset", offset, readout] == pytest.approx(errors["offset", 0, readout], abs=1e-9)
    # exp(10 (g + o)) - 1 = exp(10 o) (exp(10 g) - 1) + (exp(10 o) - 1)
    background = math.expm1(10 * offset) * PIXELS
    share = background / (background + math.exp(10 * offset) * gaussian_mass(1))
    assert errors["offset", offset, "bcir@10"][0] == pytest.approx(share * DISTANCE, rel=0.02)


def test_an_offset_of_two_hundredths_costs_bcir_much_and_dark_little(errors: Errors) -> None:
    assert errors["offset", 0.02, "bcir@10"][0] == pytest.approx(0.134, abs=0.002)
    assert errors["offset", 0.02, "dark"][0] < 0.002
    assert errors["offset", 0.02, "udp"][0] < 0.001


@pytest.mark.parametrize("peak", [0.1, 0.25, 0.5, 0.75])
def test_a_low_peak_is_drowned_by_the_softmax_and_by_nothing_else(peak: float, errors: Errors) -> None:
    share = PIXELS / (PIXELS + gaussian_mass(peak))
    assert errors["peak", peak, "soft@10"][0] == pytest.approx(share * DISTANCE, rel=0.01)
    assert errors["peak", peak, "bcir@10"][0] < 0.001
    for readout in ("argmax", "quarter", "dark", "udp"):
        assert errors["peak", peak, readout] == pytest.approx(errors["peak", 1, readout], abs=1e-6)


def test_half_a_peak_puts_the_soft_argmax_eleven_and_a_half_pixels_off(errors: Errors) -> None:
    assert errors["peak", 0.5, "soft@10"][0] == pytest.approx(11.54, abs=0.05)


def test_a_refined_maximum_errs_in_proportion_to_the_noise(errors: Errors) -> None:
    """A linear smoothing and a derivative of a logarithm, near the peak: ten times the noise, ten times the error."""
    for readout in ("dark", "udp"):
        for noise in (0.02, 0.05, 0.1):
            expected = noise / 0.01 * errors["noise", 0.01, readout][0]
            assert errors["noise", noise, readout][0] == pytest.approx(expected, rel=0.03)
    for readout in robustness.READOUTS:
        found = [errors["noise", noise, readout][0] for noise in robustness.LEVELS["noise"]]
        assert found == sorted(found)


def test_a_narrow_peak_is_little_mass_and_badly_sampled(errors: Errors) -> None:
    for readout in ("soft@10", "bcir@10"):
        found = [errors["sigma", sigma, readout][0] for sigma in (1, 1.5, 2, 2.5, 3)]
        assert found == sorted(found, reverse=True)
    assert errors["sigma", 1, "bcir@10"][0] > 40 * errors["sigma", 2, "bcir@10"][0]


@pytest.mark.parametrize(("resolution", "size"), [(0.25, (16, 12)), (0.5, (32, 24)), (1, (64, 48)), (1.5, (96, 72))])
def test_another_resolution_shows_the_same_picture(resolution: float, size: tuple[int, int], errors: Errors) -> None:
    joints_1K2, heatmap_1KHW = robustness.disturbed(**{**robustness.IDEAL, "resolution": resolution})
    assert heatmap_1KHW.shape == (1, 256, *size)
    # From the left edge of the outermost pixel: a quarter of the map's width stays a quarter.
    first = (robustness.places()[0, 0].item() + 0.5) / 48
    assert (joints_1K2[0, 0, 0].item() + 0.5) / size[1] == pytest.approx(first)
    assert errors["resolution", resolution, "argmax"][0] == pytest.approx(WITHIN_A_PIXEL, rel=0.03)


def test_the_command_writes_the_numbers_and_draws_each(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "heatmark.pipeline.cli", "analyze", "robustness", "--out", str(tmp_path / "cli")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    table, figure = (tmp_path / "cli" / name for name in ("robustness.csv", "robustness.svg"))
    assert done.stdout.splitlines() == [f"wrote {table}", f"wrote {figure}"]
    (here,) = robustness.analyze(tmp_path)
    assert here.read_bytes() == table.read_bytes()
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["disturbance", "level", "readout", "mean_error", "largest_error"]
    assert len(rows) == 27 * 6
    svg = figure.read_text()
    assert svg == drawing(list(robustness.measured()), robustness.IDEAL)
    assert svg.count("<title>") == len(rows)
    assert "soft-argmax, β 10, peak 0.5: 12 px on average, 21 px at most" in svg


def test_a_panel_for_each_disturbance_and_a_line_for_each_readout() -> None:
    assert list(PANELS) == list(robustness.LEVELS)
    assert list(STYLES) == list(robustness.READOUTS)
