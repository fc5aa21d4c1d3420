"""Heatmaps of others: what is hardly meant is read all the same, and told in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatmark.workloads.decode import decode_file
from tests.made_up import gaussian_HW

MAPS_NKHW = np.stack([[gaussian_HW((64, 48), (20 + joint, 30)) for joint in range(17)]]).astype(np.float32)
EVERY = ["argmax", "quarter", "dark", "udp", "soft", "bcir"]


def told(tmp_path: Path, maps: np.ndarray, decoders: list[str], beta: str = "10") -> list[str]:
    np.save(tmp_path / "maps.npy", maps)
    lines: list[str] = []
    decode_file(tmp_path / "maps.npy", decoders, [beta], lines.append)
    return lines


def test_of_usual_maps_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert told(tmp_path, MAPS_NKHW, EVERY) == []


@pytest.mark.parametrize("scale", [255, 255.0])
def test_maps_of_another_scale_are_told_with_the_beta_that_fits(tmp_path: Path, scale: float) -> None:
    maps = (scale * MAPS_NKHW).astype(np.uint8 if isinstance(scale, int) else np.float32)
    found = told(tmp_path, maps, ["argmax", "soft", "bcir"])
    assert [line.partition("maps.npy: ")[2] for line in found] == [
        f"values up to 255: at --beta 10 {name} takes the maximum alone; for maps of peak 1 this would be --beta 0.0392"
        for name in ("soft", "bcir")
    ]
    assert told(tmp_path, maps, ["soft", "bcir"], "0.0392") == []


def test_the_beta_that_fits_reads_as_on_maps_of_peak_1(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", MAPS_NKHW)
    np.save(tmp_path / "many.npy", 255 * MAPS_NKHW)
    one = decode_file(tmp_path / "one.npy", ["bcir"], ["10"])["bcir@10"]
    many = decode_file(tmp_path / "many.npy", ["bcir"], [str(10 / 255)])
    assert np.allclose(next(iter(many.values())), one, atol=1e-4)


def test_maps_without_a_value_above_0_are_counted(tmp_path: Path) -> None:
    maps = np.log(MAPS_NKHW + 1e-6) - 1
    maps[0, 0] = MAPS_NKHW[0, 0]
    (line,) = told(tmp_path, maps, ["argmax", "dark", "soft"])
    assert "16 of 17 maps have no value above 0, where argmax, dark say (0, 0)" in line
    assert told(tmp_path, maps, ["soft"]) == []


def test_joints_in_the_last_axis_are_told_by_the_shape(tmp_path: Path) -> None:
    line, *_ = told(tmp_path, np.ascontiguousarray(MAPS_NKHW.transpose(0, 2, 3, 1)), ["argmax"])
    assert "1 x 64 x 48 x 17 is read as N x K x rows x columns; where 17 is K, give maps.transpose(0, 3, 1, 2)" in line
    # 68 joints on maps of the usual size are no such thing.
    assert told(tmp_path, np.ones((1, 68, 64, 48), np.float32), ["argmax"]) == []
