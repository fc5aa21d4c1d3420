"""The softmax bias (section 5, Fig. 2): how far an expectation lies from the joint, for IPR and for BCIR."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from heatmark.models.decoding import bias_compensated_argmax, soft_argmax
from heatmark.models.diagnostics import log_mass_ratio
from heatmark.workloads.analysis.artefacts import SIZE, gaussian_map, one_thread, write_table

BETAS = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0)
PEAK_SIGMAS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
# Distances from the centre of the map, towards its upper left corner; at integer pixels, where a peak narrowed by a
# large beta is still sampled at its top (between pixels, sampling alone costs up to 0.2 pixels at beta 50).
STEPS = (0, 2, 4, 6, 8, 10, 12)
CENTRE = ((SIZE[1] - 1) / 2, (SIZE[0] - 1) / 2)
VALUES: Mapping[str, Sequence[Any]] = {"beta": BETAS, "sigma": PEAK_SIGMAS, "step": STEPS}
TYPICAL = {"beta": 10.0, "sigma": 2.0, "step": 10}


def analyze(folder: Path) -> list[Path]:
    """bias.csv; drawn it is Fig. 2 (reports/paper/figures/bias.py)."""
    return [write_table(folder / "bias.csv", list(measured()))]


def varied(axis: str) -> list[dict[str, Any]]:
    """`measured` where beta, sigma or step takes all of its values, and the two others are typical."""
    return list(measured({**{name: (value,) for name, value in TYPICAL.items()}, axis: VALUES[axis]}))


def measured(values: Mapping[str, Sequence[Any]] = VALUES) -> Iterator[dict[str, Any]]:
    """Every beta, sigma and place: the joint, where each decoder finds it, and the shift that Eq. 37 predicts."""
    for beta, sigma, step in itertools.product(*(values[name] for name in VALUES)):
        # The centre lies between pixels: the nearest pixel, and along the diagonal from there.
        joint = (float(math.floor(CENTRE[0]) - step), float(math.floor(CENTRE[1]) - round(step * 4 / 3)))
        heatmap = gaussian_map(joint, sigma)[None, None]
        with one_thread():
            share = math.exp(-log_mass_ratio(heatmap, beta).item())
            ipr = soft_argmax(heatmap, beta)[0, 0].tolist()
            bcir = bias_compensated_argmax(heatmap, beta)[0, 0].tolist()
        yield {
            "beta": beta,
            "sigma": sigma,
            "step": step,
            "x": joint[0],
            "y": joint[1],
            "distance": math.dist(joint, CENTRE),
            "shift_ipr": math.dist(ipr, joint),
            "shift_bcir": math.dist(bcir, joint),
            "shift_predicted": share * math.dist(joint, CENTRE),
        }
