"""Trials without a result, each with the reason."""

from __future__ import annotations

from collections.abc import Iterator

from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import Trial, printable
from heatmark.reports.rendering.concerns import EVERYTHING, Concerns
from heatmark.reports.rendering.document import Block, Problem
from heatmark.reports.sections.section import Section

LONGEST_MESSAGE = 1500


class Problems(Section):
    """Trials that failed, were cancelled, or cannot be read, and why."""

    title = "Trials without a result"
    order = 70
    new_page = True

    def blocks(self, study: Study) -> Iterator[Block]:
        yield from (_problem(trial) for trial in study.trials if not trial.finished)


def _problem(trial: Trial) -> Problem:
    message = trial.message.strip() or "No run folder yet."
    if len(message) > LONGEST_MESSAGE:
        message = "… " + message[-LONGEST_MESSAGE:]
    spec = trial.spec
    about = Concerns((spec.method.label,), (spec.data.name,), (spec.backbone,)) if spec else EVERYTHING
    return Problem(trial.label, printable(trial.signature), trial.state, message, about)
