"""A study -> the report's content: the summary, and every section that has something to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import chain

from heatmark.foundation.beside import Beside
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import Sweep, printable
from heatmark.reports.reading.evidence import Evidence
from heatmark.reports.rendering.document import Block, Document
from heatmark.reports.sections.cell_rows import concerns_of
from heatmark.reports.sections.section import Needs, Part, Section, all_sections
from heatmark.reports.sections.summary import summarise

# The title of a section, and which of its parts.
Key = tuple[str, int]
Blocks = dict[Key, tuple[Block, ...]]


def constant() -> Blocks:
    """What needs nothing of a sweep: it can be worked out before one is read."""
    return _worked_out(_long_parts(all_sections(), Needs.NOTHING), Study(Sweep("", "", "", ()), Evidence()))


def assemble(study: Study, same: Beside[Blocks] | None = None) -> Document:
    """The report: every section in its place, and the summary. same: `constant`, where it has been begun before."""
    sweep, sections = study.sweep, all_sections()
    parts = _parts(sections)
    ahead = Beside(partial(_worked_out, _long_parts(sections, Needs.TRIALS), Study(sweep, Evidence())))
    assert study.cells is not None, "read once, before there are further copies of this process"
    recorded = _long_parts(sections, Needs.RECORDS)
    beside = [Beside(partial(_worked_out, {key: part}, study)) for key, part in recorded.items()]
    # The others first: those that are worked out beside them are ready by then.
    blocks = _worked_out({key: part for key, part in parts.items() if not part.long}, study)
    for work in (same or Beside(constant), ahead, *beside):
        blocks |= work.result()
    own = {section.title: [blocks[key] for key in parts if key[0] == section.title] for section in sections}
    shown = [section.shown(chain.from_iterable(own[section.title])) for section in sections]
    return Document(
        title=sweep.name,
        date=sweep.date,
        stamp=study.stamp,
        summary=(*summarise(sweep, study.accuracy), *sweep.notes, *map(printable, study.evidence.notes)),
        sections=tuple(section for section in shown if section.blocks),
        choices=concerns_of(*study.cells),
    )


def _parts(sections: Iterable[Section]) -> dict[Key, Part]:
    return {(section.title, place): part for section in sections for place, part in enumerate(section.parts())}


def _long_parts(sections: Iterable[Section], needs: Needs) -> dict[Key, Part]:
    return {key: part for key, part in _parts(sections).items() if part.long and part.needs is needs}


def _worked_out(parts: Mapping[Key, Part], study: Study) -> Blocks:
    """The blocks of each part."""
    return {key: tuple(part.blocks(study)) for key, part in parts.items()}
