"""The rooms of reports/: what each may use, and that a section is one class in one file."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

from heatmark.reports.rendering.document import Document
from heatmark.reports.sections.section import all_sections

REPORTS = Path(__file__).parents[2] / "reports"
ROOMS = ("statistics", "reading", "comparing", "rendering", "paper", "sections")
# Rooms that know nothing of trials and cells.
APART = {"statistics", "rendering"}


def imported(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found


def test_a_room_uses_those_before_it() -> None:
    for place, room in enumerate(ROOMS):
        allowed = {room} if room in APART else {*ROOMS[:place], room}
        for file in (REPORTS / room).rglob("*.py"):
            used = {name.split(".")[2] for name in imported(file) if name.startswith("heatmark.reports.")}
            assert used <= allowed, f"{file.relative_to(REPORTS)} uses {sorted(used - allowed)}"


def test_the_statistics_know_only_arrays() -> None:
    for file in (REPORTS / "statistics").rglob("*.py"):
        own = {name for name in imported(file) if name.startswith("heatmark.")}
        assert all(name.startswith("heatmark.reports.statistics.") for name in own), file


def test_every_file_of_a_section_is_found_and_stands_in_its_place() -> None:
    sections = all_sections()
    assert [section.order for section in sections] == sorted({section.order for section in sections})
    assert [section.title for section in sections] == [
        *("Verdict", "All comparisons", "Accuracy", "Convergence", "Figures of the paper", "Predictions"),
        *("Tables of the paper", "Trials without a result", "How the trials were trained", "Versions and machine"),
    ]
    names = [sys.modules[type(section).__module__].__name__ for section in sections]
    assert len(set(names)) == len(names)


def test_a_section_that_is_not_there_is_empty() -> None:
    assert importlib.import_module("heatmark.reports.build")
    assert Document("a", "", "", (), ()).section("Verdict").blocks == ()
