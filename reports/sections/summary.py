"""The accuracy table in words. Careful ones: what was measured, on how many seeds, and no claim beyond that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from heatmark.datasets.boxes import title_of
from heatmark.reports.comparing.accuracy import SETTING
from heatmark.reports.reading.collect import Sweep
from heatmark.reports.reading.measures import amount, headline_of, is_length, lower_is_better, unit_of
from heatmark.workloads.labels import cell_label

MOST_SETTINGS = 3


def summarise(sweep: Sweep, table: pd.DataFrame) -> list[str]:
    """Sentences: how much finished, which method is ahead in each setting, and what the seeds allow to say."""
    sentences = [_progress(sweep)]
    measured = table[table["seeds"] > 0]
    settings = [rows for _, rows in measured.groupby(SETTING, sort=False)]
    if len(settings) <= MOST_SETTINGS:
        sentences += [_ahead(rows, (_headline(rows), "EPE")) for rows in settings]
    else:
        for headline in dict.fromkeys(map(_headline, settings)):
            alike = [rows for rows in settings if _headline(rows) == headline]
            sentences.append(_tally(alike, headline) if len(alike) > 1 else _ahead(alike[0], (headline,)))
        sentences.append(_tally(settings, "EPE"))
    if len(measured):
        sentences.append(_caution(measured))
    return sentences


def _ahead(rows: pd.DataFrame, metrics: Sequence[str]) -> str:
    """Who is ahead in one setting."""
    dataset, backbone, boxes = (str(rows[key].iloc[0]) for key in SETTING)
    leads = [lead for lead in (_lead(rows, metric) for metric in metrics) if lead]
    what = "; ".join(leads) if leads else f"no finished trial has an {' or '.join(metrics)}"
    return f"On {dataset} with {backbone} ({title_of(boxes)}), {what}."


def _headline(rows: pd.DataFrame) -> str:
    return headline_of(str(rows["format"].iloc[0]))


def _progress(sweep: Sweep) -> str:
    total, counts = len(sweep.trials), Counter(trial.state for trial in sweep.trials)
    done = counts.pop("finished", 0)
    rest = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
    noun = "trial" if total == 1 else "trials"
    return f"{done} of {total} {noun} finished" + (f" ({rest})." if rest else ".")


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
    return [cell_label(row["method"], row["beta"], row["settings"]) for row in rows.to_dict("records")]


def _lead(rows: pd.DataFrame, metric: str) -> str:
    """Who is ahead in one metric, and by how much before the next."""
    ranked = _ranked(rows, metric)
    if ranked.empty:
        return ""
    names = _names(ranked)
    best = float(ranked[metric].iloc[0])
    adjective = "lowest" if lower_is_better(metric) else "highest"
    text = f"{names[0]} has the {adjective} {metric}, {_amount(metric, best)}"
    if len(ranked) == 1:
        return f"{names[0]} alone has an {metric}, {_amount(metric, best)}"
    gap = abs(float(ranked[metric].iloc[1]) - best)
    if gap == 0:
        return f"{text}, shared with {names[1]}"
    return f"{text}, {_gap(metric, gap)} {'below' if lower_is_better(metric) else 'above'} {names[1]}"


def _gap(metric: str, gap: float) -> str:
    if is_length(metric):
        unit = unit_of(metric)
        return f"{gap:.2f} {unit}" if gap >= 0.005 else f"less than 0.01 {unit}"
    return f"{100 * gap:.1f} points" if gap >= 0.0005 else "less than 0.1 points"


def _amount(metric: str, value: float) -> str:
    return f"{amount(metric, value)} {unit_of(metric)}"


def _caution(measured: pd.DataFrame) -> str:
    fewest, most = int(measured["seeds"].min()), int(measured["seeds"].max())
    if most == 1:
        return "Every number is from one seed, so how much a difference owes to the seed is unknown."
    seeds = f"{most}" if fewest == most else f"{fewest} to {most}"
    return f"Numbers are means over {seeds} seeds; how sure their differences are stands under Verdict."
