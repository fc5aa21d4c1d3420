"""The one door: the cells of a sweep in, every figure of the paper out, drawn or with what would fill it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from heatmark.reports.comparing.cells import GridCell
from heatmark.reports.comparing.nearest import PAPER_METHODS
from heatmark.reports.paper.figures.absent import method_line, not_run
from heatmark.reports.paper.figures.beta_effects import beta_effects
from heatmark.reports.paper.figures.bias import bias
from heatmark.reports.paper.figures.convergence import convergence
from heatmark.reports.paper.figures.cost import accuracy_and_cost
from heatmark.reports.paper.figures.decodings import decodings
from heatmark.reports.paper.figures.epe_bars import epe_bars
from heatmark.reports.paper.figures.extreme_cases import extreme_cases
from heatmark.reports.paper.figures.gradients import gradients
from heatmark.reports.paper.figures.heatmap_progress import heatmap_progress
from heatmark.reports.paper.figures.localization import localization
from heatmark.reports.paper.figures.sample_people import sample_people
from heatmark.reports.paper.figures.setting import DrawnSetting, drawn_settings, first_of_each_dataset
from heatmark.reports.rendering.concerns import Concerns
from heatmark.reports.rendering.figure import Figure

# A page or two for each; the settings with most finished cells come first.
MOST_SETTINGS = 6


class Group(NamedTuple):
    """Figures that follow each other. of_trials: they show trials, and what the records of their evaluations say."""

    figures: Callable[[Sequence[GridCell]], Iterable[Figure]]
    of_trials: bool


def paper_figures(cells: Sequence[GridCell]) -> tuple[Figure, ...]:
    """In the paper's order, then those that it does not have."""
    return tuple(figure for group in GROUPS for figure in group.figures(cells))


def _readings(_cells: Sequence[GridCell]) -> Iterator[Figure]:
    yield decodings()
    yield bias()


def _people_and_errors(cells: Sequence[GridCell]) -> Iterator[Figure]:
    settings, _ = _chosen(cells)
    for setting in first_of_each_dataset(settings):
        # People of a data set, whatever the network.
        yield replace(sample_people(setting), concerns=Concerns((), (setting.dataset,)))
    for setting in settings:
        yield from _of(setting, epe_bars(setting))


def _maps(cells: Sequence[GridCell]) -> Iterator[Figure]:
    for setting in _chosen(cells)[0]:
        yield from _of(setting, *localization(setting))


def _updates(_cells: Sequence[GridCell]) -> Iterator[Figure]:
    yield gradients()


def _progress_and_cost(cells: Sequence[GridCell]) -> Iterator[Figure]:
    settings, left_out = _chosen(cells)
    for setting in first_of_each_dataset(settings):
        yield from _of(setting, *heatmap_progress(setting))
    for draw in (convergence, beta_effects, accuracy_and_cost):
        for setting in settings:
            yield from _of(setting, draw(setting))
    for setting in first_of_each_dataset(settings):
        yield from _of(setting, extreme_cases(setting))
    yield from _without(settings, left_out)


GROUPS = (
    Group(_readings, of_trials=False),
    Group(_people_and_errors, of_trials=True),
    Group(_maps, of_trials=True),
    Group(_updates, of_trials=False),
    Group(_progress_and_cost, of_trials=True),
)


def _of(setting: DrawnSetting, *figures: Figure) -> Iterator[Figure]:
    """What they are about."""
    about = Concerns((), (setting.dataset,), (setting.backbone,))
    yield from (replace(figure, concerns=about) for figure in figures)


def _chosen(cells: Sequence[GridCell]) -> tuple[list[DrawnSetting], list[DrawnSetting]]:
    """Those that are drawn, and those that are left out, both in grid order."""
    settings = drawn_settings(cells)
    drawn = sorted(settings, key=lambda setting: -len(setting.finished))[:MOST_SETTINGS]
    return [each for each in settings if each in drawn], [each for each in settings if each not in drawn]


def _without(settings: Sequence[DrawnSetting], left_out: Sequence[DrawnSetting]) -> Iterator[Figure]:
    """What is not drawn at all, in words."""
    if not settings:
        line = not_run("No trial has finished", method_line(PAPER_METHODS))
        yield Figure("", "Figures from run folders.", "", "Figs. 3 to 5 and 7 to 11", line)
    if left_out:
        names = ", ".join(f"{setting.dataset} with {setting.backbone}" for setting in left_out)
        line = f"{names}: left out, the report draws the {MOST_SETTINGS} settings with most finished cells."
        yield Figure("", "Settings without figures.", "", "Further settings", line)
