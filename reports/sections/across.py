"""Methods compared over several settings: mean ranks and the shares of the best that their runs reach."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from heatmark.foundation.counted import counted
from heatmark.reports.comparing.across import FEWEST_SETTINGS, Across, Overall
from heatmark.reports.comparing.claims import p_text
from heatmark.reports.comparing.settings import setting_names
from heatmark.reports.comparing.study import MOST_DRAWN, Study
from heatmark.reports.rendering.concerns import Concerns
from heatmark.reports.rendering.document import Block
from heatmark.reports.rendering.drawing import Drawing, drawn
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.table import MISSING, Cell, Column, Export, Table
from heatmark.reports.sections.curves import line_styles
from heatmark.reports.sections.section import Section
from heatmark.reports.sections.verdict import MOST_ROWS
from heatmark.reports.statistics.across import performance_profile
from heatmark.reports.statistics.two_levels import FEWEST_SEEDS

# Inches.
HEIGHT, WIDTH = 2.3, 4.6
STEPS = 301


class AcrossSettings(Section):
    """What holds over data sets, backbones and boxes taken together."""

    title = "Across settings"
    order = 12

    def blocks(self, study: Study) -> Iterator[Block]:
        across = study.across
        if across:
            yield across_export(across)
            yield _profile(across)


def across_export(across: Across) -> Export:
    """One row per label, the best mean rank first."""
    columns = (
        Column("Cell", False, width=2.0),
        Column("Mean rank", True),
        Column("Interquartile mean", True, "% of the best, 95 % interval", width=1.6),
        Column("Median", True, "% of the best"),
        Column("Better than the next", True, "a new run", width=1.2),
        Column("Runs", True, width=0.6),
    )
    best = min(each.rank for each in across.methods)
    rows = tuple(_row(each, best) for each in across.methods[:MOST_ROWS])
    notes = []
    if across.unused:
        unused = "; ".join(map(str, across.unused))
        notes.append(f"Left out, as fewer than two cells have a value there that is above 0: {unused}.")
    if across.left_out:
        notes.append(f"Left out, as they did not finish in every setting: {'; '.join(across.left_out)}.")
    if len(across.methods) > MOST_ROWS:
        notes.append(f"{counted(len(across.methods) - MOST_ROWS, 'more row is', 'more rows are')} in the files.")
    table = Table(
        columns, rows, _caption(across), "across", AcrossSettings.title, tuple(notes), details=_details(across)
    )
    test = across.test
    frame = pd.DataFrame(
        [
            {
                "cell": each.label,
                "rank": each.rank,
                "interquartile_mean": each.interquartile_mean,
                "low": each.interval[0] if each.interval else None,
                "high": each.interval[1] if each.interval else None,
                "median": float(np.median(each.score_R)),
                "better_than_next": each.better_than_next,
                "runs": len(each.score_R),
                "settings": len(across.settings),
                "critical_difference": across.critical_difference,
                "friedman_p": test.p,
                "chi_square": test.chi_square,
                "chi_square_p": test.chi_square_p,
                "iman_davenport_f": test.f,
                "iman_davenport_p": test.f_p,
            }
            for each in across.methods
        ]
    )
    return Export(table, frame.astype(dict.fromkeys(("low", "high", "better_than_next"), "float64")))


def _row(each: Overall, best: float) -> tuple[Cell, ...]:
    interval = "{} to {}".format(*map(_percent, each.interval)) if each.interval else ""
    median, p = float(np.median(each.score_R)), each.better_than_next
    return (
        Cell(each.label, order=each.label, concerns=Concerns((each.cell.spec.method.label,))),
        Cell(f"{each.rank:.2f}", best=each.rank == best, order=each.rank),
        Cell(_percent(each.interquartile_mean), interval, order=each.interquartile_mean),
        Cell(_percent(median), order=median),
        Cell(MISSING, order=MISSING) if p is None else Cell(f"{p:.0%}".replace("%", " %"), order=p),
        Cell(str(len(each.score_R)), order=float(len(each.score_R))),
    )


def _caption(across: Across) -> str:
    names, shared = setting_names(across.settings)
    where = f"{'; '.join(names.values())}" + (f" (everywhere: {shared})" if shared else "")
    return (
        f"The {len(across.methods)} cells that finished in all of {len(across.settings)} settings: {where}. Rank 1 is "
        f"the best; whether mean ranks differ by more than chance: p {p_text(across.test.p)}."
    )


def _details(across: Across) -> str:
    rough = (
        f" With fewer than {FEWEST_SETTINGS} settings all of this is rough, and hardly any two can be told apart."
        if across.rough
        else ""
    )
    return (
        "Ranks go by the headline metric, mean over seeds. p is of Friedman's test, from the ways to deal each "
        f"setting's ranks anew (chi-square {across.test.chi_square:.2f}). Where p is below 0.05, two cells differ "
        "whose mean ranks are further apart than the critical difference, "
        f"{across.critical_difference:.2f} (Nemenyi, level 0.05).{rough} "
        "Settings that share a data set or a backbone are counted as independent. The other columns are of runs, whose "
        "scores are shares of the best mean of their setting: the mean of the middle half of the runs, its interval "
        f"over seeds, drawn anew within each setting (none with fewer than {FEWEST_SEEDS} of them); the median; and "
        "how often a new run would be better than one of the cell below."
    )


def _profile(across: Across) -> Figure:
    shown = across.methods[:MOST_DRAWN]
    rest = len(across.methods) - len(shown)
    return Figure(
        _profile_drawing(shown),
        "The share of runs that reach a share of the best mean of their setting: a line further up and to the right "
        "is better, and one that falls steeply does about as well in every setting and with every seed."
        + (
            f" {counted(rest, 'more cell is', 'more cells are')} not drawn: those of the best mean ranks are."
            if rest
            else ""
        ),
        "Line plot of the share of runs over the share of the best that they reach",
    )


def _profile_drawing(shown: tuple[Overall, ...]) -> str:
    every_R = np.concatenate([each.score_R for each in shown])
    margin = 0.04 * max(float(np.ptp(every_R)), 0.01)
    tau_T = np.linspace(every_R.min() - margin, every_R.max() + margin, STEPS)
    styles = [style for _, style in line_styles([each.cell for each in shown])]

    def draw(drawing: Drawing) -> None:
        axes = drawing.figure.subplots()
        for each, style in zip(shown, styles, strict=True):
            share_T = performance_profile(each.score_R, tau_T)
            axes.plot(100 * tau_T, 100 * share_T, drawstyle="steps-pre", markevery=STEPS // 12, **style)
            reached = np.unique(each.score_R)
            for score, share in zip(reached, performance_profile(each.score_R, reached), strict=True):
                words = f"{each.label}: {share:.0%} of runs reach {100 * score:.1f} % of the best"
                drawing.words(axes, 100 * float(score), 100 * float(share), words, each.cell.spec.method.label)
        axes.set(xlabel="% of the best mean of the setting", ylabel="% of runs that reach it", ylim=(-3, 103))
        axes.set_xlim(100 * tau_T[0], 100 * tau_T[-1])
        drawing.tell_apart(each.cell.spec.method.name for each in shown)
        drawing.legend([Line2D([], [], label=each.label, **style) for each, style in zip(shown, styles, strict=True)])

    return drawn(draw, HEIGHT, WIDTH)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
