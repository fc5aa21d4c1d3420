"""The accuracy table in a few words: what was measured, on how many seeds, and no claim beyond that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from heatmark.foundation.counted import counted
from heatmark.reports.comparing.accuracy import SETTING
from heatmark.reports.reading.collect import Sweep
from heatmark.reports.reading.measures import headline_of, lower_is_better
from heatmark.workloads.labels import cell_label

MOST_SETTINGS = 3


def summarise(sweep: Sweep, table: pd.DataFrame) -> list[str]:
    """Sentences: how much finished, of many settings who is ahead how often, and what the seeds allow to say."""
    sentences = [_progress(sweep)]
    measured = table[table["seeds"] > 0]
    settings = [rows for _, rows in measured.groupby(SETTING, sort=False)]
    if len(settings) > MOST_SETTINGS:
        for headline in dict.fromkeys(map(_headline, settings)):
            alike = [rows for rows in settings if _headline(rows) == headline]
            sentences += [_tally(alike, headline)] if len(alike) > 1 else []
        sentences.append(_tally(settings, "EPE"))
    if len(measured):
        sentences.append(_caution(measured))
    return sentences


def _headline(rows: pd.DataFrame) -> str:
    return headline_of(str(rows["format"].iloc[0]))


def _progress(sweep: Sweep) -> str:
    total, counts = len(sweep.trials), Counter(trial.state for trial in sweep.trials)
    done = counts.pop("finished", 0)
    rest = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
    return f"{done} of {counted(total, 'trial')} finished" + (f" ({rest})." if rest else ".")


def _tally(settings: Sequence[pd.DataFrame], metric: str) -> str:
    """In how many settings each method is ahead, where there are too many to tell one by one."""
    ranked = [_ranked(rows, metric) for rows in settings]
    leaders = Counter(_names(rows)[0] for rows in ranked if len(rows))
    if not leaders:
        return f"No finished trial has an {metric}."
    counts = ", ".join(f"{name} in {count}" for name, count in leaders.most_common())
    adjective = "lowest" if lower_is_better(metric) else "highest"
    return f"Of {len(settings)} settings (data set, backbone, boxes), the {adjective} {metric} goes to {counts}."


def _ranked(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Best first; rows without the metric are left out."""
    return rows.dropna(subset=[metric]).sort_values(metric, ascending=lower_is_better(metric), kind="stable")


def _names(rows: pd.DataFrame) -> list[str]:
    return [cell_label(row["method"], row["beta"]) for row in rows.to_dict("records")]


def _caution(measured: pd.DataFrame) -> str:
    fewest, most = int(measured["seeds"].min()), int(measured["seeds"].max())
    if most == 1:
        return "Every number is from one seed, so how much a difference owes to the seed is unknown."
    seeds = f"{most}" if fewest == most else f"{fewest} to {most}"
    return f"Numbers are means over {seeds} seeds; how sure their differences are stands under Verdict."
