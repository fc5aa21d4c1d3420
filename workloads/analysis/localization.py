"""Localized heatmaps (section 4): why reading the mean beats reading a maximum, and which spread is best."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from heatmark.models.diagnostics import best_sigma, bhattacharyya
from heatmark.workloads.analysis.artefacts import COLORS, write_figure, write_table

DISC_RADII = (1, 2, 4, 8)
OFFSETS = tuple(float(step) for step in np.arange(0, 12.25, 0.5))
DRAWS = 20_000
TRUE_SIGMA = 2.0


def analyze(folder: Path) -> list[Path]:
    """localization.csv (Eq. 7 to 9), spread.csv (Eq. 12 to 14) and localization.svg."""
    errors, spreads = list(expected_errors(seed=0)), list(best_spreads())
    return [
        write_table(folder / "localization.csv", errors),
        write_table(folder / "spread.csv", spreads),
        write_figure(folder / "localization.svg", _figure(errors, spreads)),
    ]


def expected_errors(seed: int) -> Iterator[dict[str, Any]]:
    """End-point errors of a map that is a disc of radius s about mu, by the distance of mu from the annotation.

    Detection reads one pixel of the disc, each as likely; integral regression reads mu. `detection` is the sum of
    Eq. 7, `simulated` the mean over random draws of that pixel.
    """
    generator = np.random.default_rng(seed)
    for reach in DISC_RADII:
        rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        disc = np.stack([columns, rows], axis=-1)[columns**2 + rows**2 <= reach**2]
        for offset in OFFSETS:
            distances = np.hypot(disc[:, 0] + offset, disc[:, 1])
            yield {
                "s": reach,
                "offset": offset,
                "detection": float(distances.mean()),
                "simulated": float(generator.choice(distances, DRAWS).mean()),
                "regression": offset,
            }


def best_spreads() -> Iterator[dict[str, Any]]:
    """The sigma of least Bhattacharyya distance, and that distance there and for maps that are too narrow."""
    for offset in OFFSETS:
        sigma = best_sigma(TRUE_SIGMA, offset)
        yield {
            "offset": offset,
            "best_sigma": sigma,
            "distance_at_best": bhattacharyya(sigma, TRUE_SIGMA, offset),
            "distance_at_2": bhattacharyya(2.0, TRUE_SIGMA, offset),
            "distance_at_1": bhattacharyya(1.0, TRUE_SIGMA, offset),
            "distance_at_0.5": bhattacharyya(0.5, TRUE_SIGMA, offset),
        }


def _figure(errors: list[dict[str, Any]], spreads: list[dict[str, Any]]) -> Figure:
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(OFFSETS, OFFSETS, color=COLORS["regression"], label="regression (Eq. 8)")
    for index, reach in enumerate(DISC_RADII):
        rows = [row for row in errors if row["s"] == reach]
        label = "detection (Eq. 7), s = 1, 2, 4, 8" if index == 0 else None
        left.plot(
            OFFSETS, [row["detection"] for row in rows], color=COLORS["detection"], alpha=1 - 0.2 * index, label=label
        )
        left.plot(OFFSETS, [row["simulated"] for row in rows], ".", color=COLORS["detection"], alpha=1 - 0.2 * index)
        left.annotate(f"s = {reach}", (0, rows[0]["detection"]), textcoords="offset points", xytext=(4, 4), fontsize=8)
    left.set(xlabel="distance of the map's centre from the annotation", ylabel="expected end-point error, pixels")
    for name, style in (("best", "-"), ("2", "--"), ("1", "-."), ("0.5", ":")):
        values = [row[f"distance_at_{name}"] for row in spreads]
        right.plot(OFFSETS, values, style, color="black", label="best sigma" if name == "best" else f"sigma {name}")
    right.set(xlabel="distance of the map's centre from the annotation", ylabel="Bhattacharyya distance (Eq. 12)")
    right.set_yscale("symlog", linthresh=0.1)
    left.legend(fontsize=8)
    right.legend(fontsize=8)
    return figure
