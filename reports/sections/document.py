"""A study -> the report's content: the summary, and every section that has something to say."""

from __future__ import annotations

from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import printable
from heatmark.reports.rendering.document import Document
from heatmark.reports.sections.section import all_sections
from heatmark.reports.sections.summary import summarise


def assemble(study: Study) -> Document:
    """The report: every section in its place, and the summary."""
    sweep = study.sweep
    shown = [section.shown(study) for section in all_sections()]
    return Document(
        title=sweep.name,
        date=sweep.date,
        stamp=study.stamp,
        summary=(*summarise(sweep, study.accuracy), *sweep.notes, *map(printable, study.evidence.notes)),
        sections=tuple(section for section in shown if section.blocks),
    )
