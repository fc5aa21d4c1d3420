"""On what the trials ran."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from heatmark.foundation.counted import counted
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import Trial, printable
from heatmark.reports.rendering.document import Block, Facts, Words
from heatmark.reports.sections.section import Section

MACHINE = {"host": "Host", "cpu": "CPU", "cores": "Cores", "memory_gib": "Memory, GiB", "gpus": "GPUs"}


class Environment(Section):
    """What the trials ran with, and on what."""

    title = "Versions and machine"
    order = 90
    half = True

    def blocks(self, study: Study) -> Iterator[Block]:
        rows = tuple(_environment(study.trials))
        yield Facts(rows) if rows else Words(("No trial has finished, so no versions are on record.",))


def _environment(trials: Sequence[Trial]) -> Iterable[tuple[str, str]]:
    """Versions and machines of the finished trials, and plug-ins; where they differ, each with how many trials."""
    counts: dict[str, dict[str, int]] = {}
    for trial in trials:
        for entries in (trial.result.versions, trial.result.machine) if trial.result else ():
            for name, value in entries.items():
                values = counts.setdefault(printable(MACHINE.get(name, name)), {})
                text = printable(_plain(value))
                values[text] = values.get(text, 0) + 1
    for use in (use for trial in trials if trial.spec for use in trial.spec.plugins):
        values = counts.setdefault(f"Plug-in {printable(use.name)}", {})
        values[use.source] = values.get(use.source, 0) + 1
    for name, values in counts.items():
        if len(values) == 1:
            yield name, next(iter(values))
        else:
            yield name, ", ".join(f"{value} ({counted(count, 'trial')})" for value, count in values.items())


def _plain(value: object) -> str:
    """A JSON value for people."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value) or "none"
    return "unknown" if value is None else json.dumps(value, ensure_ascii=False)
