"""The rooms of reports/: what each may use, and that a section is one class in one file."""

from __future__ import annotations

import ast
import re
import subprocess
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


def test_a_drawing_of_an_analysis_uses_the_drawing_board_alone() -> None:
    for file in (REPORTS / "analyses").rglob("*.py"):
        used = {name for name in imported(file) if name.startswith("heatmark.")}
        assert all(name.startswith("heatmark.reports.rendering.") for name in used), file


def test_the_statistics_know_only_arrays() -> None:
    for file in (REPORTS / "statistics").rglob("*.py"):
        own = {name for name in imported(file) if name.startswith("heatmark.")}
        assert all(name.startswith("heatmark.reports.statistics.") for name in own), file


def test_every_file_of_a_section_is_found_and_stands_in_its_place() -> None:
    sections = all_sections()
    assert [section.order for section in sections] == sorted({section.order for section in sections})
    assert [section.title for section in sections] == [
        "In short",
        *("Verdict", "Across settings", "All comparisons", "Accuracy", "Single joints", "Localisation and ranking"),
        *("One net, many read-outs", "Kinds of error", "Calibration", "Convergence"),
        *("Figures of the paper", "Predictions"),
        *("The paper's open choices", "Tables of the paper"),
        *("Trials and their files", "Trials without a result"),
        *("How the trials were trained", "Versions and machine"),
    ]
    names = [sys.modules[type(section).__module__].__name__ for section in sections]
    assert len(set(names)) == len(names)


SPEED = """
import pandas as pd
from heatmark.reports.rendering.table import Cell, Column, Export, Table
from heatmark.reports.sections.section import Section

class Speed(Section):
    title = "How fast"
    order = 35

    def blocks(self, study):
        names = [cell.label for cell in study.cells]
        rows = tuple((Cell(name),) for name in names)
        yield Export(Table((Column("Cell", False),), rows, "All cells.", name="speed"), pd.DataFrame({"cell": names}))
"""
BUILD = """
import pathlib, sys
from heatmark.reports import sections
from heatmark.reports.build import build_report
sections.__path__.append(sys.argv[1])
build_report(pathlib.Path(sys.argv[2]))
"""


def test_a_new_table_is_one_file(sweep: Path, tmp_path: Path) -> None:
    """It stands in its place on the page and in the PDF's contents, and is written as csv, parquet and LaTeX."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "speed.py").write_text(SPEED)
    subprocess.run([sys.executable, "-c", BUILD, str(tmp_path / "more"), str(sweep)], check=True, timeout=150)
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", (sweep / "report.html").read_text())
    place = headings.index("How fast")
    assert headings[place - 1 : place + 2] == ["Convergence", "How fast", "Figures of the paper"]
    tables = sweep / "report" / "tables"
    assert (tables / "speed.csv").read_text().splitlines()[:2] == ["cell", "Detection"]
    assert (tables / "speed.parquet").is_file() and (tables / "speed.tex").is_file()


def test_a_section_that_is_not_there_is_empty() -> None:
    assert Document("a", "", "", (), ()).section("Verdict").blocks == ()
