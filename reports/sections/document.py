"""A study -> the report's content: the summary, and every section that has something to say."""

from __future__ import annotations

from functools import partial

from heatmark.foundation.beside import Beside
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import printable
from heatmark.reports.rendering.document import Document
from heatmark.reports.sections.section import all_sections
from heatmark.reports.sections.summary import summarise


def assemble(study: Study) -> Document:
    """The report: every section in its place, and the summary."""
    sweep, sections = study.sweep, all_sections()
    assert study.cells is not None, "read once, before there are copies of this process"
    beside = {section.title: Beside(partial(section.shown, study)) for section in sections if section.long}
    # The others first: those that are worked out beside them are ready by then.
    here = {section.title: section.shown(study) for section in sections if not section.long}
    there = {title: work.result() for title, work in beside.items()}
    shown = [(here | there)[section.title] for section in sections]
    return Document(
        title=sweep.name,
        date=sweep.date,
        stamp=study.stamp,
        summary=(*summarise(sweep, study.accuracy), *sweep.notes, *map(printable, study.evidence.notes)),
        sections=tuple(section for section in shown if section.blocks),
    )
