"""`heatmark analyze`: the numbers of the analyses as csv, and the paper's figures as the report draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from heatmark.foundation.files import write_atomic

Log = Callable[[str], None]


def _bias(out: Path) -> list[Path]:
    from heatmark.reports.paper.figures.bias import bias as figure
    from heatmark.workloads.analysis import bias

    return [*bias.analyze(out), _svg(out / "bias.svg", figure().svg)]


def _gradients(out: Path) -> list[Path]:
    from heatmark.reports.paper.figures.gradients import gradients as figure
    from heatmark.workloads.analysis import gradients

    return [*gradients.analyze(out), _svg(out / "gradients.svg", figure().svg)]


def _localization(out: Path) -> list[Path]:
    from heatmark.workloads.analysis import localization

    return localization.analyze(out)


def _robustness(out: Path) -> list[Path]:
    from heatmark.reports.analyses.robustness import robustness as figure
    from heatmark.workloads.analysis import robustness

    picture = figure(list(robustness.measured()), robustness.IDEAL)
    return [*robustness.analyze(out), _svg(out / "robustness.svg", picture)]


def _heatmaps(out: Path, run: Path, log: Log) -> list[Path]:
    from heatmark.reports.paper.figures.net_shapes import net_shapes
    from heatmark.workloads.analysis import heatmaps

    found = heatmaps.describe_net(run, log)
    picture = net_shapes(found.label, found.method, found.activation_S, found.sigmas, found.sigma_N, found.log_mass_N)
    return [*heatmaps.analyze(out, found), _svg(out / "heatmaps.svg", picture)]


UNTRAINED: Mapping[str, Callable[[Path], list[Path]]] = {
    "bias": _bias,
    "gradients": _gradients,
    "localization": _localization,
    "robustness": _robustness,
}
OF_A_TRIAL: Mapping[str, Callable[[Path, Path, Log], list[Path]]] = {"heatmaps": _heatmaps}


def _svg(path: Path, text: str) -> Path:
    write_atomic(path, text)
    return path
